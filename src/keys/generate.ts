/** Makes signing keys. A kid is the RFC 7638 thumbprint of its key, so that no kid is ever used for two keys. */
import { generateKeyPair, type KeyPairKeyObjectResult } from 'node:crypto'
import { promisify } from 'node:util'
import { calculateJwkThumbprint, type JWK } from 'jose'
import type { Kid } from '../ids.ts'
import type { Algorithm } from '../oauth/signing.ts'
import type { PublicJwk } from './signing-key.ts'

export type GeneratedKey = {
  readonly publicJwk: PublicJwk
  /** PKCS #8, DER. To be sealed at once. */
  readonly privateKey: Buffer
}

const generate = promisify(generateKeyPair)

// RFC 7518 §3.3, §3.5: 2048 bits or more.
const RSA = { modulusLength: 2048, publicExponent: 65_537 }

const GENERATE: Record<Algorithm, () => Promise<KeyPairKeyObjectResult>> = {
  ES256: () => generate('ec', { namedCurve: 'P-256' }),
  ES384: () => generate('ec', { namedCurve: 'P-384' }),
  RS256: () => generate('rsa', RSA),
  PS256: () => generate('rsa', RSA),
  EdDSA: () => generate('ed25519'),
}

export async function generateSigningKey(algorithm: Algorithm): Promise<GeneratedKey> {
  const { publicKey, privateKey } = await GENERATE[algorithm]()
  const parameters = publicKey.export({ format: 'jwk' }) as JWK & { kty: string }
  const kid = (await calculateJwkThumbprint(parameters)) as Kid
  return {
    publicJwk: { ...parameters, use: 'sig', alg: algorithm, kid },
    privateKey: privateKey.export({ format: 'der', type: 'pkcs8' }),
  }
}
