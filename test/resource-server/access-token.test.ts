import request from 'supertest'
import { CompactSign, decodeJwt, UnsecuredJWT } from 'jose'
import { Refusal, resourceServer } from '../../src/resource-server/resource-server.ts'
import { openApi, type Api } from './api.ts'
import {
  AUDIENCE,
  JWKS_PATH,
  newKey,
  openAuthorizationServer,
  type AuthorizationServer,
} from './authorization-server.ts'

const now = () => Math.floor(Date.now() / 1000)

describe('the verification of an access token (RFC 9068 §4)', () => {
  let authorizationServer: AuthorizationServer
  let api: Api

  beforeAll(async () => {
    authorizationServer = await openAuthorizationServer()
    api = await openApi({ issuer: authorizationServer.issuer, audience: AUDIENCE })
  })
  afterAll(async () => {
    await api.close()
    await authorizationServer.close()
  })

  const present = (token: string) => request(api.server).get('/orders').auth(token, { type: 'bearer' })

  /** The description of an invalid_token: the same in header and body, and nothing of the token in it. */
  async function refusalOf(token: string): Promise<unknown> {
    const response = await present(token)
    const { error, error_description } = response.body
    expect([response.status, error]).toEqual([401, 'invalid_token'])
    expect(response.headers['www-authenticate']).toBe(
      `Bearer realm="${AUDIENCE}", error="invalid_token", error_description="${error_description}"`,
    )
    expect(response.headers['cache-control']).toBe('no-store')
    expect(response.text).not.toContain('mallory')
    return error_description
  }

  it.each([
    ['another issuer (§4)', { iss: 'https://mallory.example' }, /\(iss\)/],
    ['an issuer that differs by a slash (§4)', { iss: 'SLASH' }, /\(iss\)/],
    ['no issuer (§2.2)', { iss: undefined }, /\(iss\)/],
    ['another audience (§4)', { aud: 'https://mallory.example' }, /\(aud\)/],
    ['several other audiences (§4)', { aud: ['https://mallory.example', `${AUDIENCE}/`] }, /\(aud\)/],
    ['no audience (§2.2)', { aud: undefined }, /\(aud\)/],
    ['a past expiration (§4)', { exp: now() - 10 }, /expired \(exp\)/],
    ['no expiration (§2.2)', { exp: undefined }, /claim exp/],
    ['an expiration in words (§2.2)', { exp: 'mallory' }, /claim exp/],
    ['a beginning in the future (RFC 7519 §4.1.5)', { nbf: now() + 60 }, /\(nbf\)/],
    ['no subject (§2.2)', { sub: undefined }, /claim sub/],
    ['an empty subject (§2.2)', { sub: '' }, /claim sub/],
    ['no client (§2.2)', { client_id: undefined }, /claim client_id/],
    ['a client that is no string (§2.2)', { client_id: ['mallory'] }, /claim client_id/],
    ['no time of issue (§2.2)', { iat: undefined }, /claim iat/],
    ['a time of issue in words (§2.2)', { iat: 'mallory' }, /claim iat/],
    ['no token id (§2.2)', { jti: undefined }, /claim jti/],
    ['a key of its client (RFC 7800 §3.1)', { cnf: { jkt: 'mallory' } }, /\(cnf\)/],
  ])('refuses a token with %s', async (_case, claims: Record<string, unknown>, rule) => {
    const spelt = claims['iss'] === 'SLASH' ? { iss: `${authorizationServer.issuer}/` } : claims
    expect(await refusalOf(await authorizationServer.token(spelt))).toMatch(rule)
  })

  it('refuses an expiration that no number holds, and that would never come (§2.2, RFC 7519 §2)', async () => {
    const claims = JSON.stringify({ ...decodeJwt(await authorizationServer.token()), exp: 0 })
    const token = await new CompactSign(Buffer.from(claims.replace('"exp":0', '"exp":1e999')))
      .setProtectedHeader({ alg: 'ES256', kid: 'key-1', typ: 'at+jwt' })
      .sign(authorizationServer.key.privateKey)
    expect(await refusalOf(token)).toMatch(/claim exp/)
  })

  it('takes a token for several audiences of which it is one (§4)', async () => {
    expect(
      (await present(await authorizationServer.token({ aud: ['https://other.example', AUDIENCE] }))).status,
    ).toBe(200)
  })

  it.each(['at+jwt', 'AT+JWT', 'application/at+jwt', 'Application/At+Jwt'])(
    'takes typ %s (§4)',
    async (typ) => {
      expect((await present(await authorizationServer.token({}, { typ }))).status).toBe(200)
    },
  )

  it.each(['JWT', 'application/jwt', 'logout+jwt', 'text/at+jwt', '', undefined])(
    'refuses typ %p (§4)',
    async (typ) => {
      expect(await refusalOf(await authorizationServer.token({}, { typ }))).toMatch(/\(typ\)/)
    },
  )

  it('takes typ JWT, and only that, where the resource server asked for it', async () => {
    const { verify } = resourceServer({ issuer: authorizationServer.issuer, audience: AUDIENCE, typ: 'JWT' })
    await expect(verify(await authorizationServer.token({}, { typ: 'JWT' }))).resolves.toMatchObject({
      sub: 'robot',
    })
    await expect(verify(await authorizationServer.token())).rejects.toMatchObject({ code: 'invalid_token' })
  })

  it('allows for clocks that differ by the clock skew, and no more (RFC 7519 §4.1.4)', async () => {
    const token = await authorizationServer.token({ exp: now() - 30 })
    const options = { issuer: authorizationServer.issuer, audience: AUDIENCE }
    expect((await present(await authorizationServer.token({ exp: now() - 2, nbf: now() + 2 }))).status).toBe(
      200,
    ) // default: 5 s
    await expect(resourceServer({ ...options, clockSkew: 60 }).verify(token)).resolves.toMatchObject({
      jti: 'token-1',
    })
    const late = await authorizationServer.token({ exp: now() - 1 })
    await expect(resourceServer({ ...options, clockSkew: 0 }).verify(late)).rejects.toThrow(/expired/)
  })

  it('refuses a token that was changed (RFC 7515 §5.2)', async () => {
    const [header, , signature] = (await authorizationServer.token()).split('.')
    const [, payload] = (await authorizationServer.token({ scope: 'read admin' })).split('.')
    expect(await refusalOf(`${header}.${payload}.${signature}`)).toMatch(/signature/)
  })

  it('refuses the signature of another key under a published kid (RFC 7515 §5.2)', async () => {
    expect(await refusalOf(await authorizationServer.token({}, {}, await newKey('key-1')))).toMatch(
      /signature/,
    )
  })

  it('refuses the signature of a key that is not published, and of none (RFC 7517 §4.5)', async () => {
    expect(await refusalOf(await authorizationServer.token({}, {}, await newKey('mallory')))).toMatch(
      /\(kid\)/,
    )
    expect(await refusalOf(await authorizationServer.token({}, { kid: undefined }))).toMatch(/\(kid\)/)
  })

  it.each(['mallory', 'a.b.c', 'a.b.c.d', 'e30.e30.e30', 'bnVsbA.bnVsbA.AAAA'])(
    'refuses what is no JWT (RFC 7519 §7.2): %s',
    async (token) => {
      expect(await refusalOf(token)).toMatch(/not a well-formed JWT/)
    },
  )

  it('refuses alg none and HMAC with the public key (§4, RFC 8725 §3.1)', async () => {
    const claims = { iss: authorizationServer.issuer, aud: AUDIENCE, sub: 'mallory' }
    const unsecured = new UnsecuredJWT(claims).setExpirationTime('5m').encode()
    expect(await refusalOf(unsecured)).toMatch(/\(alg\)/)

    const hmac = { kid: 'key-1', alg: 'HS256', privateKey: await hmacKey(), jwk: {} }
    expect(await refusalOf(await authorizationServer.token({}, {}, hmac))).toMatch(/\(alg\)/)
  })

  it('refuses algorithms that are not on its list (RFC 8725 §3.1)', async () => {
    const es512 = await newKey('key-es512', 'ES512')
    authorizationServer.published.push(es512.jwk)
    const token = await authorizationServer.token({}, {}, es512)
    const options = { issuer: authorizationServer.issuer, audience: AUDIENCE }
    await expect(resourceServer(options).verify(token)).rejects.toThrow(/\(alg\)/)
    await expect(resourceServer({ ...options, algorithms: ['ES512'] }).verify(token)).resolves.toBeDefined()
  })

  it.each(['ES256', 'ES384', 'PS256', 'RS256', 'EdDSA'])('takes %s by default (§2.1, §4)', async (alg) => {
    const signer = await newKey(`key-${alg}`, alg)
    authorizationServer.published.push(signer.jwk)
    const { verify } = resourceServer({ issuer: authorizationServer.issuer, audience: AUDIENCE })
    await expect(verify(await authorizationServer.token({}, {}, signer))).resolves.toMatchObject({
      sub: 'robot',
    })
  })

  it('refuses a key of another algorithm than it is published for (RFC 7517 §4.4)', async () => {
    const signer = await newKey('key-ps', 'PS256')
    const { verify } = resourceServer({ issuer: authorizationServer.issuer, audience: AUDIENCE })
    authorizationServer.published.push({ ...signer.jwk, alg: 'RS256' })
    await expect(verify(await authorizationServer.token({}, {}, signer))).rejects.toThrow(/\(kid\)/)
  })

  it('refuses a token whose header has crit, known to the library or not (RFC 7515 §4.1.11)', async () => {
    expect(await refusalOf(await authorizationServer.token({}, { crit: ['b64'], b64: true }))).toMatch(
      /\(crit\)/,
    )
    expect(
      await refusalOf(encodeHeader(await authorizationServer.token(), { crit: ['mallory'], mallory: 1 })),
    ).toMatch(/\(crit\)/)
  })

  it('takes no key from the header of a token: jwk, jku, x5u (RFC 8725 §3.10)', async () => {
    const signer = await newKey('mallory')
    const elsewhere = await openAuthorizationServer()
    elsewhere.published = [signer.jwk]
    const url = `${elsewhere.origin}${JWKS_PATH}`
    expect(
      await refusalOf(await authorizationServer.token({}, { jwk: signer.jwk, jku: url, x5u: url }, signer)),
    ).toMatch(/\(kid\)/)
    expect(
      await refusalOf(
        await authorizationServer.token({}, { kid: 'key-1', jwk: signer.jwk, jku: url, x5u: url }, signer),
      ),
    ).toMatch(/signature/)
    expect(elsewhere.asked).toEqual([])
    await elsewhere.close()
  })

  it('rejects with a Refusal where it is used without the middleware', async () => {
    const { verify } = resourceServer({ issuer: authorizationServer.issuer, audience: AUDIENCE })
    const refused = await verify('mallory').catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(Refusal)
    expect(refused).toMatchObject({ code: 'invalid_token', status: 401 })
  })
})

async function hmacKey() {
  return crypto.subtle.importKey('raw', Buffer.alloc(32, 1), { name: 'HMAC', hash: 'SHA-256' }, false, [
    'sign',
  ])
}

/** The token with more in its header; its signature is then wrong, too. */
function encodeHeader(token: string, more: Record<string, unknown>): string {
  const [header = '', ...rest] = token.split('.')
  const members = { ...JSON.parse(Buffer.from(header, 'base64url').toString()), ...more }
  return [Buffer.from(JSON.stringify(members)).toString('base64url'), ...rest].join('.')
}
