/** Whether a private key is the one that its workspace publishes: else what it signs is verified by nobody. */
import { createPublicKey } from 'node:crypto'
import type { Algorithm } from '../oauth/signing.ts'
import type { ActiveKey, PublicJwk } from './signing-key.ts'

/** RFC 7518 §3.1, RFC 8037 §3.1: the keys that an algorithm takes. */
const TYPES: Record<Algorithm, { readonly kty: string; readonly crv?: string }> = {
  ES256: { kty: 'EC', crv: 'P-256' },
  ES384: { kty: 'EC', crv: 'P-384' },
  RS256: { kty: 'RSA' },
  PS256: { kty: 'RSA' },
  EdDSA: { kty: 'OKP', crv: 'Ed25519' },
}

export function fits({ kid, algorithm, privateKey }: ActiveKey, published: readonly PublicJwk[]): boolean {
  const jwk = published.find((candidate) => candidate.kid === kid)
  if (jwk === undefined || jwk.alg !== algorithm) return false
  const parameters = { ...createPublicKey(privateKey).export({ format: 'jwk' }), ...TYPES[algorithm] }
  return Object.entries(parameters).every(([name, value]) => jwk[name] === value)
}
