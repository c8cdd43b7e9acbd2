/**
 * Remembers that a secret was verified the slow way, until its credential changes: as a digest under a key of this process,
 * for secrets whose digest is not stored, or not yet. Bounded; what is forgotten is verified the slow way again.
 */
import { randomBytes, createSecretKey, timingSafeEqual } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Brand } from '../ids.ts'
import { digestSecret, type DigestKey, type DigestOwner } from './digest.ts'

type OwnerKey = Brand<string, 'OwnerKey'>
type Verified = { readonly bcryptHash: string; readonly digest: Buffer }

export type VerifiedSecrets = ReturnType<typeof verifiedSecrets>

export function verifiedSecrets(maxEntries: number) {
  const key: DigestKey = { id: 'process', key: createSecretKey(randomBytes(32)) }
  const verified = new LRUCache<OwnerKey, Verified>({ max: maxEntries })

  return {
    note(owner: DigestOwner, bcryptHash: string, secret: string): void {
      verified.set(keyOf(owner), { bcryptHash, digest: digestSecret(key, owner, secret).bytes })
    },

    /** @param bcryptHash of the credential as it is now */
    isVerified(owner: DigestOwner, bcryptHash: string, secret: string): boolean {
      const known = verified.get(keyOf(owner))
      if (known === undefined || known.bcryptHash !== bcryptHash) return false
      return timingSafeEqual(known.digest, digestSecret(key, owner, secret).bytes)
    },
  }
}

/** Client and credential ids have no slash (`isClientId`). */
function keyOf({ region, tenantId, workspaceId, clientId, credentialId }: DigestOwner): OwnerKey {
  return `${region}/${tenantId}/${workspaceId}/${clientId}/${credentialId}` as OwnerKey
}
