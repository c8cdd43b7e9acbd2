/**
 * What all workers of a node issue, counted by its primary: in the region's Redis where there is one, and while it does not
 * answer, or where there is none, here.
 */
import { RateLimiterMemory } from 'rate-limiter-flexible'
import type { RegionCount } from '../../records/region-count.ts'

/** @param window seconds after which a count begins anew */
export function workerCount(region: RegionCount | undefined, window: number): RegionCount {
  // As in regionCount: limits are held against the count by who asks.
  const own = new RateLimiterMemory({ keyPrefix: '', points: 1, duration: window })
  return {
    isShared: () => true,
    async add(key, permits) {
      const counted = region?.isShared() === true ? await region.add(key, permits) : undefined
      if (counted !== undefined) return counted
      const { consumedPoints, msBeforeNext } = await own.penalty(key, permits)
      return { total: consumedPoints, rest: msBeforeNext }
    },
    close: () => region?.close(),
  }
}
