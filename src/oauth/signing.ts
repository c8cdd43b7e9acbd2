/** The words for how tokens are signed: registered algorithms (RFC 7518 §3.1, RFC 8037 §3.1) and types of a JWT. */

export const ALGORITHMS = ['ES256', 'ES384', 'RS256', 'PS256', 'EdDSA'] as const
export type Algorithm = (typeof ALGORITHMS)[number]

export function isAlgorithm(text: string): text is Algorithm {
  return (ALGORITHMS as readonly string[]).includes(text)
}

/** `at+jwt` is the access token's own type (RFC 9068 §2.1); `JWT` is for verifiers that refuse it. */
export const JWT_TYPES = ['at+jwt', 'JWT'] as const
export type JwtType = (typeof JWT_TYPES)[number]
