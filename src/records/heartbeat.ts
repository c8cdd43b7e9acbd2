/**
 * A node's heartbeat: each second, and whenever it has read a change, it says how far it has read the region's feed, so
 * that a change can wait until all live nodes know of it. In the same question it compares its clock with the database's.
 */
import { OAuthError } from '../oauth/error.ts'
import type { Observe } from '../observe/observation.ts'
import type { Database } from '../storage/transaction.ts'
import type { Region } from '../tenancy/region.ts'
import { nodeStore, type NodeReport } from './node-store.ts'

type Needs = {
  readonly region: Region
  readonly database: Database
  readonly node: Omit<NodeReport, 'feedNumber' | 'usesFlushedAt'>
  readonly feedNumber: () => number
  readonly usesFlushedAt: () => Date | undefined
  readonly observe: Observe
  /** Milliseconds since 1970, of the clock that tokens are issued by. */
  readonly wallClock: () => number
  readonly monotonic: () => number
}

export type Heartbeat = ReturnType<typeof heartbeat>

const INTERVAL = 1000
/** Milliseconds that the clocks may differ, beyond what the question itself took. */
const SUSPICIOUS = 2000
const WRONG = 5000

export function heartbeat(needs: Needs) {
  const { region, database, node, feedNumber, usesFlushedAt, observe, wallClock, monotonic } = needs
  let skew = 0
  let state: 'right' | 'suspicious' | 'wrong' = 'right'
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | undefined
  let again = false
  let stopped = false

  const compareClocks = (databaseClock: number, sentAt: number, took: number) => {
    // The answer is of some moment in between.
    const difference = sentAt + took / 2 - databaseClock
    skew = Math.sign(difference) * Math.max(0, Math.abs(difference) - took / 2)
    const now = Math.abs(skew) > WRONG ? 'wrong' : Math.abs(skew) > SUSPICIOUS ? 'suspicious' : 'right'
    if (now !== state) observe({ type: 'clock_compared', region, state: now, skewMillis: Math.round(skew) })
    state = now
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
      return { databaseClock, took: monotonic() - begunAt }
    })
    compareClocks(answered.databaseClock, sentAt, answered.took)
  }

  const beat = (): Promise<void> => {
    if (running !== undefined) {
      again = true
      return running
    }
    running = once()
      // A database that is away is seen by those who follow the feed.
      .catch(() => {})
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
      timer = setInterval(() => void beat(), INTERVAL)
      timer.unref()
    },

    /** The node has read a change: whoever waits for it need not wait for the next second. */
    beatNow(): void {
      if (timer !== undefined) void beat()
    },

    isClockRight: () => state !== 'wrong',
    /** Milliseconds, as of the last answer; positive: the node is ahead. */
    skew: () => skew,

    /** @throws OAuthError 503 while a token of this node might say that it was issued at a wrong time */
    requireRightClock(): void {
      if (state === 'wrong') {
        throw new OAuthError('temporarily_unavailable', 'clock_wrong', 'try again at another server', {
          headers: { 'Retry-After': '5' },
        })
      }
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
