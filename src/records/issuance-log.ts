/**
 * The issuance log of one region: who got which token. `async` writes in batches from a bounded queue, off the token path;
 * what finds no room is dropped, and counted in the log itself. `durable` answers only after the commit that holds the row,
 * and fails closed. In both, one batch is under way at a time and the next one collects meanwhile.
 */
import type { TenantId, WorkspaceId } from '../ids.ts'
import type { Observe } from '../observe/observation.ts'
import { isUnavailable, sqlState, type Database } from '../storage/transaction.ts'
import type { Region } from '../tenancy/region.ts'
import type { IssuedToken } from './issuance-batch.ts'
import { issuanceDrops } from './issuance-drops.ts'
import { issuanceQueue, settlementOf, type QueuedBatch } from './issuance-queue.ts'
import { issuanceStore } from './issuance-store.ts'
import { notRecorded } from './not-recorded.ts'

export type IssuanceMode = 'off' | 'async' | 'durable'

export type IssuanceLog = {
  /** @returns what the answer must wait for, where it must; rejects with an OAuthError 503 when there is no row */
  record(token: IssuedToken): Promise<void> | undefined
  /** Ends when what waits now was tried once. */
  flush(): Promise<void>
  /** Tries once more; afterwards nothing runs. */
  close(): Promise<void>
  gauges(): IssuanceGauges
}

/** Since the start, but for `waiting`. */
export type IssuanceGauges = {
  readonly waiting: number
  readonly rows: number
  readonly commits: number
  readonly dropped: number
}

type Needs = {
  readonly region: Region
  readonly mode: IssuanceMode
  /** In `durable`: one whose commits survive the loss of power. */
  readonly database: Database
  readonly observe: Observe
  /** Milliseconds since 1970. */
  readonly wallClock: () => number
  /** Rows that wait: some 300 bytes each. */
  readonly maxWaiting?: number
}

const BATCH = 500
const MAX_WAITING = 100_000
/** Milliseconds that a batch collects at the most: off the token path, and with answers that wait for it. */
const ASYNC_PATIENCE = 200
const DURABLE_PATIENCE = 10
const MAX_PAUSE = 10_000

export function issuanceLog(needs: Needs): IssuanceLog {
  const { region, mode, database, observe, wallClock, maxWaiting = MAX_WAITING } = needs
  const durable = mode === 'durable'
  const patience = durable ? DURABLE_PATIENCE : ASYNC_PATIENCE
  const queue = issuanceQueue(BATCH, maxWaiting)
  const drops = issuanceDrops(wallClock)
  /** Rows that are worth a commit of their own. */
  let enough = durable ? 1 : BATCH
  let pause = 0
  let timer: NodeJS.Timeout | undefined
  let soon = false
  let running: Promise<void> | undefined
  let closed = false
  const counts = { rows: 0, commits: 0, dropped: 0 }

  const drop = (owner: { tenantId: TenantId; workspaceId: WorkspaceId }) => {
    counts.dropped += 1
    drops.add(owner)
  }

  const schedule = () => {
    if (closed || running !== undefined) return
    if (pause === 0 && queue.rows() >= enough) {
      // After those that are ready in this turn, too.
      if (!soon) setImmediate(start)
      soon = true
    } else if (queue.rows() > 0 || !drops.isEmpty()) {
      // With jitter: nodes that lost a database together do not come back together.
      timer ??= setTimeout(start, pause === 0 ? patience : pause * (0.5 + Math.random() / 2)).unref()
    }
  }

  const start = () => {
    soon = false
    if (running === undefined && !closed) void run(1)
  }

  /** @param most batches, and as many more as have collected enough meanwhile */
  const run = (most: number): Promise<void> => {
    clearTimeout(timer)
    timer = undefined
    running = (async () => {
      for (let done = 0; done < most || queue.rows() >= enough; done++) {
        const batch = queue.take()
        if (batch === undefined && drops.isEmpty()) break
        const reached = await tried(batch)
        pause = reached ? 0 : Math.min(Math.max(pause * 2, ASYNC_PATIENCE), MAX_PAUSE)
        if (!reached) break
      }
    })().finally(() => {
      running = undefined
      schedule()
    })
    return running
  }

  /** @returns whether the database said anything; what it refuses is not tried again, nor what somebody waits for */
  const tried = async (batch: QueuedBatch | undefined): Promise<boolean> => {
    const dropped = drops.report()
    try {
      await write(batch, dropped)
    } catch (error) {
      const away = isUnavailable(error)
      if (batch !== undefined && away && !durable) queue.putBack(batch)
      else if (batch !== undefined) {
        if (!durable) for (const owner of batch.rows.owners()) drop(owner)
        batch.settlement?.settle(notRecorded(error))
        queue.release(batch)
      }
      if (!away) {
        drops.reported()
        const code = sqlState(error) ?? 'without a code'
        observe({
          type: 'warning',
          message: `region ${region}: rows of the issuance log were not written (${code})`,
        })
      }
      // Answers wait: they are told at once, whatever there was before.
      return !away || durable
    }
    drops.reported()
    if (batch === undefined) return true
    counts.rows += batch.rows.length()
    counts.commits += 1
    observe({ type: 'issuance_committed', region, rows: batch.rows.length() })
    // Whoever is released now, and whoever came meanwhile, may well come again together.
    if (durable) enough = Math.min(BATCH, batch.rows.length() + queue.rows())
    batch.settlement?.settle()
    queue.release(batch)
    return true
  }

  const write = (batch: QueuedBatch | undefined, dropped: ReturnType<typeof drops.report>): Promise<void> =>
    database.asOperator(async (connection) => {
      const store = issuanceStore(connection)
      if (batch?.again === true) await store.insertIssuedAgain(batch.rows.columns())
      else if (batch !== undefined) await store.insertIssued(batch.rows.columns())
      await store.insertDropped(dropped)
    })

  const idle = async (): Promise<void> => {
    if (running === undefined) return
    await running
    await idle()
  }

  const flush = async (): Promise<void> => {
    await idle()
    await run(Math.max(1, queue.batches()))
  }

  return {
    record(token) {
      if (mode === 'off') return undefined
      const { workspace } = token
      const batch = closed ? undefined : queue.add(token, wallClock())
      if (batch === undefined) {
        if (durable)
          return Promise.reject(notRecorded(new Error('too many answers wait for the issuance log')))
        drop({ tenantId: workspace.tenant.id, workspaceId: workspace.id })
        schedule()
        return undefined
      }
      if (running === undefined && (timer === undefined || queue.rows() >= enough)) schedule()
      return durable ? settlementOf(batch) : undefined
    },

    flush,
    async close() {
      await flush()
      closed = true
      clearTimeout(timer)
      const lost = queue.rows()
      counts.dropped += lost
      if (lost > 0) {
        observe({
          type: 'warning',
          message: `region ${region}: ${lost} rows of the issuance log were lost, its database is away`,
        })
      }
    },

    gauges: () => ({ waiting: queue.rows(), ...counts }),
  }
}
