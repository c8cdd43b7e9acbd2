/**
 * Remembers that a secret was verified the slow way, until its credential changes: as a digest under a key of this node,
 * for secrets whose digest is not stored, or not yet. Bounded; what is forgotten is verified the slow way again.
 */
import { randomBytes, createSecretKey, timingSafeEqual } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { digestSecret, type DigestKey, type DigestOwner } from './digest.ts'
import { ownerKey, type OwnerKey } from './owner-key.ts'

type Verified = { readonly bcryptHash: string; readonly digest: Buffer }

export type VerifiedSecrets = ReturnType<typeof verifiedSecrets>

/** What was verified, as another process of this node may know it: the digest in base64. */
export type VerifiedSecret = {
  readonly owner: DigestOwner
  readonly bcryptHash: string
  readonly digest: string
}

type Needs = {
  readonly maxEntries: number
  /** 32 bytes that the processes of a node share; a process alone makes its own. */
  readonly key?: Buffer | undefined
  readonly onNoted?: ((verified: VerifiedSecret) => void) | undefined
}

export function verifiedSecrets({ maxEntries, key: bytes = randomBytes(32), onNoted }: Needs) {
  const key: DigestKey = { id: 'process', key: createSecretKey(bytes) }
  const verified = new LRUCache<OwnerKey, Verified>({ max: maxEntries })

  return {
    note(owner: DigestOwner, bcryptHash: string, secret: string): void {
      const digest = digestSecret(key, owner, secret).bytes
      verified.set(ownerKey(owner), { bcryptHash, digest })
      onNoted?.({ owner, bcryptHash, digest: digest.toString('base64') })
    },

    learn({ owner, bcryptHash, digest }: VerifiedSecret): void {
      verified.set(ownerKey(owner), { bcryptHash, digest: Buffer.from(digest, 'base64') })
    },

    /** @param bcryptHash of the credential as it is now */
    isVerified(owner: DigestOwner, bcryptHash: string, secret: string): boolean {
      const known = verified.get(ownerKey(owner))
      if (known === undefined || known.bcryptHash !== bcryptHash) return false
      return timingSafeEqual(known.digest, digestSecret(key, owner, secret).bytes)
    },
  }
}
