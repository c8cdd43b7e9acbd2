/**
 * Loads clients, those of one workspace together: while as many readings are under way as may be, whoever comes waits in
 * a batch, and workspaces take turns. Where very many are due (after memory was emptied) the batches wait a random moment,
 * so that the nodes of a region do not ask all at once.
 */
import type { KnownClient } from '../clients/client.ts'
import type { ClientId } from '../ids.ts'
import type { Region } from '../tenancy/region.ts'
import type { Workspace } from '../tenancy/tenant.ts'
import type { Found } from './found.ts'
import { clientKey, workspaceKey, type Concern, type MemoryKey } from './memory.ts'
import { tooManyWait } from './too-many-wait.ts'

type Batch = {
  readonly workspace: Workspace
  readonly waiting: Map<ClientId, Deferred>
  fromPrimaryOnly: boolean
  /** Those in use behind this id are read as well. */
  aheadOf: ClientId | undefined
}
type Deferred = {
  readonly promise: Promise<Found<KnownClient>>
  readonly resolve: (found: Found<KnownClient>) => void
  readonly reject: (error: unknown) => void
}

/** For each id what was found, or why its rows cannot be used. */
type ClientsRead = Omit<Found<never>, 'value'> & {
  readonly clients: ReadonlyMap<ClientId, KnownClient | Error>
}

export type LoadClients = (
  workspace: Workspace,
  ids: readonly ClientId[],
  fromPrimaryOnly: boolean,
  aheadOf: ClientId | undefined,
) => Promise<ClientsRead>

type Needs = {
  readonly region: Region
  readonly readClients: LoadClients
  /** Readings at a time. */
  readonly concurrency: number
  readonly random: () => number
}

const MAX_BATCH = 500
/** Requests of one workspace that may wait for the database; more get 429. */
const MAX_WAITING = 5000
const MANY = 32
const JITTER = 20

export type ClientLoads = ReturnType<typeof clientLoads>

export function clientLoads({ region, readClients, concurrency, random }: Needs) {
  const batches = new Map<MemoryKey, Batch>()
  const flying = new Map<MemoryKey, Deferred>()
  let running = 0
  let scheduled = false

  const allWaiting = () => [...batches.values()].reduce((sum, batch) => sum + batch.waiting.size, 0)

  const batchOf = (workspace: Workspace): readonly [MemoryKey, Batch] => {
    const key = workspaceKey(region, { tenant: workspace.tenant.slug, workspace: workspace.slug })
    const fresh = { workspace, waiting: new Map(), fromPrimaryOnly: false, aheadOf: undefined }
    return [key, batches.get(key) ?? fresh]
  }

  const schedule = () => {
    if (scheduled || running >= concurrency || batches.size === 0) return
    scheduled = true
    const due = allWaiting()
    const start = () => {
      scheduled = false
      startBatches()
    }
    if (due > MANY) setTimeout(start, random() * JITTER)
    else setImmediate(start)
  }

  const startBatches = () => {
    for (const [key, batch] of batches) {
      if (running >= concurrency) return
      batches.delete(key)
      const taken = new Map([...batch.waiting].slice(0, MAX_BATCH))
      for (const id of taken.keys()) batch.waiting.delete(id)
      // What is too much for one batch goes behind the other workspaces.
      if (batch.waiting.size > 0) batches.set(key, { ...batch, aheadOf: undefined })
      void run({ ...batch, waiting: taken })
    }
  }

  const run = async ({ workspace, waiting, fromPrimaryOnly, aheadOf }: Batch) => {
    running += 1
    for (const [id, deferred] of waiting) flying.set(clientKey(region, workspace, id), deferred)
    try {
      const ids = [...waiting.keys()]
      const { clients, ...found } = await readClients(workspace, ids, fromPrimaryOnly, aheadOf)
      for (const [id, deferred] of waiting) {
        const value = clients.get(id)
        if (value instanceof Error) deferred.reject(value)
        else deferred.resolve({ ...found, value })
      }
    } catch (error) {
      for (const deferred of waiting.values()) deferred.reject(error)
    } finally {
      running -= 1
      for (const [id, deferred] of waiting) {
        const key = clientKey(region, workspace, id)
        if (flying.get(key) === deferred) flying.delete(key)
      }
      schedule()
    }
  }

  return {
    /**
     * @param fromPrimaryOnly also: by a reading that begins after this call
     * @throws OAuthError 429 when too many requests of the workspace wait already
     */
    load(workspace: Workspace, id: ClientId, fromPrimaryOnly = false): Promise<Found<KnownClient>> {
      if (!fromPrimaryOnly) {
        const under = flying.get(clientKey(region, workspace, id))
        if (under !== undefined) return under.promise
      }
      const [key, batch] = batchOf(workspace)
      batch.fromPrimaryOnly ||= fromPrimaryOnly
      const known = batch.waiting.get(id)
      if (known !== undefined) return known.promise
      if (batch.waiting.size >= MAX_WAITING) throw tooManyWait('too_many_waiting')
      const deferred = newDeferred()
      batch.waiting.set(id, deferred)
      batches.set(key, batch)
      schedule()
      return deferred.promise
    },

    /** Nobody waits for it. */
    lookAhead(workspace: Workspace, id: ClientId): void {
      const [key, batch] = batchOf(workspace)
      batch.aheadOf ??= id
      batches.set(key, batch)
      schedule()
    },

    /** Clients whose reading has not begun. */
    waiting: allWaiting,

    /** A change was read: whoever comes from now on does not join what began before it. */
    forget(concern: Concern): void {
      if (concern.of === 'client') {
        const { tenantId, workspaceId, clientId } = concern
        flying.delete(`${region}/${tenantId}/${workspaceId}/${clientId}` as MemoryKey)
      } else if (concern.of !== 'settings') flying.clear()
    },
  }
}

function newDeferred(): Deferred {
  let settle: Pick<Deferred, 'resolve' | 'reject'> | undefined
  const promise = new Promise<Found<KnownClient>>((resolve, reject) => {
    settle = { resolve, reject }
  })
  return { promise, resolve: (found) => settle?.resolve(found), reject: (error) => settle?.reject(error) }
}
