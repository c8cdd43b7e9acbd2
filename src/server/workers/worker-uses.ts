/**
 * Up to when the uses of credentials of all workers of a node are written. Of a worker that ended without having written its
 * own, nobody knows them: a gap is recorded, and until it is, the node claims no more than before.
 */
import type { Worker } from 'node:cluster'
import { randomUUID } from 'node:crypto'
import { useGapStore } from '../../records/node-store.ts'
import type { Database } from '../../storage/transaction.ts'
import type { Region } from '../../tenancy/region.ts'

type Known = { flushedAt: Date | undefined; readonly since: number; written: boolean }
type Gap = { readonly id: string; readonly since: number }

/** Seconds that a gap is made longer by, for clocks that differ and the way to the database. */
const MARGIN = 10

export type WorkerUses = ReturnType<typeof workerUses>

/** @param wallClock milliseconds since 1970 */
export function workerUses(region: Region, database: Database, wallClock: () => number) {
  const workers = new Map<Worker, Known>()
  const gaps = new Set<Gap>()

  const recordGaps = async () => {
    for (const gap of gaps) {
      const seconds = (wallClock() - gap.since) / 1000 + MARGIN
      await database.asOperator((connection) => useGapStore(connection, region).insertGap(gap.id, seconds))
      gaps.delete(gap)
    }
  }

  return {
    joined: (worker: Worker) =>
      void workers.set(worker, { flushedAt: undefined, since: wallClock(), written: false }),

    flushed(worker: Worker, at: Date | undefined): void {
      const known = workers.get(worker)
      if (known !== undefined) known.flushedAt = at
    },

    written(worker: Worker): void {
      const known = workers.get(worker)
      if (known !== undefined) known.written = true
    },

    gone(worker: Worker): void {
      const known = workers.get(worker)
      workers.delete(worker)
      if (known === undefined || known.written) return
      gaps.add({ id: randomUUID(), since: known.flushedAt?.getTime() ?? known.since })
    },

    /** Undefined: no later than was said before. */
    flushedAt(): Date | undefined {
      if (gaps.size > 0 || workers.size === 0) return undefined
      const all = [...workers.values()].map(({ flushedAt }) => flushedAt?.getTime())
      return all.includes(undefined) ? undefined : new Date(Math.min(...all.map((at) => at ?? 0)))
    },

    /** Tries; what cannot be recorded is tried again the next time. @returns whether nothing is missing */
    async record(): Promise<boolean> {
      await recordGaps().catch(() => {})
      return gaps.size === 0
    },
  }
}
