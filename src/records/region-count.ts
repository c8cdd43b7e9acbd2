/**
 * What all nodes of a region have issued in this minute, by key, in the region's Redis. While Redis does not answer, nodes
 * are told so and count alone; it is asked again, with growing pauses and jitter, and counts again by itself.
 */
import type { Redis } from 'ioredis'
import { RateLimiterRedis } from 'rate-limiter-flexible'
import type { Brand } from '../ids.ts'
import type { Observe } from '../observe/observation.ts'
import type { Region } from '../tenancy/region.ts'

/** What is counted; begins with region, tenant and workspace. */
export type PermitKey = Brand<string, 'PermitKey'>

export type Counted = {
  /** By all nodes, this report included. */
  readonly total: number
  /** Milliseconds until the count begins anew. */
  readonly rest: number
}

export type RegionCount = {
  /** False while Redis does not answer. */
  isShared(): boolean
  /** Never rejects. Undefined: it was not counted, or nobody knows. */
  add(key: PermitKey, permits: number): Promise<Counted | undefined>
  close(): void
}

type Needs = { readonly region: Region; readonly redis: Redis; readonly observe: Observe }

const FIRST_PAUSE = 500
const MAX_PAUSE = 10_000

/** @param window seconds after which a count begins anew */
export function regionCount({ region, redis, observe }: Needs, window: number): RegionCount {
  // Its points are not used: limits differ from key to key, and are held against the count by who asks.
  const counters = new RateLimiterRedis({ storeClient: redis, keyPrefix: '', points: 1, duration: window })
  let lost = false
  let closed = false
  let pause = FIRST_PAUSE
  let timer: NodeJS.Timeout | undefined

  const tryLater = () => {
    timer = setTimeout(() => void tryAgain(), pause * (0.5 + Math.random() / 2)).unref()
  }
  const tryAgain = async () => {
    try {
      await redis.ping()
    } catch {
      pause = Math.min(pause * 2, MAX_PAUSE)
      if (!closed) tryLater()
      return
    }
    if (closed) return
    lost = false
    pause = FIRST_PAUSE
    observe({ type: 'warning', message: `region ${region}: Redis answers again, nodes count together` })
  }

  return {
    isShared: () => !lost,

    async add(key, permits) {
      try {
        const { consumedPoints, msBeforeNext } = await counters.penalty(key, permits)
        return { total: consumedPoints, rest: msBeforeNext }
      } catch {
        if (!lost && !closed) {
          lost = true
          observe({
            type: 'warning',
            message: `region ${region}: Redis does not answer, each node counts issued tokens alone`,
          })
          tryLater()
        }
        return undefined
      }
    },

    close() {
      closed = true
      clearTimeout(timer)
    },
  }
}
