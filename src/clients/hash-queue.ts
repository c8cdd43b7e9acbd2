/**
 * The only way to a slow hash while a request waits. Comparisons wait here, bounded and in turn: one line for each
 * tenant, in it one for each network that asks, first in, first out; a comparison of each tenant that waits before a second
 * one of any, and so among the networks of a tenant. Where there is no room, the last of the longest line goes, and not
 * whoever has few. Somebody else's flood therefore delays a job by one comparison for each tenant, and each network of
 * its own tenant, that floods, and not by the flood; and takes nobody's only place.
 */
import type { TenantId } from '../ids.ts'
import { OAuthError } from '../oauth/error.ts'
import type { PeerNetwork } from './attempt-key.ts'
import { compareHash, type CompareHash, type FailingWork } from './compare-hash.ts'

/**
 * At cost 10 a comparison takes some 60 ms of a thread: behind 100 of them on one thread, whoever asked has given up. A
 * tenant may fill a quarter.
 */
export const MAX_WAITING = 100
export const MAX_WAITING_PER_TENANT = 25

type Needs = {
  /** Comparisons that run at once. */
  readonly threads: number
  readonly maxWaiting: number
  readonly maxWaitingPerTenant: number
  readonly compare?: CompareHash | undefined
  /** Milliseconds of a clock that nobody sets. */
  readonly monotonic: () => number
}

/** Whose turn a comparison takes. */
export type Turn = { readonly tenantId: TenantId; readonly network: PeerNetwork }

export type HashQueue = {
  /** Rejects with a refusal where too much waits: at once, or when it is pushed out by whoever has less that waits. */
  compare(turn: Turn, secret: string, hash: string, failing?: FailingWork): Promise<boolean>
  /** Work that nobody waits for: done while no comparison waits, and not at all otherwise. @returns whether it was done */
  spare(work: () => Promise<void>): Promise<boolean>
  waiting(): number
  running(): number
}

type Job = { start(): Promise<void>; refuse(): void }
/** No line is empty, and whoever is next is in front. */
type TenantLine = { length: number; readonly networks: Map<PeerNetwork, Job[]> }

/**
 * One fewer than there are, for the event loop needs a core, and what else uses Node's thread pool a thread.
 * @param poolSize threads of Node's pool, 4 unless UV_THREADPOOL_SIZE says otherwise
 */
export function hashThreads(cores: number, poolSize: number): number {
  return Math.max(1, Math.min(cores, poolSize) - 1)
}

export function hashQueue({
  threads,
  maxWaiting,
  maxWaitingPerTenant,
  compare = compareHash,
  monotonic,
}: Needs): HashQueue {
  const tenants = new Map<TenantId, TenantLine>()
  let waiting = 0
  let running = 0
  let typicalMilliseconds = 0

  function startNext(): void {
    while (running < threads) {
      const [tenant] = tenants
      const [network] = tenant?.[1].networks ?? []
      if (tenant === undefined || network === undefined) return
      const [tenantId, tenantLine] = tenant
      const [name, line] = network
      const job = line.shift()
      tenantLine.length -= 1
      waiting -= 1
      // To the end of the round, behind everybody who waits.
      tenantLine.networks.delete(name)
      if (line.length > 0) tenantLine.networks.set(name, line)
      tenants.delete(tenantId)
      if (tenantLine.length > 0) tenants.set(tenantId, tenantLine)
      running += 1
      void job?.start()
    }
  }

  /** Whether there is room for one more, which a longer line may have to make. */
  function makeRoom({ tenantId, network }: Turn): boolean {
    const own = tenants.get(tenantId)
    if (own !== undefined && own.length >= maxWaitingPerTenant) {
      const ownLength = own.networks.get(network)?.length ?? 0
      const [, longest] = longestOf(own.networks)
      return longest !== undefined && longest.length > ownLength + 1 && pushOut(own)
    }
    if (waiting < maxWaiting) return true
    const [, longest] = longestOf(tenants)
    return longest !== undefined && longest.length > (own?.length ?? 0) + 1 && pushOut(longest)
  }

  /** The last of the longest line of a tenant that has more than one waiting. */
  function pushOut(tenantLine: TenantLine): true {
    const [name, line] = longestOf(tenantLine.networks)
    const job = line?.pop()
    if (name !== undefined && line?.length === 0) tenantLine.networks.delete(name)
    tenantLine.length -= 1
    waiting -= 1
    job?.refuse()
    return true
  }

  async function run<Result>(work: () => Promise<Result>): Promise<Result> {
    const startedAt = monotonic()
    try {
      return await work()
    } finally {
      const took = monotonic() - startedAt
      typicalMilliseconds = typicalMilliseconds === 0 ? took : typicalMilliseconds * 0.9 + took * 0.1
      running -= 1
      startNext()
    }
  }

  /** Seconds until what waits now has been worked off. */
  const untilEmpty = () => Math.ceil((waiting * typicalMilliseconds) / threads / 1000)

  return {
    async compare(turn, secret, hash, failing) {
      if (!makeRoom(turn)) throw full(untilEmpty())
      return new Promise<boolean>((resolve, reject) => {
        const tenantLine = tenants.get(turn.tenantId) ?? {
          length: 0,
          networks: new Map<PeerNetwork, Job[]>(),
        }
        const line = tenantLine.networks.get(turn.network) ?? []
        line.push({
          start: () => run(() => compare(secret, hash, failing)).then(resolve, reject),
          refuse: () => reject(full(untilEmpty())),
        })
        tenantLine.networks.set(turn.network, line)
        tenantLine.length += 1
        tenants.set(turn.tenantId, tenantLine)
        waiting += 1
        startNext()
      })
    },
    async spare(work) {
      if (waiting > 0 || running >= threads) return false
      running += 1
      await run(work)
      return true
    },
    waiting: () => waiting,
    running: () => running,
  }
}

function longestOf<Name, Line extends { readonly length: number }>(
  lines: ReadonlyMap<Name, Line>,
): readonly [Name, Line] | readonly [] {
  let longest: readonly [Name, Line] | readonly [] = []
  for (const entry of lines) if (entry[1].length > (longest[1]?.length ?? 0)) longest = entry
  return longest
}

/** @param seconds until what waits now has been worked off */
function full(seconds: number): OAuthError {
  return new OAuthError(
    'temporarily_unavailable',
    'hash_queue_full',
    'too many secrets wait to be compared: ask again after the seconds that Retry-After names',
    { status: 429, headers: { 'Retry-After': String(Math.max(1, seconds)) } },
  )
}
