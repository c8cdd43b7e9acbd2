/**
 * The log: JSON lines, one observation each, written asynchronously from a bounded buffer. When whoever reads them is
 * slower than what happens, lines are dropped and counted, and the count is logged; nothing ever waits for the log.
 * An issued token is no line but a number; refusals are at most ten lines a second and reason, faults ten a second and kind,
 * the rest a number.
 */
import { pino } from 'pino'
import { lineLimit } from './line-limit.ts'
import { writeLine } from './log-line.ts'
import type { Observe } from './observation.ts'

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
        if (logger.isLevelEnabled('debug')) writeLine(logger, observation)
        return
      }
      // The rest of what each request leaves: numbers, for the metrics.
      if (observation.type === 'request_answered' || observation.type === 'turn_taken') return
      if (observation.type === 'request_refused' && !refusals.allows(observation.reason)) return
      if (observation.type === 'server_error' && !faults.allows(kindOf(observation.error))) return
      writeLine(logger, observation)
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
