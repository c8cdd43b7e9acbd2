/**
 * The only way to bcrypt's `compare` while a request waits. Comparisons wait here, bounded and in turn: one line for each
 * tenant, first in, first out, and a comparison of each tenant that waits before a second one of any. Somebody else's flood
 * therefore delays a job by one comparison for each tenant that floods and each job of its own tenant, not by the flood.
 */
import type { TenantId } from '../ids.ts'
import { OAuthError } from '../oauth/error.ts'

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
  /** bcrypt's. */
  readonly compare: (secret: string, hash: string) => Promise<boolean>
  /** Milliseconds of a clock that nobody sets. */
  readonly monotonic: () => number
}

export type HashQueue = {
  /** Rejects with a refusal, at once, where too much waits already. */
  compare(tenantId: TenantId, secret: string, hash: string): Promise<boolean>
  waiting(): number
  running(): number
}

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
  compare,
  monotonic,
}: Needs): HashQueue {
  /** Tenants that wait, whoever is next in front. No line is empty. */
  const lines = new Map<TenantId, (() => Promise<void>)[]>()
  let waiting = 0
  let running = 0
  let typicalMilliseconds = 0

  function startNext(): void {
    while (running < threads) {
      const [next] = lines
      if (next === undefined) return
      const [tenantId, line] = next
      const job = line.shift()
      // To the end of the round, behind every tenant that waits.
      lines.delete(tenantId)
      if (line.length > 0) lines.set(tenantId, line)
      waiting -= 1
      running += 1
      void job?.()
    }
  }

  async function run(secret: string, hash: string): Promise<boolean> {
    const startedAt = monotonic()
    try {
      return await compare(secret, hash)
    } finally {
      const took = monotonic() - startedAt
      typicalMilliseconds = typicalMilliseconds === 0 ? took : typicalMilliseconds * 0.9 + took * 0.1
      running -= 1
      startNext()
    }
  }

  return {
    async compare(tenantId, secret, hash) {
      const line = lines.get(tenantId) ?? []
      if (waiting >= maxWaiting || line.length >= maxWaitingPerTenant) {
        throw full(Math.ceil((waiting * typicalMilliseconds) / threads / 1000))
      }
      return new Promise<boolean>((resolve, reject) => {
        line.push(() => run(secret, hash).then(resolve, reject))
        lines.set(tenantId, line)
        waiting += 1
        startNext()
      })
    },
    waiting: () => waiting,
    running: () => running,
  }
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
