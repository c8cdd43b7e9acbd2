import { request as httpRequest } from 'node:http'
import request from 'supertest'
import { openApi, type Api } from './api.ts'
import { AUDIENCE, openAuthorizationServer, type AuthorizationServer } from './authorization-server.ts'

describe('a protected route (RFC 6750)', () => {
  let authorizationServer: AuthorizationServer
  let api: Api
  let token: string

  beforeAll(async () => {
    authorizationServer = await openAuthorizationServer()
    api = await openApi({ issuer: authorizationServer.issuer, audience: AUDIENCE, realm: 'orders' })
    token = await authorizationServer.token()
  })
  afterAll(async () => {
    await api.close()
    await authorizationServer.close()
  })

  /** Sends header lines as they are, repeated ones too. */
  async function ask(...authorization: string[]) {
    return new Promise<{ status?: number | undefined; challenge?: string | undefined }>((resolve, reject) => {
      const headers = { Authorization: authorization }
      httpRequest({ host: '127.0.0.1', port: api.port, path: '/orders', headers }, (response) => {
        response.resume()
        resolve({ status: response.statusCode, challenge: response.headers['www-authenticate'] })
      })
        .on('error', reject)
        .end()
    })
  }

  it.each(['Bearer', 'bearer', 'BEARER'])(
    'takes the token after the scheme %s (§2.1, RFC 9110 §11.1)',
    async (scheme) => {
      const response = await request(api.server)
        .get('/orders')
        .set('Authorization', `${scheme}  ${token}`)
        .expect(200)
      expect(response.body).toMatchObject({
        iss: authorizationServer.issuer,
        client_id: 'robot',
        scope: 'read write',
      })
    },
  )

  it('asks for a token and names no error when none came (§3.1)', async () => {
    const response = await request(api.server).get('/orders').expect(401)
    expect(response.headers['www-authenticate']).toBe('Bearer realm="orders"')
    expect(response.headers['cache-control']).toBe('no-store')
    expect(response.body).toEqual({})
  })

  it.each(['Basic cm9ib3Q6c2VjcmV0', 'DPoP abc', 'Bearertoken', 'Negotiate', 'Bearer\ta'])(
    'treats another scheme as no token (§3.1): %s',
    async (authorization) => {
      const response = await request(api.server)
        .get('/orders')
        .set('Authorization', authorization)
        .expect(401)
      expect(response.headers['www-authenticate']).toBe('Bearer realm="orders"')
    },
  )

  it.each(['Bearer', 'Bearer a b', 'Bearer a,b', 'Bearer "a"', 'Bearer =', 'Bearer a=b'])(
    'refuses credentials outside the grammar (§2.1): %p',
    async (authorization) => {
      const response = await request(api.server).get('/orders').set('Authorization', authorization)
      expect(response.status).toBe(400)
      expect(response.headers['www-authenticate']).toMatch(
        /^Bearer realm="orders", error="invalid_request", error_description="[^"\\]+"$/,
      )
      expect(response.body).toEqual({ error: 'invalid_request', error_description: expect.any(String) })
      expect(response.headers['cache-control']).toBe('no-store')
    },
  )

  it('refuses two Authorization headers, whatever is in them (§3.1)', async () => {
    for (const both of [
      [`Bearer ${token}`, `Bearer ${token}`],
      [`Bearer ${token}`, 'Basic cm9ib3Q6c2VjcmV0'],
    ]) {
      const answer = await ask(...both)
      expect(answer.status).toBe(400)
      expect(answer.challenge).toContain('error="invalid_request"')
    }
    expect((await ask(`Bearer ${token}`)).status).toBe(200)
  })

  it('ignores tokens in the query and in a form (§2.2, §2.3)', async () => {
    const query = await request(api.server).get('/orders').query({ access_token: token })
    const form = await request(api.server).post('/orders').type('form').send({ access_token: token })
    expect([query.status, form.status]).toEqual([401, 401])
    expect([query.body, form.body]).toEqual([{}, {}])
  })

  it('says which scope is needed when the token does not grant it (§3.1)', async () => {
    const response = await request(api.server).post('/orders').auth(token, { type: 'bearer' }).expect(403)
    expect(response.headers['www-authenticate']).toMatch(
      /^Bearer realm="orders", error="insufficient_scope", error_description="[^"\\]+", scope="read orders:create"$/,
    )
    expect(response.body).toEqual({ error: 'insufficient_scope', error_description: expect.any(String) })
    expect(response.headers['cache-control']).toBe('no-store')
  })

  it.each([
    ['a scope string', { scope: 'other orders:create read' }, 201],
    ['an scp array', { scope: undefined, scp: ['orders:create', 'read'] }, 201],
    ['scope before scp', { scope: 'read', scp: ['orders:create', 'read'] }, 403],
    ['only whole tokens', { scope: 'reader orders:created' }, 403],
    ['case', { scope: 'READ ORDERS:CREATE' }, 403],
    ['no scope at all', { scope: undefined }, 403],
    ['a malformed scope', { scope: { read: true } }, 403],
    ['a malformed scp', { scope: undefined, scp: 'read orders:create' }, 403],
  ])('reads %s (RFC 9068 §2.2.3, RFC 6749 §3.3)', async (_case, claims, status) => {
    const special = await authorizationServer.token(claims)
    const response = await request(api.server).post('/orders').auth(special, { type: 'bearer' })
    expect(response.status).toBe(status)
  })

  it('asks for no scope where the route names none', async () => {
    const bare = await authorizationServer.token({ scope: undefined })
    const response = await request(api.server).get('/whoami').auth(bare, { type: 'bearer' }).expect(200)
    expect(response.body).toEqual({ client: 'robot' })
  })

  it('does not hand out claims on a route that is not protected', async () => {
    const response = await request(api.server).get('/open').auth(token, { type: 'bearer' }).expect(500)
    expect(response.body.fault).toMatch(/not protected/)
  })

  it('is called by its audience where no realm is given (§3)', async () => {
    const plain = await openApi({ issuer: authorizationServer.issuer, audience: AUDIENCE })
    const response = await request(plain.server).get('/orders').expect(401)
    expect(response.headers['www-authenticate']).toBe(`Bearer realm="${AUDIENCE}"`)
    await plain.close()
  })
})
