/**
 * LISTEN on a connection of its own, opened again by itself for as long as it is wanted. A notification is only a hint that
 * something changed: whoever needs to know asks the tables, and goes on asking when no hint comes.
 */
import { Client, type ClientConfig } from 'pg'
import { isPooled } from './pooler.ts'

/** Where changes are announced; the payload is the region. */
export const CHANGE_CHANNEL = 'regent_change'

export type Listener = { close(): Promise<void> }

type Needs = {
  /** Past a pooler: one that hands each transaction another session delivers nothing. */
  readonly connection: ClientConfig
  /**
   * Told, instead of listening, where a pooler stands between: what LISTEN leaves on a session that it hands on would meet
   * others. Without it, whoever named the connection promised that sessions are kept.
   */
  readonly onPooler?: () => void
  readonly channel: string
  /** With the payload; also with none after each (re)connection, when hints may have been missed. */
  readonly onHint: (payload: string | undefined) => void
  readonly onState?: (listening: boolean, cause?: unknown) => void
  readonly random?: () => number
}

const FIRST_PAUSE = 100
const LONGEST_PAUSE = 5000
/** Milliseconds between two questions that show whether the other end still lives, and until one counts as lost. */
const PROBE_INTERVAL = 5000
const PROBE_TIMEOUT = 2000

export function openListener(needs: Needs): Listener {
  const { connection, channel, onHint, onPooler, onState = () => {}, random = Math.random } = needs
  const state: { closed: boolean; client?: Client; wake?: () => void } = { closed: false }

  const pause = (milliseconds: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, milliseconds)
      timer.unref()
      state.wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })

  const listenOnce = async (onListening: () => void) => {
    const own = new Client({
      application_name: 'regent listen',
      connectionTimeoutMillis: PROBE_TIMEOUT,
      ...connection,
      keepAlive: true,
    })
    state.client = own
    const lost = new Promise<never>((_, reject) => {
      own.on('error', reject)
      own.on('end', () => reject(new Error('the connection that listens was closed')))
    })
    lost.catch(() => {})
    try {
      const connected = own.connect()
      connected.catch(() => {})
      // Ended while it connects, pg settles nothing.
      await Promise.race([connected, lost])
      if (onPooler !== undefined && (await Promise.race([isPooled(own), lost, late()]))) {
        state.closed = true
        onPooler()
        return
      }
      own.on('notification', ({ payload }) => onHint(payload))
      await Promise.race([own.query(`LISTEN ${own.escapeIdentifier(channel)}`), lost, late()])
      onListening()
      while (!state.closed) {
        await Promise.race([pause(PROBE_INTERVAL), lost])
        if (!state.closed) await Promise.race([requireListening(own), lost, late()])
      }
    } finally {
      // With a question under way, end() cuts the socket.
      void own.end().catch(() => {})
    }
  }

  const requireListening = async (own: Client) => {
    const { rows } = await own.query<{ channel: string }>('SELECT pg_listening_channels() AS channel')
    // Ours was another session: a pooler hands them on.
    if (!rows.some((row) => row.channel === channel))
      throw new Error('the session that listens is not ours any more')
  }

  const running = (async () => {
    let failures = 0
    let listening = false
    while (!state.closed) {
      try {
        await listenOnce(() => {
          failures = 0
          listening = true
          onState(true)
          onHint(undefined)
        })
      } catch (error) {
        if (listening && !state.closed) onState(false, error)
        listening = false
      }
      if (!state.closed) await pause(Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** failures) * (0.5 + random()))
      failures += 1
    }
  })()

  return {
    async close() {
      state.closed = true
      state.wake?.()
      void state.client?.end().catch(() => {})
      await running
    },
  }
}

function late(): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error('the connection that listens does not answer')), PROBE_TIMEOUT).unref()
  })
}
