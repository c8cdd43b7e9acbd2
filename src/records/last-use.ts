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
import { useStore, type Count, type Uses } from './use-store.ts'

export type LastUse = {
  /** The credential was right, whatever became of the request. */
  used(workspace: Workspace, clientId: ClientId, credentialId: CredentialId): void
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
/** A transaction has a deadline, and holds the rows that it writes. */
const MAX_BATCH = 1000

type Noted = { readonly uses: Map<string, Uses>; readonly counts: Map<string, Count> }
const nothing = (): Noted => ({ uses: new Map(), counts: new Map() })

export function lastUse(needs: Needs): LastUse {
  const { region, database, observe, wallClock, monotonic, maxNoted = MAX_NOTED } = needs
  let noted = nothing()
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
    let taken = nothing()
    try {
      // What is noted before the answer is taken after it: all before that moment is in what was taken, or written.
      asOf = await database.asOperator((connection) => useStore(connection).readClock())
      taken = noted
      noted = nothing()
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
      putBack(taken)
      if (!isUnavailable(error)) {
        const code = sqlState(error) ?? 'without a code'
        observe({ type: 'warning', message: `region ${region}: uses were not recorded (${code})` })
      }
      return false
    }
    flushedAt = asOf
    return true
  }

  const putBack = ({ uses, counts }: Noted) => {
    for (const [key, before] of uses) {
      const known = noted.uses.get(key)
      if (known === undefined) noted.uses.set(key, before)
      else {
        known.uses += before.uses
        known.lastUsedAt = Math.max(known.lastUsedAt, before.lastUsedAt)
      }
    }
    for (const [key, before] of counts) {
      const known = noted.counts.get(key)
      if (known === undefined) noted.counts.set(key, before)
      else known.issued += before.issued
    }
  }

  const flush = (): Promise<boolean> => {
    const now = last.then(round)
    last = now
    return now
  }

  return {
    used(workspace, clientId, credentialId) {
      const at = wallClock()
      const key = `${workspace.id} ${clientId} ${credentialId}`
      const known = noted.uses.get(key)
      if (known !== undefined) {
        known.uses += 1
        if (at > known.lastUsedAt) known.lastUsedAt = at
      } else if (noted.uses.size < maxNoted && !closed) {
        const { id: workspaceId, tenant } = workspace
        noted.uses.set(key, {
          tenantId: tenant.id,
          workspaceId,
          clientId,
          credentialId,
          lastUsedAt: at,
          uses: 1,
        })
      } else gap ??= { id: randomUUID(), since: monotonic() }
    },

    issued(workspace, clientId) {
      const onDay = today(wallClock())
      const key = `${workspace.id} ${clientId} ${onDay}`
      const known = noted.counts.get(key)
      if (known !== undefined) known.issued += 1
      else if (noted.counts.size < maxNoted) {
        const { id: workspaceId, tenant } = workspace
        noted.counts.set(key, { tenantId: tenant.id, workspaceId, clientId, day: onDay, issued: 1 })
      }
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

/** Bounded, and in one order everywhere, so that two nodes do not wait for each other's rows. */
function batches<One>(noted: ReadonlyMap<string, One>): readonly (readonly (readonly [string, One])[])[] {
  const sorted = [...noted].toSorted(([one], [other]) => (one < other ? -1 : 1))
  return Array.from({ length: Math.ceil(sorted.length / MAX_BATCH) }, (_, index) =>
    sorted.slice(index * MAX_BATCH, (index + 1) * MAX_BATCH),
  )
}
