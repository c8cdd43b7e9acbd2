/** Makes signing keys. A kid is the RFC 7638 thumbprint of its key, so that no kid is ever used for two keys. */
import { generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'
import { calculateJwkThumbprint } from 'jose'
import type { Kid } from '../ids.ts'
import type { Algorithm, PublicJwk } from './signing-key.ts'

export type GeneratedKey = {
  readonly publicJwk: PublicJwk
  /** PKCS #8, DER. To be sealed at once. */
  readonly privateKey: Buffer
}

const generate = promisify(generateKeyPair)

export async function generateSigningKey(algorithm: Algorithm): Promise<GeneratedKey> {
  const { publicKey, privateKey } = await generate('ec', { namedCurve: 'P-256' })
  const { kty = '', crv, x, y } = publicKey.export({ format: 'jwk' })
  const kid = (await calculateJwkThumbprint({ kty, crv, x, y } as Record<string, string>)) as Kid
  return {
    publicJwk: { kty, crv, x, y, use: 'sig', alg: algorithm, kid },
    privateKey: privateKey.export({ format: 'der', type: 'pkcs8' }),
  }
}
