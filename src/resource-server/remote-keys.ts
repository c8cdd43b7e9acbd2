/**
 * Keeps the public keys of one issuer (RFC 7517 §5) and finds them by `kid`. Keys are fetched at first use and
 * refreshed when their `max-age` is over, by the requests that need them: there is no timer, and nobody waits
 * for a refresh while usable keys are held. An authorization server that is down therefore stops nobody for a day.
 *
 * Own keeping, not jose's `createRemoteJWKSet`: that one has a fixed life instead of `max-age`, refuses its keys
 * when a refresh fails, and repeats failing fetches without a pause.
 */
import { createLocalJWKSet, type CryptoKey, type JSONWebKeySet } from 'jose'
import { fetchDocument } from './fetch-document.ts'
import { discoverJwksUri } from './metadata.ts'
import { Refusal } from './refusal.ts'

// Seconds.
const MAX_HELD = 24 * 60 * 60
const MAX_PAUSE_WITHOUT_KEYS = 5

type Needs = { issuer: string; fetch: typeof fetch; refetchInterval: number; now?: () => number }
type Held = { keys: ReturnType<typeof createLocalJWKSet>; fetchedAt: number; freshFor: number }

export type RemoteKeys = { find(kid: string, alg: string): Promise<CryptoKey | undefined> }

/** @param now seconds of a clock that only goes forward */
export function remoteKeys({ issuer, fetch, refetchInterval, now = monotonicSeconds }: Needs): RemoteKeys {
  const pauseWithoutKeys = Math.min(MAX_PAUSE_WITHOUT_KEYS, refetchInterval)
  let jwksUri: string | undefined
  let held: Held | undefined
  let pending: Promise<Held> | undefined
  let failure: { at: number; refusal: Refusal } | undefined
  let refetchedAt = -Infinity

  async function load(): Promise<Held> {
    try {
      jwksUri ??= await discoverJwksUri(issuer, fetch)
      const { value, headers } = await fetchDocument(jwksUri, fetch)
      const keys = readKeys(value)
      failure = undefined
      return (held = { keys, fetchedAt: now(), freshFor: readFreshFor(headers.get('cache-control')) })
    } catch (cause) {
      // The keys may have moved: the next attempt asks the metadata again.
      jwksUri = undefined
      const why = cause instanceof Error ? cause.message : 'unknown'
      const message = `the keys of the authorization server cannot be had: ${why}`
      const refusal = new Refusal('temporarily_unavailable', message, {
        retryAfter: Math.ceil(pauseWithoutKeys),
        cause,
      })
      failure = { at: now(), refusal }
      throw refusal
    } finally {
      pending = undefined
    }
  }

  /** Single-flight: whoever comes while a fetch is under way waits for that one. */
  function refresh(): Promise<Held> {
    return (pending ??= load())
  }

  function mayTry(pause: number): boolean {
    return failure === undefined || now() - failure.at >= pause
  }

  async function current(): Promise<Held> {
    const age = held === undefined ? Infinity : now() - held.fetchedAt
    if (held === undefined || age >= MAX_HELD) {
      if (failure !== undefined && !mayTry(pauseWithoutKeys)) {
        throw failure.refusal
      }
      return refresh()
    }
    if (age >= held.freshFor && mayTry(refetchInterval)) {
      const refreshed = refresh().catch(() => undefined)
      // An API that had nothing to do for long would otherwise accept a key that was revoked meanwhile.
      if (age >= 2 * held.freshFor && failure === undefined) {
        await refreshed
      }
    }
    return held
  }

  /** Whether it is worth looking again after an unknown kid: anybody can invent those, so they are counted. */
  async function refetch(): Promise<Held | undefined> {
    if (pending === undefined) {
      if (now() - refetchedAt < refetchInterval) {
        return undefined
      }
      refetchedAt = now()
    }
    return refresh().catch(() => undefined)
  }

  return {
    async find(kid, alg) {
      const found = await findKey(await current(), kid, alg)
      return found ?? findKey(await refetch(), kid, alg)
    },
  }
}

function readKeys(document: Record<string, unknown>): Held['keys'] {
  if (!isKeySet(document)) {
    throw new Error('it publishes no key set')
  }
  return createLocalJWKSet(document)
}

/** RFC 7517 §5: an object whose member `keys` is a list of objects. What is in these is looked at when needed. */
function isKeySet(document: Record<string, unknown>): document is Record<string, unknown> & JSONWebKeySet {
  const { keys } = document
  return Array.isArray(keys) && keys.every((key) => typeof key === 'object' && key !== null)
}

/** A key that cannot be imported, or stands there twice, is as good as none. */
async function findKey(from: Held | undefined, kid: string, alg: string): Promise<CryptoKey | undefined> {
  return from?.keys({ kid, alg }).catch(() => undefined)
}

/** RFC 9111 §5.2.2.1, within a minute and a day; ten minutes where the answer does not say. */
function readFreshFor(cacheControl: string | null): number {
  const maxAge = /(?:^|,)\s*max-age="?(\d+)/i.exec(cacheControl ?? '')?.[1]
  return maxAge === undefined ? 600 : Math.min(Math.max(Number(maxAge), 60), MAX_HELD)
}

function monotonicSeconds(): number {
  return performance.now() / 1000
}
