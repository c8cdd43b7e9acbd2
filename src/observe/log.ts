/**
 * The log: JSON lines, one observation each, written asynchronously from a bounded buffer. When whoever reads them is
 * slower than what happens, lines are dropped and counted, and the count is logged; nothing ever waits for the log.
 * An issued token is no line but a number; refusals are at most ten lines a second and reason, faults ten a second and kind,
 * the rest a number.
 */
import { pino, type Logger } from 'pino'
import { lineLimit } from './line-limit.ts'
import type { Observation, Observe } from './observation.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

export type Log = {
  readonly observe: Observe
  /** Lines that were dropped since the start. */
  dropped(): number
  /** Writes what is buffered, and closes the destination unless it is stdout or stderr. What is observed later is not logged. */
  close(): Promise<void>
}

type Options = {
  readonly level: LogLevel
  /** A file descriptor, or a path. */
  readonly destination?: number | string
  /** Bytes that wait to be written; what comes beyond is dropped. */
  readonly bufferBytes?: number
}

const BUFFER_BYTES = 8 * 1024 * 1024
const CHUNK_BYTES = 4096
const SECOND = 1000

export function openLog({ level, destination = 1, bufferBytes = BUFFER_BYTES }: Options): Log {
  const stream = pino.destination({
    dest: destination,
    sync: false,
    minLength: CHUNK_BYTES,
    maxLength: bufferBytes,
  })
  let dropped = 0
  let reported = 0
  stream.on('drop', () => {
    dropped += 1
  })
  // A reader that went away (EPIPE) is no reason to stop issuing tokens.
  stream.on('error', () => {
    dropped += 1
  })
  const logger = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, stream)
  const refusals = lineLimit()
  const faults = lineLimit()
  let issued = 0
  let closed = false

  const summarize = () => {
    for (const [reason, count] of refusals.takeSurplus())
      logger.warn({ event: 'refusals_not_logged', reason, count })
    for (const [kind, count] of faults.takeSurplus())
      logger.error({ event: 'server_errors_not_logged', kind, count })
    if (issued > 0) logger.info({ event: 'tokens_issued', count: issued })
    issued = 0
    const lacking = dropped
    if (lacking > reported) logger.warn({ event: 'log_lines_dropped', count: lacking - reported })
    // Where this line was dropped too, the next second says it.
    if (dropped === lacking) reported = lacking
    stream.flush()
  }
  const timer = setInterval(summarize, SECOND)
  timer.unref()

  return {
    observe(observation) {
      if (closed) return
      if (observation.type === 'token_issued') {
        issued += 1
        if (logger.isLevelEnabled('debug')) write(logger, observation)
        return
      }
      if (observation.type === 'request_refused' && !refusals.allows(observation.reason)) return
      if (observation.type === 'server_error' && !faults.allows(kindOf(observation.error))) return
      write(logger, observation)
    },

    dropped: () => dropped,

    async close() {
      clearInterval(timer)
      summarize()
      closed = true
      // Not flush: that calls back with up to CHUNK_BYTES unwritten.
      stream.end()
      // A reader that takes nothing any more must not hold up the stop.
      await Promise.race([
        new Promise<void>((resolve) => stream.once('close', resolve)),
        new Promise<void>((resolve) => setTimeout(resolve, SECOND).unref()),
      ])
    },
  }
}

/** Few, whatever happens: a message would be another one each time. */
function kindOf(error: unknown): string {
  const { name, code } = (error ?? {}) as { name?: unknown; code?: unknown }
  return [name, code].filter((part) => typeof part === 'string').join(' ') || typeof error
}

/** The one place that says which field of what reaches the log: a field that is not named here does not. */
function write(logger: Logger, observation: Observation): void {
  const { type: event } = observation
  switch (observation.type) {
    case 'token_issued': {
      const { requestId, issuer, clientId, credentialId, grantType, scope, tokenId } = observation
      logger.debug({ event, requestId, issuer, clientId, credentialId, grantType, scope, tokenId })
      return
    }
    case 'request_refused': {
      const { requestId, peer, status, code, reason, issuer } = observation
      logger[status >= 500 ? 'error' : 'info']({ event, requestId, peer, status, code, reason, issuer })
      return
    }
    case 'server_error': {
      const { requestId, error } = observation
      logger.error({ event, requestId, error: describe(error) })
      return
    }
    case 'server_started': {
      const { url, opsUrl, regions } = observation
      logger.info({ event, url, opsUrl, regions })
      return
    }
    case 'worker_ended': {
      const { pid, code, signal } = observation
      logger.error({ event, pid, code, signal })
      return
    }
    case 'certificate_replaced':
      logger.info({ event, endsAt: observation.endsAt })
      return
    case 'server_stopping':
    case 'server_stopped':
      logger.info({ event })
      return
    case 'memory_emptied': {
      const { region, feedNumber } = observation
      logger.warn({ event, region, feedNumber })
      return
    }
    case 'database_lost':
      logger.error({ event, region: observation.region, error: describe(observation.error) })
      return
    case 'replica_lost':
      logger.warn({ event, region: observation.region, error: describe(observation.error) })
      return
    case 'database_found':
    case 'replica_found':
      logger.warn({ event, region: observation.region })
      return
    case 'listening': {
      const { region, listening } = observation
      logger[listening ? 'info' : 'warn']({ event, region, listening })
      return
    }
    case 'clock_compared': {
      const { region, state, skewMillis } = observation
      logger[state === 'wrong' ? 'error' : 'warn']({ event, region, state, skewMillis })
      return
    }
    case 'clock_jumped': {
      const { region, jumpMillis } = observation
      logger.error({ event, region, jumpMillis })
      return
    }
    case 'connections_counted': {
      const { region, connections, limit, nodes, tooMany } = observation
      logger[tooMany ? 'warn' : 'debug']({ event, region, connections, limit, nodes })
      return
    }
    case 'issuance_tended': {
      const { region, strays, detached, dropped } = observation
      logger[strays > 0 ? 'warn' : 'debug']({ event, region, strays, detached, dropped })
      return
    }
    case 'warning':
      logger.warn({ event, message: observation.message })
  }
}

/** Of an error: its name, code, message and stack, and those of its causes. Never what it was thrown with. */
function describe(error: unknown): object {
  if (typeof error !== 'object' || error === null) return { message: String(error) }
  const { name, code, message, stack, cause } = error as Error & { code?: unknown }
  return {
    name,
    ...(typeof code === 'string' && { code }),
    message,
    stack,
    ...(cause !== undefined && { cause: describe(cause) }),
  }
}
