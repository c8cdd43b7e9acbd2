/** What does not work, and why. Whatever else fails is news, and so is anything of this that works. */
import { ALGORITHMS, JWT_TYPES, type Algorithm, type JwtType } from '../../src/oauth/signing.ts'
import type { Kind } from './tokens.ts'

export type ExpectedFailure = {
  readonly verifier: string
  readonly types: readonly JwtType[]
  readonly algorithms: readonly Algorithm[]
  /** What the library says. */
  readonly says: string
  readonly why: string
}

const FAILURES: readonly ExpectedFailure[] = [
  ...['express-jwt with jwks-rsa', 'passport-jwt with jwks-rsa', 'jsonwebtoken with jwks-rsa'].map(
    (verifier): ExpectedFailure => ({
      verifier,
      types: JWT_TYPES,
      algorithms: ['EdDSA'],
      says: 'Unknown key type "ed25519".',
      why: 'jsonwebtoken knows no EdDSA, and express-jwt and passport-jwt are built on it.',
    }),
  ),
  {
    verifier: 'aws-jwt-verify',
    types: JWT_TYPES,
    algorithms: ['PS256'],
    says: 'JWT signature algorithm not allowed: PS256. Expected one of: RS256, RS384, RS512, ES256, ES384, ES512, EdDSA',
    why: 'it knows no RSASSA-PSS.',
  },
  {
    verifier: 'hono',
    types: ['at+jwt'],
    algorithms: ALGORITHMS,
    says: 'jwt header is invalid: …',
    why: "it takes type `JWT` only, unless `verification: { typ: 'at+jwt' }` names another.",
  },
]

/** Verifiers that fetch the JWK set anew for each token. */
export const KEEPS_NO_KEYS: readonly string[] = ['hono', 'hono, `typ` named']

/** For the reader of the document; several failures may share one. */
export const NOTES: readonly string[] = [...new Set(FAILURES.map(printNote))]

export function findExpectedFailure(verifier: string, { typ, algorithm }: Kind): ExpectedFailure | undefined {
  return FAILURES.find(
    (failure) =>
      failure.verifier === verifier && failure.types.includes(typ) && failure.algorithms.includes(algorithm),
  )
}

export function printOutcome(failure: ExpectedFailure | undefined): string {
  return failure === undefined ? 'works' : `no (${NOTES.indexOf(printNote(failure)) + 1})`
}

function printNote({ says, why }: ExpectedFailure): string {
  return `\`${says}\`: ${why}`
}
