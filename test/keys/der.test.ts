/** Signatures whose integers are short: one in 256 loses a byte in DER, and must get it back (RFC 7518 §3.4). */
import { createPrivateKey, verify } from 'node:crypto'
import { compactVerify, importJWK, type JWK } from 'jose'
import { newWorkspaceId } from '../../src/ids.ts'
import { generateSigningKey } from '../../src/keys/generate.ts'
import { signJwt } from '../../src/keys/sign.ts'

const ACCESS_TOKEN = { purpose: 'access_token', type: 'at+jwt' } as const

describe('signatures with short integers', () => {
  it.each([
    ['ES256', 32, 'sha256'],
    ['ES384', 48, 'sha384'],
  ] as const)('of %s are as long as any other, and verify', async (algorithm, size, digest) => {
    const { publicJwk, privateKey } = await generateSigningKey(algorithm)
    const key = {
      kid: publicJwk.kid,
      algorithm,
      workspaceId: newWorkspaceId(),
      privateKey: createPrivateKey({ key: privateKey, format: 'der', type: 'pkcs8' }),
    }
    const verifier = await importJWK(publicJwk as JWK, algorithm)
    const met = { shortR: 0, shortS: 0, paddedR: 0 }
    for (let count = 0; Math.min(met.shortR, met.shortS, met.paddedR) < 2; count++) {
      if (count > 20_000) throw new Error(`20,000 signatures, and only ${JSON.stringify(met)}`)
      const token = await signJwt(ACCESS_TOKEN, key.workspaceId, key, { count })
      const [head = '', claims = '', last = ''] = token.split('.')
      const signature = Buffer.from(last, 'base64url')
      expect(signature).toHaveLength(2 * size)
      const short = { r: signature[0] === 0, s: signature[size] === 0 }
      met.shortR += Number(short.r)
      met.shortS += Number(short.s)
      met.paddedR += Number((signature[0] ?? 0) > 127)
      if (!short.r && !short.s && count > 20) continue
      await expect(compactVerify(token, verifier)).resolves.toBeDefined()
      const input = Buffer.from(`${head}.${claims}`)
      expect(
        verify(
          digest,
          input,
          { key: publicKeyOf(publicJwk), format: 'jwk', dsaEncoding: 'ieee-p1363' },
          signature,
        ),
      ).toBe(true)
    }
  })
})

const publicKeyOf = ({ kty, crv, x, y }: Record<string, unknown>) =>
  ({ kty, crv, x, y }) as Record<string, string>
