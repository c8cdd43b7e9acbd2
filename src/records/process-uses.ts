/**
 * Up to when the uses of credentials of all processes of a node are written. Of one that ended without having written its own,
 * nobody knows them: a gap is recorded, and until it is, the node claims no more than before.
 */
import { randomUUID } from 'node:crypto'
import { useGapStore } from './node-store.ts'
import type { Database } from '../storage/transaction.ts'
import type { Region } from '../tenancy/region.ts'

type Known = { flushedAt: Date | undefined; readonly since: number; written: boolean }
type Gap = { readonly id: string; readonly since: number }

/** Seconds that a gap is made longer by, for clocks that differ and the way to the database. */
const MARGIN = 10

/** @param wallClock milliseconds since 1970 */
export function processUses<Process>(region: Region, database: Database, wallClock: () => number) {
  const processes = new Map<Process, Known>()
  const gaps = new Set<Gap>()

  const recordGaps = async () => {
    for (const gap of gaps) {
      const seconds = (wallClock() - gap.since) / 1000 + MARGIN
      await database.asOperator((connection) => useGapStore(connection, region).insertGap(gap.id, seconds))
      gaps.delete(gap)
    }
  }

  return {
    joined: (process: Process) =>
      void processes.set(process, { flushedAt: undefined, since: wallClock(), written: false }),

    flushed(process: Process, at: Date | undefined): void {
      const known = processes.get(process)
      if (known !== undefined) known.flushedAt = at
    },

    written(process: Process): void {
      const known = processes.get(process)
      if (known !== undefined) known.written = true
    },

    gone(process: Process): void {
      const known = processes.get(process)
      processes.delete(process)
      if (known === undefined || known.written) return
      gaps.add({ id: randomUUID(), since: known.flushedAt?.getTime() ?? known.since })
    },

    /** Undefined: no later than was said before. */
    flushedAt(): Date | undefined {
      if (gaps.size > 0 || processes.size === 0) return undefined
      const all = [...processes.values()].map(({ flushedAt }) => flushedAt?.getTime())
      return all.includes(undefined) ? undefined : new Date(Math.min(...all.map((at) => at ?? 0)))
    },

    /** Tries; what cannot be recorded is tried again the next time. @returns whether nothing is missing */
    async record(): Promise<boolean> {
      await recordGaps().catch(() => {})
      return gaps.size === 0
    },
  }
}
