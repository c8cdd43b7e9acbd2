/**
 * What a node knows of a region: where an address leads, and what a workspace holds. Warm, it asks nobody; what it lacks
 * it reads from the region's database and remembers, until the change feed says otherwise. The database says no, memory
 * only says yes. Whoever asks gets values; nobody above this floor meets a store. Writes nothing.
 */
import type { KnownClient } from '../clients/client.ts'
import type { ClientId } from '../ids.ts'
import type { Keyring } from '../keys/keyring.ts'
import type { Observe } from '../observe/observation.ts'
import { inSpan } from '../observe/tracing.ts'
import type { Database } from '../storage/transaction.ts'
import type { WorkspaceAddress } from '../tenancy/address.ts'
import type { Region } from '../tenancy/region.ts'
import type { Workspace } from '../tenancy/tenant.ts'
import { changeFeed, type ChangeFeed, type ChangeFeedNeeds } from './change-feed.ts'
import { clientLoads, type LoadClients } from './client-loads.ts'
import type { Found } from './found.ts'
import { freshness, type Freshness } from './freshness.ts'
import type { KnownWorkspace } from './known-workspace.ts'
import { lookingAhead } from './looking-ahead.ts'
import { regionMemory, type MemoryBounds } from './memory.ts'
import { pacedConfirmations } from './paced-confirmations.ts'
import { readClients } from './read-clients.ts'
import { readThrough } from './read-through.ts'
import { readWorkspace } from './read-workspace.ts'
import { workspaceLoads } from './workspace-loads.ts'

export type Directory = {
  /** @returns undefined when nothing of that name is in this region, by the word of the primary */
  locate(address: WorkspaceAddress): Promise<KnownWorkspace | undefined>
  /** From memory where it is there: whether its absence means something stands in what is returned. */
  findClient(workspace: Workspace, id: ClientId): Promise<Found<KnownClient>>
  /**
   * By the word of the primary, as of a moment after the question came; at most one reading a second for each id.
   * @param arrived when it came, in milliseconds of the monotonic clock
   * @param found what `findClient` said; returned where it is the primary's word already, and nobody has to wait
   */
  confirmClient(
    workspace: Workspace,
    id: ClientId,
    arrived: number,
    found: Found<KnownClient>,
  ): Promise<Found<KnownClient>>
  /** Of a client that has proved itself: see looking-ahead.ts. Whoever fails causes none of it, so it tells nobody who exists. */
  lookAhead(workspace: Workspace, id: ClientId, found: Found<KnownClient>): void
  /** @returns the longest life of a token now, in seconds. @throws OAuthError 503 when what is known is too old */
  requireFresh(): number
}

/** A directory that follows its region's changes. */
export type FollowingDirectory = Directory & {
  readonly feed: ChangeFeed
  readonly fresh: Freshness
  size(): ReturnType<ReturnType<typeof regionMemory>['size']>
  /** As `regionMemory` says. */
  signingSince(): number | undefined
  /** Questions for a workspace or a client that memory could answer, and that it could not, since the start. */
  lookups(): { readonly hits: number; readonly misses: number }
  /** Workspaces and clients whose reading has not begun. */
  loadsWaiting(): number
  /** Client ids that failed lately. */
  pacedClients(): number
  /** Forgets everything; the next questions are asked of the database. */
  forgetAll(): void
}

export type DirectoryNeeds = {
  readonly region: Region
  readonly database: Database
  /** Serves cold loads where it is there and not behind. */
  readonly replica?: Database | undefined
  readonly keyring: Keyring
  readonly observe: Observe
  /** Milliseconds of a clock that nobody sets. */
  readonly monotonic: () => number
  readonly random?: () => number
  /** Seconds. */
  readonly maxStale: number
  readonly bounds: MemoryBounds
  /** Readings at a time, of clients and of workspaces each. */
  readonly concurrency: number
  /** Milliseconds between two confirmations of one client id, and of one address that is not there. */
  readonly confirmInterval: number
  /** Told when changes have been read. */
  readonly onAdvance?: () => void
  /** Who follows the feed; by default this directory does itself. */
  readonly openFeed?: (needs: ChangeFeedNeeds) => ChangeFeed
}

