/**
 * The life of signing keys: one pure function from what is there to what should be done. Two promises hold it up:
 * - a key signs only when every verifier can have it: its lead, plus the time that a node may serve from memory
 *   without having read changes (`maxStale`), after it was published. Except where there is nothing to wait for: a
 *   workspace's first key, and a replacement after a revocation;
 * - a key leaves the JWKS only when nothing that it signed can still be valid or cached: `maxStale` after it was
 *   retired the last node stops signing, the longest token ends, the longest cached JWKS ends, and a minute more.
 */
import type { Kid } from '../ids.ts'
import type { Algorithm } from '../oauth/signing.ts'
import type { SigningKey } from './signing-key.ts'

/** Seconds each. */
export type KeySettings = {
  readonly signingLead: number
  readonly maxStale: number
}

export type KeyWish = {
  /** The active key is to be replaced as soon as may be. */
  readonly rotate: boolean
  /** Nobody can have cached a set without the algorithm's first key: its resource servers are as new as it is. */
  readonly firstSignsAtOnce: boolean
  /** Although verifiers may not have the published key yet. */
  readonly now?: boolean
}

export type KeyStep =
  | {
      readonly do: 'publish'
      readonly algorithm: Algorithm
      readonly maySignAt: number
      readonly activate: boolean
    }
  | { readonly do: 'activate'; readonly kid: Kid }
  | { readonly do: 'retire'; readonly kid: Kid }
  | { readonly do: 'remove'; readonly kid: Kid }

const MARGIN = 60

/**
 * @param keys all keys of one workspace and algorithm
 * @param now seconds since 1970, the database's clock
 * @returns steps in the order to take them; none when all is as it should be
 */
export function keySteps(
  algorithm: Algorithm,
  keys: readonly SigningKey[],
  now: number,
  settings: KeySettings,
  { rotate, firstSignsAtOnce, now: atOnce = false }: KeyWish,
): readonly KeyStep[] {
  const active = keys.find(({ state }) => state === 'active')
  const published = keys.find(({ state }) => state === 'published')
  const next: KeyStep = {
    do: 'publish',
    algorithm,
    maySignAt: now + settings.signingLead + settings.maxStale,
    activate: false,
  }
  const removals = keys
    .filter((key) => key.state === 'retired' && now >= mayGoAt(key))
    .map(({ kid }): KeyStep => ({ do: 'remove', kid }))

  if (active === undefined) {
    // Nobody signs: whoever is ready takes over, and if nobody is, a new key that starts at once.
    if (published !== undefined && published.maySignAt <= now) {
      return [...removals, { do: 'activate', kid: published.kid }, next]
    }
    // An algorithm that has never signed waits for its lead: another one's key signs meanwhile, and verifiers know it.
    if (!firstSignsAtOnce && keys.every(({ activatedAt }) => activatedAt === undefined)) {
      return published === undefined ? [...removals, next] : removals
    }
    const first: KeyStep = { do: 'publish', algorithm, maySignAt: now, activate: true }
    return [...removals, first, ...(published === undefined ? [next] : [])]
  }
  if (published === undefined) return [...removals, next]
  if (rotate && atOnce && published.maySignAt > now) {
    // Its row says from when it may sign, and keeps that promise: another one, made now, signs in its place.
    return [
      ...removals,
      { do: 'retire', kid: active.kid },
      { do: 'publish', algorithm, maySignAt: now, activate: true },
    ]
  }
  if (rotate && published.maySignAt <= now) {
    return [...removals, { do: 'retire', kid: active.kid }, { do: 'activate', kid: published.kid }, next]
  }
  return removals
}

/** The moment from which nothing depends on a retired key any more. */
export function mayGoAt({
  retiredAt = Infinity,
  maxStale,
  maxTokenLifetime,
  maxJwksAge,
}: SigningKey): number {
  return retiredAt + maxStale + maxTokenLifetime + maxJwksAge + MARGIN
}

/** What a JWKS holds: keys that will sign, do sign, and have signed what may still be valid. */
export function isPublic({ state }: Pick<SigningKey, 'state'>): boolean {
  return state === 'published' || state === 'active' || state === 'retired'
}
