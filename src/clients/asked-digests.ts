/**
 * Which digests were asked to be written, so that each is asked for once and not with every token: what is written is seen
 * here only when the client is read again. Asked for again after an hour, if it is still as it was: a write may have been lost.
 */
import { LRUCache } from 'lru-cache'
import type { DigestOwner } from './digest.ts'
import { ownerKey, type OwnerKey } from './owner-key.ts'

const AGAIN = 60 * 60 * 1000

export function askedDigests({ maxEntries }: { readonly maxEntries: number }) {
  const asked = new LRUCache<OwnerKey, string>({ max: maxEntries, ttl: AGAIN })
  return {
    /** @returns true once an hour for each secret and key */
    isFirst(owner: DigestOwner, bcryptHash: string, keyId: string): boolean {
      const which = `${keyId} ${bcryptHash}`
      if (asked.get(ownerKey(owner)) === which) return false
      asked.set(ownerKey(owner), which)
      return true
    },
  }
}