/** @throws OAuthError 503 `temporarily_unavailable` from each question that the database cannot be asked */
export function directory(needs: DirectoryNeeds): FollowingDirectory {
  const { region, database, keyring, observe, monotonic, concurrency, confirmInterval } = needs
  const { random = Math.random, openFeed = changeFeed } = needs
  const memory = regionMemory(region, needs.bounds)
  let hits = 0
  let misses = 0
  const ahead = lookingAhead(monotonic, () => memory.size().clients >= needs.bounds.clients)
  const forgetAll = () => {
    memory.empty()
    ahead.beginAnew()
  }
  const fresh = freshness({ maxStale: needs.maxStale, monotonic })

  const feed = openFeed({
    region,
    database,
    fresh,
    observe,
    monotonic,
    random,
    onChange(concern, number) {
      memory.mark(concern, number)
      workspaces.forget(concern)
      clients.forget(concern)
    },
    onAdvance: needs.onAdvance ?? (() => {}),
    onEmpty() {
      forgetAll()
      workspaces.forget({ of: 'region' })
      clients.forget({ of: 'region' })
    },
  })
  const read = readThrough({
    primary: database,
    replica: needs.replica,
    feedNumber: feed.number,
    generation: memory.generation,
    monotonic,
    onRegress: feed.hint,
  })

  const workspaces = workspaceLoads({
    region,
    interval: confirmInterval,
    concurrency,
    monotonic,
    readWorkspace: (address, fromPrimaryOnly) =>
      read(
        (asked) => readWorkspace(asked, region, keyring, address),
        ({ value, number }) => value === undefined || memory.keepWorkspace(value, number),
        fromPrimaryOnly,
      ),
  })

  const loadClients: LoadClients = async (workspace, ids, fromPrimaryOnly, aheadOf) => {
    const isWanted = (id: ClientId) => memory.findClient(workspace, id) === undefined
    const { value, ...found } = await read(
      (asked) => readClients(asked, region, workspace, ids, aheadOf, isWanted),
      (reading) => memory.keepClients(workspace, ids, reading.value, reading.number),
      fromPrimaryOnly,
    )
    return { ...found, clients: value }
  }
  const clients = clientLoads({ region, readClients: loadClients, concurrency, random })
  const confirmations = pacedConfirmations({
    region,
    interval: confirmInterval,
    monotonic,
    load: (workspace, id) => clients.load(workspace, id, true),
  })

  return {
    feed,
    fresh,
    size: memory.size,
    signingSince: memory.signingSince,
    lookups: () => ({ hits, misses }),
    loadsWaiting: () => workspaces.waiting() + clients.waiting(),
    pacedClients: confirmations.size,
    forgetAll,
    requireFresh: fresh.requireFresh,

    async locate(address) {
      const known = memory.findWorkspace(address)
      if (known === undefined) misses += 1
      else hits += 1
      return known ?? inSpan('read workspace', () => workspaces.load(address))
    },

    async findClient(workspace, id) {
      const value = memory.findClient(workspace, id)
      if (value === undefined) misses += 1
      else hits += 1
      // Who fails often asks the database in turn only: until then nobody knows whether there is such a client.
      if (value !== undefined || confirmations.isPaced(workspace, id))
        return { value, asOf: Number.NEGATIVE_INFINITY, fromPrimary: false }
      return inSpan('read client', () => clients.load(workspace, id))
    },

    lookAhead(workspace, id, found) {
      const behind = ahead.beginning(workspace, id, found)
      if (behind !== undefined) clients.lookAhead(workspace, behind)
    },

    confirmClient: (workspace, id, arrived, found) =>
      inSpan('confirm client', () => confirmations.confirm(workspace, id, arrived, found)),
  }
}
