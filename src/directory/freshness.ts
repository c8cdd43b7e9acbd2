/**
 * How old what a node knows of a region may be: its age counts from the last successful reading of the feed, by a clock
 * that nobody sets. A database that is away is no reason to refuse tokens, up to a limit; it is one to make them shorter.
 */
import { OAuthError } from '../oauth/error.ts'

export type Freshness = ReturnType<typeof freshness>

/** Past this age, in seconds, a token lives for ten minutes at most. */
const DEGRADED_AFTER = 60
const DEGRADED_LIFETIME = 600

type Needs = {
  /** Seconds that a node may issue tokens without having read the feed. */
  readonly maxStale: number
  /** Milliseconds. */
  readonly monotonic: () => number
}

export function freshness({ maxStale, monotonic }: Needs) {
  let readAt: number | undefined
  const age = () => (readAt === undefined ? Number.POSITIVE_INFINITY : (monotonic() - readAt) / 1000)

  return {
    /** @param begunAt when the reading began: what changed later may be missing from it */
    read(begunAt: number): void {
      readAt = Math.max(readAt ?? begunAt, begunAt)
    },
    /** Seconds; infinite before the first reading. */
    age,
    isFresh: () => age() <= maxStale,

    /**
     * @returns the longest life, in seconds, that a token may have now
     * @throws OAuthError 503 when what is known is too old to issue anything
     */
    requireFresh(): number {
      if (age() > maxStale) {
        throw new OAuthError('temporarily_unavailable', 'memory_too_old', 'try again in a few seconds', {
          headers: { 'Retry-After': '5' },
        })
      }
      return age() > DEGRADED_AFTER ? DEGRADED_LIFETIME : Number.POSITIVE_INFINITY
    },
  }
}
