/**
 * A node's heartbeat: each second, and whenever it has read a change, it says how far it has read the region's feed, so
 * that a change can wait until all live nodes know of it. In the same question it compares its clock with the database's;
 * between two answers it compares its clock with the monotonic one, and where they part (a clock that was set, a machine that
 * slept), the node is out until the database has confirmed its clock.
 */
import { nodeKeysStore } from '../keys/node-keys-store.ts'
import { knownToAll } from '../keys/sealing-key.ts'
import { OAuthError } from '../oauth/error.ts'
import type { Observe } from '../observe/observation.ts'
import { isUnavailable, sqlState, type Database } from '../storage/transaction.ts'
import type { Region } from '../tenancy/region.ts'
import { nodeStore, type NodeReport } from './node-store.ts'

type Needs = {
  readonly region: Region
  readonly database: Database
  readonly node: Omit<NodeReport, 'feedNumber' | 'usesFlushedAt'>
  readonly feedNumber: () => number
  readonly usesFlushedAt: () => Date | undefined
  readonly observe: Observe
  /** Milliseconds since 1970, of the clock that may be set. */
  readonly wallClock: () => number
  /** Milliseconds. */
  readonly monotonic: () => number
  /** The wall clock was compared, and may be believed: by how much it was ahead of the monotonic one, in milliseconds. */
  readonly onRightClock?: (offset: number) => void
  /** Told at each answer which of this node's master keys all nodes know. */
  readonly onMasterKeys?: (knownToAll: readonly string[]) => void
}

export type ClockFault = 'not compared' | 'wrong' | 'jumped'
export type Heartbeat = ReturnType<typeof heartbeat>

const INTERVAL = 1000
/** Milliseconds that the clocks may differ, beyond what the question itself took. */
const SUSPICIOUS = 2000
const WRONG = 5000

export function heartbeat(needs: Needs) {
  const { region, database, node, feedNumber, usesFlushedAt, observe, wallClock, monotonic } = needs
  const { onRightClock, onMasterKeys } = needs
  /** Milliseconds that the wall clock was ahead, of the database's and of the monotonic one. */
  let compared: { readonly skew: number; readonly offset: number } | undefined
  let state: 'right' | 'suspicious' | 'wrong' = 'right'
  /** Since the last answer. */
  let jumped = false
  let failing: string | undefined
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | undefined
  let again = false
  let stopped = false

  const drift = () => (compared === undefined ? 0 : wallClock() - monotonic() - compared.offset)

  const compareClocks = (databaseClock: number, sentAt: number, begunAt: number, took: number) => {
    // The answer is of some moment in between.
    const difference = sentAt + took / 2 - databaseClock
    const skew = Math.sign(difference) * Math.max(0, Math.abs(difference) - took / 2)
    const now = Math.abs(skew) > WRONG ? 'wrong' : Math.abs(skew) > SUSPICIOUS ? 'suspicious' : 'right'
    if (now !== state || jumped)
      observe({ type: 'clock_compared', region, state: now, skewMillis: Math.round(skew) })
    state = now
    jumped = false
    compared = { skew, offset: sentAt - begunAt }
    if (now !== 'wrong') onRightClock?.(compared.offset)
  }

  /** As often as somebody asks: a token must not slip through between two beats. */
  const lookForJump = () => {
    const jump = drift()
    if (jumped || state === 'wrong' || Math.abs(jump) <= WRONG) return
    jumped = true
    observe({ type: 'clock_jumped', region, jumpMillis: Math.round(jump) })
    if (timer !== undefined) void beat()
  }

  const clockFault = (): ClockFault | undefined => {
    lookForJump()
    if (compared === undefined) return 'not compared'
    if (state === 'wrong') return 'wrong'
    return jumped ? 'jumped' : undefined
  }

  /** Once, until it is another one or none. A database that is away is seen by those who follow the feed. */
  const failed = (error: unknown) => {
    if (isUnavailable(error)) return
    const kind = sqlState(error) ?? String(Object(error).name)
    if (kind !== failing) observe({ type: 'server_error', requestId: `heartbeat of ${region}`, error })
    failing = kind
  }

  const once = async () => {
    const number = feedNumber()
    if (number < 0 || stopped) return
    const sentAt = wallClock()
    const begunAt = monotonic()
    const answered = await database.asOperator(async (connection) => {
      const report = { ...node, feedNumber: number, usesFlushedAt: usesFlushedAt() }
      const databaseClock = await nodeStore(connection, region).upsertNode(report)
      // As of the answer: what the transaction's end takes says nothing of clocks.
      const took = monotonic() - begunAt
      const nodes = await nodeKeysStore(connection, region).listNodeKeys()
      return { databaseClock, took, nodes }
    })
    onMasterKeys?.(node.masterKeyIds.filter(knownToAll(answered.nodes)))
    failing = undefined
    compareClocks(answered.databaseClock, sentAt, begunAt, answered.took)
  }

  const beat = (): Promise<void> => {
    if (running !== undefined) {
      again = true
      return running
    }
    running = once()
      .catch(failed)
      .finally(() => {
        running = undefined
        if (again && !stopped) void beat()
        again = false
      })
    return running
  }

  return {
    async start(): Promise<void> {
      await beat()
      timer = setInterval(() => {
        lookForJump()
        void beat()
      }, INTERVAL)
      timer.unref()
    },

    /** The node has read a change: whoever waits for it need not wait for the next second. */
    beatNow(): void {
      if (timer !== undefined) void beat()
    },

    /** Why no token is issued, if so. */
    clockFault,
    /** Milliseconds, as of the last answer and of what happened to the clock since; positive: the node is ahead. */
    skew: () => Math.round((compared?.skew ?? 0) + drift()),

    /** @throws OAuthError 503 while a token of this node might say that it was issued at a wrong time */
    requireRightClock(): void {
      if (clockFault() !== undefined) throw clockWrong()
    },

    /**
     * Nobody waits for a node that said it stops.
     * @param usesWritten false: its row stays, and says since when nobody knows its uses
     */
    async stop(usesWritten: boolean): Promise<void> {
      stopped = true
      clearInterval(timer)
      await running
      if (!usesWritten) return
      await database
        .asOperator((connection) => nodeStore(connection, region).deleteNode(node.id))
        .catch(() => {})
    },
  }
}

export function clockWrong(): OAuthError {
  return new OAuthError('temporarily_unavailable', 'clock_wrong', 'try again at another server', {
    headers: { 'Retry-After': '5' },
  })
}
