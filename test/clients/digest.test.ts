/** Digests of secrets: what they are keyed by, what they are bound to, and what becomes of them when keys rotate. */
import { createHmac, createSecretKey, hkdfSync } from 'node:crypto'
import { digestSecret, matchesDigest, type DigestOwner } from '../../src/clients/digest.ts'
import { verifiedSecrets } from '../../src/clients/verified-secrets.ts'
import type { ClientId, CredentialId, TenantId, WorkspaceId } from '../../src/ids.ts'
import { deriveKeys } from '../../src/sealing/derive.ts'
import { frame } from '../../src/sealing/frame.ts'
import { parseMasterKeys } from '../../src/sealing/master-keys.ts'

const owner: DigestOwner = {
  region: 'eu',
  tenantId: '00000000-0000-4000-8000-000000000001' as TenantId,
  workspaceId: '00000000-0000-4000-8000-000000000002' as WorkspaceId,
  clientId: 'robot' as ClientId,
  credentialId: 'AAAAAAAAAAAAAAAA' as CredentialId,
}
const SECRET = 'a secret of somebody'

function keysOf(...ids: readonly string[]) {
  const text = ids.map((id, index) => `${id}:${Buffer.alloc(32, index + 1).toString('base64')}`).join(',')
  const keys = parseMasterKeys(text)
  if (typeof keys === 'string') throw new Error(keys)
  return deriveKeys(keys, 'credential digest')
}

describe('a digest of a secret', () => {
  it('is HMAC-SHA-256 under a key that is derived from the master key (RFC 2104, RFC 5869)', () => {
    const [key] = keysOf('first')
    const derived = hkdfSync('sha256', Buffer.alloc(32, 1), Buffer.alloc(0), 'regent credential digest', 32)
    const parts = ['eu', owner.tenantId, owner.workspaceId, 'robot', owner.credentialId, SECRET]
    const framed = Buffer.concat(
      parts.flatMap((part) => {
        const length = Buffer.alloc(4)
        length.writeUInt32BE(part.length)
        return [length, Buffer.from(part)]
      }),
    )
    const expected = createHmac('sha256', createSecretKey(Buffer.from(derived)))
      .update(framed)
      .digest()
    expect(digestSecret(key, owner, SECRET)).toEqual({ keyId: 'first', bytes: expected })
  })

  it.each([
    ['region', { region: 'us' }],
    ['tenant', { tenantId: '00000000-0000-4000-8000-000000000009' }],
    ['workspace', { workspaceId: '00000000-0000-4000-8000-000000000009' }],
    ['client', { clientId: 'other' }],
    ['credential', { credentialId: 'BBBBBBBBBBBBBBBB' }],
  ])('does not fit in another %s', (_of, other) => {
    const keys = keysOf('first')
    const digest = digestSecret(keys[0], owner, SECRET)
    expect(matchesDigest(keys, digest, owner, SECRET)).toBe(true)
    expect(matchesDigest(keys, digest, { ...owner, ...other } as DigestOwner, SECRET)).toBe(false)
    expect(matchesDigest(keys, digest, owner, `${SECRET}x`)).toBe(false)
  })

  it('frames its parts: no two lists make the same bytes', () => {
    expect(frame(['ab', 'c'])).not.toEqual(frame(['a', 'bc']))
    expect(frame(['', 'a'])).not.toEqual(frame(['a', '']))
    expect(frame(['a'])).not.toEqual(frame(['a', '']))
  })

  it('is checked by any known master key, and by none that is not known', () => {
    const digest = digestSecret(keysOf('first')[0], owner, SECRET)
    expect(matchesDigest(keysOf('first', 'second').toReversed(), digest, owner, SECRET)).toBe(true)
    expect(matchesDigest(keysOf('second'), digest, owner, SECRET)).toBeUndefined()
    // The same id with other bits is another key.
    const [, second = keysOf('x')[0]] = keysOf('x', 'y')
    expect(matchesDigest([{ ...second, id: 'first' }], digest, owner, SECRET)).toBe(false)
    expect(
      matchesDigest(keysOf('first'), { ...digest, bytes: Buffer.alloc(31) }, owner, SECRET),
    ).toBeUndefined()
  })
})

describe('what was verified the slow way', () => {
  it('is remembered until the credential changes, for its owner only, and bounded', () => {
    const verified = verifiedSecrets(10)
    expect(verified.isVerified(owner, 'hash', SECRET)).toBe(false)
    verified.note(owner, 'hash', SECRET)
    expect(verified.isVerified(owner, 'hash', SECRET)).toBe(true)
    expect(verified.isVerified(owner, 'hash', `${SECRET}x`)).toBe(false)
    expect(verified.isVerified(owner, 'another hash', SECRET)).toBe(false)
    expect(verified.isVerified({ ...owner, clientId: 'other' as ClientId }, 'hash', SECRET)).toBe(false)
    expect(verified.isVerified({ ...owner, region: 'us' }, 'hash', SECRET)).toBe(false)
    for (let n = 0; n < 20; n++) verified.note({ ...owner, clientId: `c${n}` as ClientId }, 'hash', SECRET)
    expect(verified.isVerified(owner, 'hash', SECRET)).toBe(false)
  })
})
