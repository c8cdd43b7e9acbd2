/** A JWT signed with P-256 in one synchronous call, as fast as Node does it. */
import { generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import { CLIENT_ID, ISSUER, RESOURCE, SCOPE } from './listen.ts'

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const header = encode({ alg: 'ES256', typ: 'at+jwt', kid: 'HfNY0Bqvr8Pz9TgW4yM1hcKqf6X3aD5eLs2oJuVtRwQ' })
// Node 24 converts to r || s on a slow path; elsewhere this is the fastest.
const key = { key: privateKey, dsaEncoding: 'ieee-p1363' } as const

/** @returns an access token with the claims of RFC 9068 */
export function signedToken(): string {
  const iat = Math.floor(Date.now() / 1000)
  const claims = {
    iss: ISSUER,
    sub: CLIENT_ID,
    aud: RESOURCE,
    client_id: CLIENT_ID,
    scope: SCOPE,
    iat,
    exp: iat + 3600,
    jti: randomUUID(),
  }
  const input = `${header}.${encode(claims)}`
  return `${input}.${sign('sha256', Buffer.from(input), key).toString('base64url')}`
}
