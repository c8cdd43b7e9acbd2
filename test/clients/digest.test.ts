/** Keyed digests of secrets: what they are made of, computed a second way, and what they do not fit. */
import { createHmac, createSecretKey } from 'node:crypto'
import fc from 'fast-check'
import { digestSecret, matchesDigest, type DigestKey, type DigestOwner } from '../../src/clients/digest.ts'
import type { ClientId, CredentialId, TenantId, WorkspaceId } from '../../src/ids.ts'
import { deriveKeys } from '../../src/sealing/derive.ts'
import { frame } from '../../src/sealing/frame.ts'
import { parseMasterKeys } from '../../src/sealing/master-keys.ts'

const MASTER = Buffer.alloc(32, 7)
const OWNER: DigestOwner = {
  region: 'eu',
  tenantId: '0190a0b0-0000-7000-8000-000000000001' as TenantId,
  workspaceId: '0190a0b0-0000-7000-8000-000000000002' as WorkspaceId,
  clientId: 'robot' as ClientId,
  credentialId: 'abcdefghijklmnop' as CredentialId,
}
const SECRET = 'correct horse battery staple'

const hmac = (key: Buffer, ...parts: readonly (string | Buffer)[]) => {
  const mac = createHmac('sha256', key)
  for (const part of parts) mac.update(part)
  return mac.digest()
}

/** RFC 5869 §2.2 and §2.3, for one block: what is not said of the salt is 32 zeros. */
const hkdf = (key: Buffer, info: string) =>
  hmac(hmac(Buffer.alloc(32), key), Buffer.from(info), Buffer.from([1]))

/** A big-endian length of four bytes before each part. */
const framed = (parts: readonly string[]) =>
  Buffer.concat(
    parts.flatMap((part) => [
      Buffer.from(Buffer.byteLength(part).toString(16).padStart(8, '0'), 'hex'),
      Buffer.from(part),
    ]),
  )

function keysOf(text: string) {
  const masterKeys = parseMasterKeys(text)
  if (typeof masterKeys === 'string') throw new Error(masterKeys)
  return deriveKeys(masterKeys, 'credential digest')
}
const KEYS = keysOf(`first:${MASTER.toString('base64')}`)

describe('digests of secrets', () => {
  it('computes HKDF as RFC 5869 does (its test case 3), so that the second way below is a way', () => {
    const prk = hmac(Buffer.alloc(32), Buffer.alloc(22, 0x0b))
    expect(prk.toString('hex')).toBe('19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04')
    expect(hkdf(Buffer.alloc(22, 0x0b), '').toString('hex')).toBe(
      '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d',
    )
  })

  it('derives a key for one purpose, with the id of its master key', () => {
    const [derived] = KEYS
    expect(derived.id).toBe('first')
    expect(derived.key.export()).toEqual(hkdf(MASTER, 'regent credential digest'))
  })

  it('keeps master keys in their order', () => {
    const other = Buffer.alloc(32, 8)
    const keys = keysOf(`new:${other.toString('base64')},old:${MASTER.toString('base64')}`)
    expect(keys.map(({ id }) => id)).toEqual(['new', 'old'])
    expect(keys.map(({ key }) => key.export())).toEqual(
      [other, MASTER].map((key) => hkdf(key, 'regent credential digest')),
    )
  })

  it('is HMAC-SHA-256 over the owner and the secret, each behind its length (RFC 2104)', () => {
    const parts = [
      OWNER.region,
      OWNER.tenantId,
      OWNER.workspaceId,
      OWNER.clientId,
      OWNER.credentialId,
      SECRET,
    ]
    expect(digestSecret(KEYS[0], OWNER, SECRET)).toEqual({
      keyId: 'first',
      bytes: hmac(hkdf(MASTER, 'regent credential digest'), framed(parts)),
    })
  })

  it('frames: no two lists of parts make the same bytes, wherever they are cut', () => {
    const text = fc.string({ unit: 'binary', maxLength: 20 })
    fc.assert(
      fc.property(fc.array(text, { maxLength: 6 }), fc.nat(), fc.nat(), (parts, at, cut) => {
        expect(frame(parts)).toEqual(framed(parts))
        if (parts.length < 2) return
        const index = at % (parts.length - 1)
        const both = `${parts[index]}${parts[index + 1]}`
        const moved = [
          ...parts.slice(0, index),
          both.slice(0, cut % (both.length + 1)),
          both.slice(cut % (both.length + 1)),
          ...parts.slice(index + 2),
        ]
        expect(frame(moved).equals(frame(parts))).toBe(
          moved.every((part, place) => Buffer.from(part).equals(Buffer.from(parts[place] ?? ''))),
        )
      }),
      { numRuns: 1000 },
    )
  })

  it.each([
    ['region', { region: 'us' }],
    ['tenant', { tenantId: OWNER.workspaceId }],
    ['workspace', { workspaceId: OWNER.tenantId }],
    ['client', { clientId: 'robo' }],
    ['credential', { credentialId: 'abcdefghijklmnoq' }],
  ])('does not fit a row that was moved to another %s', (_what, moved) => {
    const digest = digestSecret(KEYS[0], OWNER, SECRET)
    expect(matchesDigest(KEYS, digest, OWNER, SECRET)).toBe(true)
    expect(matchesDigest(KEYS, digest, { ...OWNER, ...moved } as DigestOwner, SECRET)).toBe(false)
  })

  it('does not fit another secret, be it longer, shorter or changed in its last byte', () => {
    const digest = digestSecret(KEYS[0], OWNER, SECRET)
    for (const other of ['', SECRET.slice(0, -1), `${SECRET} `, `${SECRET}\0`, `${SECRET.slice(0, -1)}f`])
      expect(matchesDigest(KEYS, digest, OWNER, other)).toBe(false)
  })

  it('says nothing where its key is not known, or its bytes are no digest', () => {
    const unknown: DigestKey = { id: 'gone', key: createSecretKey(Buffer.alloc(32, 1)) }
    expect(matchesDigest(KEYS, digestSecret(unknown, OWNER, SECRET), OWNER, SECRET)).toBeUndefined()
    const { keyId, bytes } = digestSecret(KEYS[0], OWNER, SECRET)
    expect(matchesDigest(KEYS, { keyId, bytes: bytes.subarray(0, 31) }, OWNER, SECRET)).toBeUndefined()
  })

  it('is checked with the key that it names, whichever place that has', () => {
    const [first] = KEYS
    const newest: DigestKey = { id: 'newest', key: createSecretKey(Buffer.alloc(32, 2)) }
    expect(matchesDigest([newest, first], digestSecret(first, OWNER, SECRET), OWNER, SECRET)).toBe(true)
    const misnamed = { ...digestSecret(first, OWNER, SECRET), keyId: 'newest' }
    expect(matchesDigest([newest, first], misnamed, OWNER, SECRET)).toBe(false)
  })
})
