import { createHash } from 'node:crypto'
import { calculateJwkThumbprint, jwtVerify, createRemoteJWKSet } from 'jose'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import { rotateKeys } from '../../src/changes/key-changes.ts'
import { freePort } from '../support/postgres.ts'
import { openWorld, ORDERS, type World, type WorldWorkspace } from '../support/world.ts'

const ISSUER = 'https://acme.eu.token.example/acme/orders'

describe('documents of a workspace', () => {
  let world: World
  let orders: WorldWorkspace

  beforeAll(async () => {
    world = await openWorld()
    orders = await world.workspace('https://acme.eu.token.example/orders')
  })
  afterAll(() => world.close())

  describe('metadata (RFC 8414)', () => {
    const inserted = '/.well-known/oauth-authorization-server/acme/orders'
    const appended = '/acme/orders/.well-known/oauth-authorization-server'
    const discovery = '/acme/orders/.well-known/openid-configuration'

    it('describes the workspace at the inserted path (§3)', async () => {
      const { body } = await orders.get(inserted).expect(200).expect('Content-Type', 'application/json')
      expect(body).toEqual({
        issuer: ISSUER, // §3.3: the same as the URL was made from
        token_endpoint: `${ISSUER}/oauth2/token`,
        jwks_uri: `${ISSUER}/.well-known/jwks.json`,
        scopes_supported: ['invoices:pay', 'invoices:read', 'read', 'write'],
        response_types_supported: [],
        grant_types_supported: ['client_credentials'],
        token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
      })
    })

    it('says the same at the appended path', async () => {
      const [one, two] = [await orders.get(inserted), await orders.get(appended).expect(200)]
      expect(two.text).toBe(one.text)
    })

    it('adds what strict OpenID parsers insist on (OpenID Connect Discovery §3)', async () => {
      const [plain, { body }] = [await orders.get(inserted), await orders.get(discovery).expect(200)]
      expect(body).toEqual({
        ...plain.body,
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['RS256', 'ES256', 'ES384', 'PS256', 'EdDSA'],
      })
    })

    it('names the issuer of its own workspace, whatever the host is spelled like (T14)', async () => {
      const { body } = await orders.get(inserted, { Host: 'ACME.eu.token.example.:443' }).expect(200)
      expect(body.issuer).toBe(ISSUER)
    })

    it('goes on naming the stored issuer when the origin of the installation changes', async () => {
      await world.superuser(
        `update regent.workspace set issuer = 'https://old.example/acme/orders' where workspace_id = $1`,
        [orders.workspace.id],
      )
      const { body } = await orders.get(inserted).expect(200)
      expect(body.issuer).toBe('https://old.example/acme/orders')
      await world.superuser(`update regent.workspace set issuer = $2 where workspace_id = $1`, [
        orders.workspace.id,
        ISSUER,
      ])
    })
  })

  describe('the JWK set (RFC 7517 §5)', () => {
    const path = '/acme/orders/.well-known/jwks.json'

    it('holds the public parts of the active and of the published key, each under its thumbprint (RFC 7638)', async () => {
      const { body } = await orders.get(path).expect(200).expect('Content-Type', 'application/json')
      expect(body.keys).toHaveLength(2)
      for (const key of body.keys) {
        expect(Object.keys(key).toSorted()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'])
        expect(key).toMatchObject({ kty: 'EC', crv: 'P-256', alg: 'ES256', use: 'sig' })
        expect(key.kid).toBe(await calculateJwkThumbprint(key))
      }
    })

    it('shares no key with any other workspace (T14)', async () => {
      const others = [
        await world.workspace('https://acme.eu.token.example/other'),
        await world.workspace('https://rival.eu.token.example/orders'),
        await world.workspace('https://acme.us.token.example/orders'),
      ]
      const sets = [orders, ...others].map(async (workspace) => {
        const { body } = await workspace.get(`${workspace.path}/.well-known/jwks.json`).expect(200)
        return body.keys.map(({ kid }: { kid: string }) => kid)
      })
      const kids = (await Promise.all(sets)).flat()
      expect(new Set(kids).size).toBe(kids.length)
    })

    it('keeps a retired key, and shows the next one before it signs', async () => {
      const turning = await world.workspace('https://acme.eu.token.example/turning')
      const robot = await turning.client('robot')
      const document = `${turning.path}/.well-known/jwks.json`
      const { access_token: early } = (await turning.token(robot).expect(200)).body
      const before = (await turning.get(document)).body.keys.map(({ kid }: { kid: string }) => kid)

      await expect(rotateKeys(turning.change, turning.workspace)).rejects.toMatchObject({
        reason: 'key_too_young',
      })
      await world.superuser(
        `update regent.signing_key set may_sign_at = published_at where workspace_id = $1 and state = 'published'`,
        [turning.workspace.id],
      )
      await rotateKeys(turning.change, turning.workspace)

      const after = (await turning.get(document)).body.keys.map(({ kid }: { kid: string }) => kid)
      const { access_token: late } = (await turning.token(robot).expect(200)).body
      const { protectedHeader } = await turning.verify(late)
      expect(after).toEqual(expect.arrayContaining(before))
      expect(after).toHaveLength(3)
      expect(before).toContain(protectedHeader.kid)
      expect(protectedHeader.kid).not.toBe((await turning.verify(early)).protectedHeader.kid)
    })
  })

  describe('any document', () => {
    const documents = [
      '/.well-known/oauth-authorization-server/acme/orders',
      '/acme/orders/.well-known/openid-configuration',
      '/acme/orders/.well-known/jwks.json',
    ]

    it.each(documents)(
      '%s is for everybody, to be kept as long as keys allow (RFC 9111 §5.2)',
      async (path) => {
        const { headers } = await orders.get(path).expect(200)
        expect(headers).toMatchObject({
          'access-control-allow-origin': '*',
          'cache-control': `public, max-age=${orders.workspace.jwksMaxAge}`,
          'cross-origin-resource-policy': 'cross-origin',
          'x-content-type-options': 'nosniff',
        })
        expect(orders.workspace.signingLead).toBeGreaterThanOrEqual(2 * orders.workspace.jwksMaxAge)
      },
    )

    it.each(documents)(
      '%s has an ETag, and is not sent again to who has it (RFC 9110 §13.1.2)',
      async (path) => {
        const { headers, text } = await orders.get(path).expect(200)
        const etag = `"${createHash('sha256').update(text).digest('base64url')}"`
        expect(headers.etag).toBe(etag)
        for (const tag of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
          const unchanged = await orders.get(path, { 'If-None-Match': tag }).expect(304)
          expect([unchanged.text, unchanged.headers.etag]).toEqual(['', etag])
        }
        await orders.get(path, { 'If-None-Match': '"x"' }).expect(200)
      },
    )
  })
})

describe('client libraries, given the issuer and nothing else', () => {
  let world: World
  let orders: WorldWorkspace
  let robot: { id: string; secret: string }

  beforeAll(async () => {
    const localPort = await freePort()
    world = await openWorld({ localPort })
    orders = await world.workspace(`http://acme.eu.localhost:${localPort}/orders`)
    robot = await orders.client('robot')
  })
  afterAll(() => world.close())

  const verify = async (token: string) => {
    const { issuer } = orders.workspace
    const jwks = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`))
    return jwtVerify(token, jwks, {
      issuer,
      audience: ORDERS,
      typ: 'at+jwt',
      currentDate: new Date(world.clock.time * 1000),
    })
  }

  it.each(['oidc', 'oauth2'] as const)(
    'openid-client discovers it as %s and gets a token',
    async (algorithm) => {
      const server = new URL(orders.workspace.issuer)
      const config = await openid.discovery(server, robot.id, robot.secret, undefined, {
        algorithm,
        execute: [openid.allowInsecureRequests],
      })
      const token = await openid.clientCredentialsGrant(config, { scope: 'read' })
      expect(token).toMatchObject({ token_type: 'bearer', expires_in: 600, scope: 'read' })
      await verify(token.access_token)
    },
  )

  it.each([
    ['ClientSecretBasic', oauth.ClientSecretBasic],
    ['ClientSecretPost', oauth.ClientSecretPost],
  ])('oauth4webapi discovers it and gets a token with %s', async (_name, authentication) => {
    const insecure = { [oauth.allowInsecureRequests]: true }
    const issuer = new URL(orders.workspace.issuer)
    const discovered = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure })
    const server = await oauth.processDiscoveryResponse(issuer, discovered)
    const client = { client_id: robot.id }
    const response = await oauth.clientCredentialsGrantRequest(
      server,
      client,
      authentication(robot.secret),
      { resource: ORDERS },
      insecure,
    )
    const token = await oauth.processClientCredentialsResponse(server, client, response)
    await verify(token.access_token)
  })
})
