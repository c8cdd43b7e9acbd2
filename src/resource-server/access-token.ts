/**
 * Verifies an access token, RFC 9068 §4: a JWT that this issuer signed, for this API, and that is still valid.
 * Every fault is an `invalid_token` (RFC 6750 §3.1) that says which rule the token breaks.
 */
import { decodeJwt, errors, jwtVerify, type JWTHeaderParameters, type JWTPayload } from 'jose'
import { Refusal } from './refusal.ts'
import type { RemoteKeys } from './remote-keys.ts'

/** The verified claims: RFC 9068 §2.2, and Regent's own. */
export type AccessTokenClaims = {
  iss: string
  sub: string
  aud: string | string[]
  client_id: string
  exp: number
  iat: number
  jti: string
  scope?: string
  scp?: string[]
  /** Regent's tenant, workspace, credential and region. */
  tid?: string
  aid?: string
  cred?: string
  region?: string
  [claim: string]: unknown
}

type Needs = {
  issuer: string
  audience: string
  clockSkew: number
  algorithms: readonly string[]
  typ: string
  keys: RemoteKeys
}

// RFC 9068 §2.2. That `iss` and `aud` are there is part of comparing them.
const REQUIRED = { exp: 'number', iat: 'number', sub: 'string', client_id: 'string', jti: 'string' } as const

export function accessTokenVerifier({ issuer, audience, clockSkew, algorithms, typ, keys }: Needs) {
  return async function verifyAccessToken(token: string): Promise<AccessTokenClaims> {
    const { payload } = await jwtVerify(token, (header) => requireKey(header, token), {
      algorithms: [...algorithms],
      audience,
      typ, // RFC 9068 §4: "at+jwt" or "application/at+jwt"; media types know no case
      clockTolerance: clockSkew,
    }).catch(refuse)
    requireClaims(payload)
    return payload
  }

  /** What is looked at before the signature. Of the header, only `kid` has a say in which key that needs. */
  async function requireKey({ crit, kid, alg }: JWTHeaderParameters, token: string) {
    // RFC 7515 §4.1.11: an extension that is not understood makes the JWS invalid; here, none is.
    if (crit !== undefined) {
      throw invalidToken('the header demands an extension that this API does not know (crit)')
    }
    // §4: the issuer "MUST exactly match". Before the signature: another issuer's token is no reason to fetch keys.
    if (decodeJwt(token).iss !== issuer) {
      throw invalidToken('the token was issued by another issuer (iss), or names none')
    }
    const key = typeof kid === 'string' && kid !== '' ? await keys.find(kid, alg) : undefined
    if (key === undefined) {
      throw invalidToken('the token is not signed with a key that its issuer publishes (kid)')
    }
    return key
  }
}

function requireClaims(payload: JWTPayload): asserts payload is AccessTokenClaims {
  for (const [claim, type] of Object.entries(REQUIRED)) {
    const value = payload[claim]
    if (typeof value !== type || value === '' || value === Infinity) {
      throw invalidToken(`the required claim ${claim} is missing or malformed`)
    }
  }
  // RFC 7800 §3.1: whoever presents a bound token must prove the key. This API cannot check that proof.
  if (payload['cnf'] !== undefined) {
    throw invalidToken(
      'the token is bound to a key of its client (cnf), and this API takes bearer tokens only',
    )
  }
}

/** Everything that jose throws here is about the token: keys and options were checked before. */
function refuse(cause: unknown): never {
  throw cause instanceof Refusal ? cause : invalidToken(printFault(cause), cause)
}

function printFault(cause: unknown): string {
  if (cause instanceof errors.JWTExpired) {
    return 'the token is expired (exp)'
  }
  if (cause instanceof errors.JWTClaimValidationFailed) {
    return FAULTY_CLAIM[cause.claim] ?? 'a claim is malformed'
  }
  if (cause instanceof errors.JOSEAlgNotAllowed) {
    return 'the token is signed with an algorithm that this API does not accept (alg)'
  }
  if (cause instanceof errors.JOSENotSupported) {
    return 'the header demands an extension that this API does not know (crit)'
  }
  if (cause instanceof errors.JWSInvalid || cause instanceof errors.JWTInvalid) {
    return 'the token is not a well-formed JWT'
  }
  return 'the signature is wrong'
}

const FAULTY_CLAIM: Readonly<Record<string, string>> = {
  aud: 'the token is meant for another audience (aud), or names none',
  typ: 'the token is not of the type that this API expects (typ)',
  nbf: 'the token is not valid yet (nbf)',
  exp: 'the required claim exp is missing or malformed',
  iat: 'the required claim iat is missing or malformed',
}

function invalidToken(message: string, cause?: unknown): Refusal {
  return new Refusal('invalid_token', message, { cause })
}
