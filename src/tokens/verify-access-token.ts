/** Verifies an access token that this server issued, RFC 9068 §4, with the keys that its workspace publishes. */
import { createLocalJWKSet, errors, jwtVerify, type JSONWebKeySet } from 'jose'
import type { Clock } from '../clock.ts'
import type { ClientId, CredentialId, Issuer } from '../ids.ts'
import type { PublicJwk } from '../keys/signing-key.ts'
import { ALGORITHMS } from '../oauth/signing.ts'

export type VerifiedToken = {
  readonly clientId: ClientId
  readonly credentialId: CredentialId
  readonly scope: ReadonlySet<string>
}

const keySets = new WeakMap<readonly PublicJwk[], ReturnType<typeof createLocalJWKSet>>()

/** @returns undefined, with no reason, for whatever is not a valid token of this issuer for this audience */
export async function verifyAccessToken(
  token: string,
  { issuer, publicKeys }: { readonly issuer: Issuer; readonly publicKeys: readonly PublicJwk[] },
  audience: string,
  clock: Clock,
): Promise<VerifiedToken | undefined> {
  let keys = keySets.get(publicKeys)
  if (keys === undefined) {
    keys = createLocalJWKSet({ keys: publicKeys } as unknown as JSONWebKeySet)
    keySets.set(publicKeys, keys)
  }
  try {
    const { payload, protectedHeader } = await jwtVerify(token, keys, {
      issuer,
      audience,
      typ: 'at+jwt',
      algorithms: [...ALGORITHMS],
      requiredClaims: ['exp', 'iat', 'sub', 'client_id', 'jti', 'cred', 'scope'],
      currentDate: new Date(clock.now() * 1000),
    })
    // RFC 7515 §4.1.11: none is understood here. RFC 7800 §3.1: a bound token needs a proof that bearer requests lack.
    if (protectedHeader.crit !== undefined || payload['cnf'] !== undefined) return undefined
    const { client_id: clientId, cred, scope } = payload
    if (typeof clientId !== 'string' || typeof cred !== 'string' || typeof scope !== 'string')
      return undefined
    return {
      clientId: clientId as ClientId,
      credentialId: cred as CredentialId,
      scope: new Set(scope.split(' ')),
    }
  } catch (error) {
    if (error instanceof errors.JOSEError) return undefined
    throw error
  }
}
