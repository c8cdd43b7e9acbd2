/**
 * Writes down digests of secrets that bcrypt has verified, so that no node has to ask bcrypt for them again, and hashes that
 * were made anew of secrets whose hash was weak. Best effort,
 * off the token path: what is noted waits, bounded, is written in batches of one tenant each, and is kept while the region's
 * database is away. Nobody waits for it, and nothing of it fails: what is lost is computed anew at the next use.
 */
import type { ClientId, CredentialId, TenantId, WorkspaceId } from '../ids.ts'
import type { Observe } from '../observe/observation.ts'
import { isUnavailable, sqlState, type Database } from '../storage/transaction.ts'
import type { Region } from '../tenancy/region.ts'
import { credentialFactsStore } from './credential-facts-store.ts'

export type DigestNote = {
  readonly owner: {
    readonly region: Region
    readonly tenantId: TenantId
    readonly workspaceId: WorkspaceId
    readonly clientId: ClientId
    readonly credentialId: CredentialId
  }
  /** @property keyId of the master key that its key is derived from */
  readonly digest?: { readonly keyId: string; readonly bytes: Buffer } | undefined
  /** In place of the one that it was compared with. */
  readonly newHash?: string
  /** That the secret was compared with. */
  readonly bcryptHash: string
}

export type DigestRecords = {
  /** A region that is not served here, and whatever comes after the end, is ignored. */
  note(note: DigestNote): void
  /** Ends when what waits now was tried once. */
  flush(): Promise<void>
  /** Tries once more; afterwards nothing runs. */
  close(): Promise<void>
  waiting(): number
  /** Notes that found no room. */
  dropped(): number
}

type Needs = {
  readonly databases: ReadonlyMap<Region, Database>
  readonly observe: Observe
  /** Credentials of a region that wait. */
  readonly maxWaiting?: number
}

const INTERVAL = 100
const MAX_PAUSE = 10_000
/** A note is some 500 bytes; a deploy that meets more imported clients than this at once meets them again. */
const MAX_WAITING = 10_000
/** A transaction has a deadline, and holds the rows that it writes. */
const MAX_BATCH = 100

export function digestRecords({ databases, observe, maxWaiting = MAX_WAITING }: Needs): DigestRecords {
  const regions = new Map(
    [...databases].map(([region, database]) => [region, recordsOf(region, database, observe, maxWaiting)]),
  )
  const each = [...regions.values()]
  return {
    note: (note) => regions.get(note.owner.region)?.note(note),
    flush: async () => void (await Promise.all(each.map(({ flush }) => flush()))),
    close: async () => void (await Promise.all(each.map(({ close }) => close()))),
    waiting: () => each.reduce((sum, { waiting }) => sum + waiting(), 0),
    dropped: () => each.reduce((sum, { dropped }) => sum + dropped(), 0),
  }
}

function recordsOf(region: Region, database: Database, observe: Observe, maxWaiting: number) {
  const waiting = new Map<string, DigestNote>()
  let last = Promise.resolve()
  let timer: NodeJS.Timeout | undefined
  let pause = INTERVAL
  let dropped = 0
  let closed = false

  const keep = (key: string, note: DigestNote) => {
    if (waiting.has(key) || waiting.size < maxWaiting) waiting.set(key, note)
    else dropped += 1
  }

  const schedule = () => {
    if (closed || timer !== undefined || waiting.size === 0) return
    // With jitter: nodes that lost a database together do not come back together.
    timer = setTimeout(() => void flush(), pause * (0.5 + Math.random() / 2)).unref()
  }

  const round = async () => {
    clearTimeout(timer)
    timer = undefined
    const notes = [...waiting]
    waiting.clear()
    let away = false
    for (const batch of batches(notes)) {
      if (!away) away = !(await reached(batch))
      // What was noted of the same credential meanwhile is newer.
      if (away) for (const [key, note] of batch) if (!waiting.has(key)) keep(key, note)
    }
    pause = away ? Math.min(pause * 2, MAX_PAUSE) : INTERVAL
    schedule()
  }

  /** @returns whether the database said anything; what it refuses is not tried again */
  const reached = async (batch: Batch): Promise<boolean> => {
    try {
      await write(database, batch)
    } catch (error) {
      if (isUnavailable(error)) return false
      const code = sqlState(error) ?? 'without a code'
      observe({ type: 'warning', message: `region ${region}: digests were not recorded (${code})` })
    }
    return true
  }

  const flush = (): Promise<void> => (last = last.then(round))

  return {
    note(note: DigestNote): void {
      if (closed) return
      const { tenantId, workspaceId, clientId, credentialId } = note.owner
      keep([tenantId, workspaceId, clientId, credentialId].join(' '), note)
      schedule()
    },
    flush,
    close(): Promise<void> {
      closed = true
      return flush().finally(() => waiting.clear())
    },
    waiting: () => waiting.size,
    dropped: () => dropped,
  }
}

type Batch = readonly (readonly [key: string, note: DigestNote])[]

/** Of one tenant each, bounded, and in one order everywhere, so that two nodes do not wait for each other's rows. */
function batches(notes: Batch): readonly Batch[] {
  const sorted = notes.toSorted(([one], [other]) => (one < other ? -1 : 1))
  const all: [string, DigestNote][][] = []
  for (const [key, note] of sorted) {
    const batch = all.at(-1)
    const fits = batch?.[0]?.[1].owner.tenantId === note.owner.tenantId && batch.length < MAX_BATCH
    if (fits) batch.push([key, note])
    else all.push([[key, note]])
  }
  return all
}

async function write(database: Database, batch: Batch): Promise<void> {
  const tenantId = batch[0]?.[1].owner.tenantId
  if (tenantId === undefined) return
  await database.inTenant(tenantId, async (connection) => {
    for (const [, { owner, digest, bcryptHash, newHash }] of batch) {
      const store = credentialFactsStore(connection, owner.workspaceId)
      const { clientId, credentialId } = owner
      if (newHash !== undefined) await store.updateHash(clientId, credentialId, bcryptHash, newHash, digest)
      else if (digest !== undefined) await store.updateDigest(clientId, credentialId, bcryptHash, digest)
    }
  })
}
