import { setClientState } from '../../src/changes/client-changes.ts'
import { createSecret, revokeCredential } from '../../src/changes/credential-changes.ts'
import type { ClientId, CredentialId } from '../../src/ids.ts'
import { basic, INVOICES, NOW, openWorld, ORDERS, type World, type WorldWorkspace } from '../support/world.ts'

type Robot = Awaited<ReturnType<WorldWorkspace['client']>>

describe('POST /oauth2/token', () => {
  let world: World
  let orders: WorldWorkspace
  let robot: Robot

  beforeAll(async () => {
    world = await openWorld()
    orders = await world.workspace('https://acme.eu.token.example/orders')
    robot = await orders.client('robot')
  })
  afterAll(() => world.close())

  describe('grant_type=client_credentials (RFC 6749 §4.4)', () => {
    it('issues a bearer token whose subject is the client itself (RFC 9068 §2.2)', async () => {
      const response = await orders.token(robot, { scope: 'read' }).expect(200)

      expect(response.headers['content-type']).toBe('application/json')
      expect(response.headers['cache-control']).toBe('no-store') // §5.1
      expect(response.headers.pragma).toBe('no-cache')
      expect(response.headers['x-request-id']).toMatch(/^[A-Za-z0-9_-]{22}$/)
      expect(response.headers).not.toHaveProperty('access-control-allow-origin')
      expect(response.body).toEqual({
        access_token: expect.any(String),
        token_type: 'Bearer',
        expires_in: 600,
        scope: 'read',
      })
      const { payload, protectedHeader } = await orders.verify(response.body.access_token)
      expect(protectedHeader).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: expect.any(String) })
      expect(payload).toEqual({
        iss: 'https://acme.eu.token.example/acme/orders',
        sub: 'robot',
        aud: ORDERS,
        client_id: 'robot',
        scope: 'read',
        iat: NOW,
        exp: NOW + 600,
        jti: expect.stringMatching(/^[A-Za-z0-9_-]{22}$/),
        tid: 'acme',
        aid: 'orders',
        cred: robot.credentialId,
        region: 'eu',
      })
      expect(world.seen.at(-1)).toMatchObject({
        type: 'token_issued',
        clientId: 'robot',
        tokenId: payload.jti,
      })
    })
  })
})
