/**
 * A keyed digest of a secret, HMAC-SHA-256 (RFC 2104), that decides in place of bcrypt: a generated secret has 256 random
 * bits, so that nothing is gained by making guesses slow, and its check costs microseconds instead of a twentieth of a
 * second. The key is derived from a master key, which is not in the database. What is digested is framed by length and
 * begins with what the credential belongs to: a row that is moved to another tenant or client does not fit.
 */
import { createHmac, timingSafeEqual, type KeyObject } from 'node:crypto'
import type { ClientId, CredentialId, TenantId, WorkspaceId } from '../ids.ts'
import { frame } from '../sealing/frame.ts'
import type { Region } from '../tenancy/region.ts'

/** @property keyId of the master key that its key is derived from */
export type Digest = { readonly keyId: string; readonly bytes: Buffer }

export type DigestOwner = {
  readonly region: Region
  readonly tenantId: TenantId
  readonly workspaceId: WorkspaceId
  readonly clientId: ClientId
  readonly credentialId: CredentialId
}

/** Each checks; the first that all nodes of a region know makes new digests. */
export type DigestKeys = readonly [DigestKey, ...DigestKey[]]
export type DigestKey = { readonly id: string; readonly key: KeyObject }

export function digestSecret({ id, key }: DigestKey, owner: DigestOwner, secret: string): Digest {
  const { region, tenantId, workspaceId, clientId, credentialId } = owner
  const parts = frame([region, tenantId, workspaceId, clientId, credentialId, secret])
  return { keyId: id, bytes: createHmac('sha256', key).update(parts).digest() }
}

/** @returns undefined when the key of the digest is not known (any more) */
export function matchesDigest(
  keys: readonly DigestKey[],
  digest: Digest,
  owner: DigestOwner,
  secret: string,
): boolean | undefined {
  const key = keys.find(({ id }) => id === digest.keyId)
  if (key === undefined || digest.bytes.length !== 32) return undefined
  return timingSafeEqual(digestSecret(key, owner, secret).bytes, digest.bytes)
}
