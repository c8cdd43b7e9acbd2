/**
 * Limits of failing attempts that lock nobody out (T16). A counter belongs to one presented client id from one peer, so
 * whoever guesses spoils it for nobody but himself; it stands before a check only where the check is slow; and a pair that
 * succeeded within a day, with a credential that is still there, is touched by no counter at all. What is right and quick
 * to check is never refused here.
 */
import { LRUCache } from 'lru-cache'
import type { CredentialId } from '../ids.ts'
import type { AttemptKey } from './attempt-key.ts'

/** A person who mistypes needs a few, a machine whose secret is wrong fails at every one; guessing needs 2^255. */
export const ATTEMPTS = 10
export const PER_SECONDS = 60
/** Pairs that are remembered of each kind; at 1,000 guesses a second, more than a minute of them. */
export const MAX_PAIRS = 100_000

const DAY = 24 * 60 * 60 * 1000

type Needs = {
  /** Milliseconds of a clock that nobody sets. */
  readonly monotonic: () => number
  readonly maxEntries: number
  /** Failing attempts that a pair has, and the seconds from the first of them after which it has them again. */
  readonly attempts: number
  readonly perSeconds: number
  /** Told of what was learned here and not by `learn`: of a pair that succeeded only the first time in a day. */
  readonly onLearned?: ((learned: Learned) => void) | undefined
}

/** What the counters of one process may tell those of another. */
export type Learned =
  | { readonly type: 'attempt_failed'; readonly key: AttemptKey }
  | { readonly type: 'attempt_succeeded'; readonly key: AttemptKey; readonly credentialId: CredentialId }

/** Whether the client has this credential now, so that succeeding with it still counts for something. */
type IsPresent = (credentialId: CredentialId) => boolean

export type AttemptLimits = {
  /** Asked before a slow check, and before no other. False: refuse with 429, without checking. Counts nothing. */
  mayTry(key: AttemptKey, isPresent: IsPresent): boolean
  /** Told of each failing check. True: it was one too many, and is answered with 429 instead of 401. */
  failed(key: AttemptKey, isPresent: IsPresent): boolean
  succeeded(key: AttemptKey, credentialId: CredentialId): void
  /** What another process of this node learned. */
  learn(learned: Learned): void
  /** Seconds, at least 1, after which a limited pair may try again. */
  retryAfter(key: AttemptKey): number
  /** Pairs that failed lately, as remembered. */
  size(): number
}

export function attemptLimits({
  monotonic,
  maxEntries,
  attempts,
  perSeconds,
  onLearned,
}: Needs): AttemptLimits {
  // Apart, for anybody can fill the one, and only who has a secret the other: no flood drives out who succeeded. What is
  // driven out of the first begins anew, and may try.
  const failures = new LRUCache<AttemptKey, { count: number; readonly endsAt: number }>({ max: maxEntries })
  const successes = new LRUCache<AttemptKey, { credentialId: CredentialId; endsAt: number }>({
    max: maxEntries,
  })

  const hasSucceeded = (key: AttemptKey, isPresent: IsPresent) => {
    const success = successes.get(key)
    return success !== undefined && monotonic() < success.endsAt && isPresent(success.credentialId)
  }
  const counter = (key: AttemptKey) => {
    const failure = failures.get(key)
    return failure !== undefined && monotonic() < failure.endsAt ? failure : undefined
  }

  /** Two for each that comes: memory is that of the last minute's guesses, not of all that were ever made. */
  const dropOver = () => {
    for (let count = 0; count < 2; count += 1) {
      const [oldest] = failures.rkeys()
      if (oldest === undefined || monotonic() < (failures.peek(oldest)?.endsAt ?? 0)) return
      failures.delete(oldest)
    }
  }
  const countFailure = (key: AttemptKey): number => {
    const failure = counter(key)
    if (failure === undefined) {
      dropOver()
      failures.set(key, { count: 1, endsAt: monotonic() + perSeconds * 1000 })
      return 1
    }
    failure.count += 1
    return failure.count
  }
  /** @returns whether it was known */
  const noteSuccess = (key: AttemptKey, credentialId: CredentialId): boolean => {
    const endsAt = monotonic() + DAY
    const success = successes.get(key)
    if (success === undefined) {
      successes.set(key, { credentialId, endsAt })
      return false
    }
    const known = success.credentialId === credentialId && monotonic() < success.endsAt
    Object.assign(success, { credentialId, endsAt })
    return known
  }

  return {
    mayTry: (key, isPresent) => (counter(key)?.count ?? 0) < attempts || hasSucceeded(key, isPresent),

    failed(key, isPresent) {
      if (hasSucceeded(key, isPresent)) return false
      onLearned?.({ type: 'attempt_failed', key })
      return countFailure(key) > attempts
    },

    succeeded(key, credentialId) {
      if (!noteSuccess(key, credentialId)) onLearned?.({ type: 'attempt_succeeded', key, credentialId })
    },

    learn(learned) {
      if (learned.type === 'attempt_failed') countFailure(learned.key)
      else noteSuccess(learned.key, learned.credentialId)
    },

    retryAfter: (key) => Math.max(1, Math.ceil(((counter(key)?.endsAt ?? 0) - monotonic()) / 1000)),

    size: () => failures.size,
  }
}
