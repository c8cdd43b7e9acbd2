/**
 * When each credential was used last and how often, and how many tokens each client got a day: kept in memory, and written
 * down each minute and at the end. Nobody waits for it. It says up to when all is written, so that who asks whether a
 * credential is still in use can tell 'no' from 'not known'.
 */
import { randomUUID } from 'node:crypto'
import type { ClientId, CredentialId } from '../ids.ts'
import type { Observe } from '../observe/observation.ts'
import { isUnavailable, sqlState, type Database } from '../storage/transaction.ts'
import type { Region } from '../tenancy/region.ts'
import type { Workspace } from '../tenancy/tenant.ts'
import { useGapStore } from './node-store.ts'
import { batches, notedUses } from './noted-uses.ts'
import { useStore } from './use-store.ts'

export type LastUse = {
  /** The credential was right, whatever became of the request. @param peer network address of who used it */
  used(workspace: Workspace, clientId: ClientId, credentialId: CredentialId, peer: string): void
  /** The client got a token. */
  issued(workspace: Workspace, clientId: ClientId): void
  /** By the database's clock: all before is written. */
  flushedAt(): Date | undefined
  /** @returns whether all that was noted before is written */
  flush(): Promise<boolean>
  /** Tries once more; afterwards nothing runs. @returns whether all is written */
  close(): Promise<boolean>
}

type Needs = {
  readonly region: Region
  readonly database: Database
  readonly observe: Observe
  /** Milliseconds since 1970. */
  readonly wallClock: () => number
  readonly monotonic: () => number
  /** Credentials, and clients, that are noted between two writings: some 300 bytes each. */
  readonly maxNoted?: number
}

const INTERVAL = 60_000
const DAY = 24 * 60 * 60 * 1000
const MAX_NOTED = 200_000
/** Seconds that a gap is made longer by, for the way to the database. */
const MARGIN = 5

export function lastUse(needs: Needs): LastUse {
  const { region, database, observe, wallClock, monotonic, maxNoted = MAX_NOTED } = needs
  let noted = notedUses(maxNoted)
  let day = ''
  let dayEnds = 0
  let flushedAt: Date | undefined
  /** Uses that there was no room for: since when, by the monotonic clock. */
  let gap: { readonly id: string; readonly since: number } | undefined
  let last: Promise<unknown> = Promise.resolve()
  let closed = false

  const timer = setInterval(() => void flush(), INTERVAL * (0.9 + 0.1 * Math.random()))
  timer.unref()

  const today = (at: number): string => {
    if (at >= dayEnds || at < dayEnds - DAY) {
      dayEnds = (Math.floor(at / DAY) + 1) * DAY
      day = new Date(at).toISOString().slice(0, 10)
    }
    return day
  }

  const round = async (): Promise<boolean> => {
    let asOf: Date | undefined
    let taken = notedUses(0)
    try {
      // What is noted before the answer is taken after it: all before that moment is in what was taken, or written.
      asOf = await database.asOperator((connection) => useStore(connection).readClock())
      taken = noted
      noted = notedUses(maxNoted)
      const since = gap
      if (since !== undefined) {
        const seconds = (monotonic() - since.since) / 1000 + MARGIN
        await database.asOperator((connection) =>
          useGapStore(connection, region).insertGap(since.id, seconds),
        )
        if (gap === since) gap = undefined
      }
      for (const batch of batches(taken.uses)) {
        await database.asOperator((connection) => useStore(connection).addUses(batch.map(([, uses]) => uses)))
        for (const [key] of batch) taken.uses.delete(key)
      }
      for (const batch of batches(taken.counts)) {
        await database.asOperator((connection) => useStore(connection).addCounts(batch.map(([, one]) => one)))
        for (const [key] of batch) taken.counts.delete(key)
      }
    } catch (error) {
      noted.addAll(taken)
      if (!isUnavailable(error)) {
        const code = sqlState(error) ?? 'without a code'
        observe({ type: 'warning', message: `region ${region}: uses were not recorded (${code})` })
      }
      return false
    }
    flushedAt = asOf
    return true
  }

  const flush = (): Promise<boolean> => {
    const now = last.then(round)
    last = now
    return now
  }

  return {
    used(workspace, clientId, credentialId, peer) {
      const known = closed ? undefined : noted.findUse(workspace, clientId, credentialId)
      if (known === undefined) {
        gap ??= { id: randomUUID(), since: monotonic() }
        return
      }
      known.uses += 1
      known.lastUsedAt = Math.max(known.lastUsedAt, wallClock())
      known.lastUsedFrom = peer
    },

    issued(workspace, clientId) {
      const known = closed ? undefined : noted.findCount(workspace, clientId, today(wallClock()))
      if (known !== undefined) known.issued += 1
    },

    flushedAt: () => flushedAt,
    flush,

    close() {
      closed = true
      clearInterval(timer)
      return flush()
    },
  }
}
