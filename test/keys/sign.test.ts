import { createHook } from 'node:async_hooks'
import { createPrivateKey } from 'node:crypto'
import { compactVerify, importJWK, type JWK } from 'jose'
import { newWorkspaceId, type Kid } from '../../src/ids.ts'
import { generateSigningKey } from '../../src/keys/generate.ts'
import { keyring } from '../../src/keys/keyring.ts'
import { signJwt } from '../../src/keys/sign.ts'
import { ALGORITHMS } from '../../src/oauth/signing.ts'
import { parseMasterKeys } from '../../src/sealing/master-keys.ts'
import { sealing } from '../../src/sealing/seal.ts'
import type { TenantId, WorkspaceId } from '../../src/ids.ts'

const ACCESS_TOKEN = { purpose: 'access_token', type: 'at+jwt' } as const

describe('signing', () => {
  it.each(ALGORITHMS)(
    'makes %s signatures that jose verifies, whatever their integers begin with (RFC 7518 §3)',
    async (algorithm) => {
      const { publicJwk, privateKey } = await generateSigningKey(algorithm)
      const workspaceId = newWorkspaceId()
      const key = {
        kid: publicJwk.kid,
        algorithm,
        workspaceId,
        privateKey: createPrivateKey({ key: privateKey, format: 'der', type: 'pkcs8' }),
      }
      const verifier = await importJWK(publicJwk as JWK, algorithm)
      // One in 256 integers is a byte shorter: 400 signatures hold some three of them.
      const count = algorithm.startsWith('ES') ? 400 : 5
      for (let index = 0; index < count; index++) {
        const token = await signJwt(ACCESS_TOKEN, workspaceId, key, { index })
        const { payload } = await compactVerify(token, verifier)
        expect(JSON.parse(Buffer.from(payload).toString())).toEqual({ index })
      }
    },
  )

  it('refuses a key of another workspace (T05)', async () => {
    const { publicJwk, privateKey } = await generateSigningKey('ES256')
    const key = {
      kid: publicJwk.kid,
      algorithm: 'ES256',
      workspaceId: newWorkspaceId(),
      privateKey: createPrivateKey({ key: privateKey, format: 'der', type: 'pkcs8' }),
    } as const
    expect(() => signJwt(ACCESS_TOKEN, newWorkspaceId(), key, {})).toThrow('of another workspace')
  })
})

describe('a signature that takes long', () => {
  it.each(ALGORITHMS)('of %s is made beside the event loop where it is RSA', async (algorithm) => {
    const { publicJwk, privateKey } = await generateSigningKey(algorithm)
    const workspaceId = newWorkspaceId()
    const kept = { key: privateKey, format: 'der', type: 'pkcs8' } as const
    const key = { kid: publicJwk.kid, algorithm, workspaceId, privateKey: createPrivateKey(kept) }
    // A job of either kind is begun; what comes back from a thread is a turn of its own.
    const begun = new Map<number, string>()
    const returned: (string | undefined)[] = []
    const hook = createHook({
      init: (id, type) => begun.set(id, type),
      before: (id) => returned.push(begun.get(id)),
    }).enable()
    await signJwt(ACCESS_TOKEN, workspaceId, key, {})
    hook.disable()
    expect([...begun.values()]).toContain('SIGNREQUEST')
    expect(returned.includes('SIGNREQUEST')).toBe(['RS256', 'PS256'].includes(algorithm))
  })
})

describe('sealed keys (T55, T56)', () => {
  const secret = (byte: number) => Buffer.alloc(32, byte).toString('base64')
  const ringOf = (text: string) => {
    const keys = parseMasterKeys(text)
    if (typeof keys === 'string') throw new Error(keys)
    return keyring(sealing(keys))
  }
  const owner = {
    region: 'eu',
    tenantId: 'tenant' as TenantId,
    workspaceId: 'workspace' as WorkspaceId,
  } as const

  it('open for their own region, tenant, workspace and kid, and for no other', async () => {
    const ring = ringOf(`a:${secret(1)}`)
    const { publicJwk, privateKey } = await generateSigningKey('ES256')
    const sealed = {
      ...ring.seal(privateKey, owner, publicJwk.kid, ring.masterKeyIds[0]),
      kid: publicJwk.kid,
      algorithm: 'ES256' as const,
    }
    expect(ring.open(sealed, owner).kid).toBe(publicJwk.kid)
    expect(sealed.bytes.includes(privateKey.subarray(36, 68))).toBe(false)
    const refused = /unable to authenticate|Unsupported state/
    expect(() => ring.open(sealed, { ...owner, region: 'us' })).toThrow(refused)
    expect(() =>
      ring.open(sealed, {
        ...owner,
        tenantId: 'tenantworkspace' as TenantId,
        workspaceId: '' as WorkspaceId,
      }),
    ).toThrow(refused)
    expect(() => ring.open(sealed, { ...owner, workspaceId: 'other' as WorkspaceId })).toThrow(refused)
    expect(() => ring.open({ ...sealed, kid: 'other' as Kid }, owner)).toThrow(refused)
    const flipped = Buffer.from(sealed.bytes)
    flipped[20] = (flipped[20] ?? 0) ^ 1
    expect(() => ring.open({ ...sealed, bytes: flipped }, owner)).toThrow(refused)
  })

  it('open under any of the master keys that are known, and are sealed under the one that is named', async () => {
    const { publicJwk, privateKey } = await generateSigningKey('ES256')
    const first = ringOf(`2025:${secret(1)}`)
    const old = first.seal(privateKey, owner, publicJwk.kid, first.masterKeyIds[0])
    const both = ringOf(`2026:${secret(2)},2025:${secret(1)}`)
    const key = { kid: publicJwk.kid, algorithm: 'ES256' as const }
    expect(both.open({ ...old, ...key }, owner).kid).toBe(publicJwk.kid)
    const [newer, older] = both.masterKeyIds
    expect([newer, older]).toEqual(['2026', '2025'])
    expect(both.seal(privateKey, owner, publicJwk.kid, newer).masterKeyId).toBe('2026')
    expect(both.resealKey(old, owner, publicJwk.kid, newer).masterKeyId).toBe('2026')
    expect(() => first.resealKey(old, owner, publicJwk.kid, newer)).toThrow('2026 is not known')
    expect(() => ringOf(`2026:${secret(2)}`).open({ ...old, ...key }, owner)).toThrow('2025 is not known')
  })
})
