import { setTimeout as sleep } from 'node:timers/promises'
import { request } from 'node:http'
import { setClientState } from '../../src/changes/client-changes.ts'
import { createSecret, revokeCredential } from '../../src/changes/credential-changes.ts'
import { withdrawScopes } from '../../src/changes/scope-changes.ts'
import type { ClientId, CredentialId } from '../../src/ids.ts'
import type { ScopeToken } from '../../src/oauth/scope.ts'
import {
  basic,
  encodeForm,
  INVOICES,
  NOW,
  openWorld,
  ORDERS,
  type Form,
  type World,
  type WorldWorkspace,
} from '../support/world.ts'
import { openTcpProxy } from '../support/tcp-proxy.ts'

type Robot = Awaited<ReturnType<WorldWorkspace['client']>>

const GRANT = 'grant_type=client_credentials'

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

  /** A refusal as the client sees it, and as the operator sees it. */
  function expectRefusal(
    response: { body: unknown; headers: Record<string, string> },
    error: string,
    reason: string,
  ) {
    expect(response.body).toEqual({ error, error_description: expect.any(String) })
    expect(response.headers).toMatchObject({ 'cache-control': 'no-store', pragma: 'no-cache' }) // RFC 6749 §5.2
    const { error_description: description } = response.body as { error_description: string }
    expect(description).toContain(`(request ${response.headers['x-request-id']})`)
    expect(description).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/) // §5.2: no quote, no backslash
    expect(world.lastRefusal()).toMatchObject({
      code: error,
      reason,
      requestId: response.headers['x-request-id'],
    })
  }

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

    it('issues no refresh token (§4.4.3), no id_token, and never the same token twice', async () => {
      const [first, second] = [await orders.token(robot).expect(200), await orders.token(robot).expect(200)]
      expect(Object.keys(first.body)).toEqual(['access_token', 'token_type', 'expires_in', 'scope'])
      expect(first.body.access_token).not.toBe(second.body.access_token)
    })

    it('leaves out the region of a tenant without one', async () => {
      const plain = await world.workspace('https://acme.token.example/orders')
      const { body } = await plain.token(await plain.client('robot')).expect(200)
      const { payload } = await plain.verify(body.access_token)
      expect(payload).not.toHaveProperty('region')
      expect(payload.iss).toBe('https://acme.token.example/acme/orders')
    })

    it('lets a token live as long as its workspace says, and says so truly (§5.1)', async () => {
      const brief = await world.workspace('https://acme.eu.token.example/brief', { accessTokenLifetime: 61 })
      const { body } = await brief.token(await brief.client('robot')).expect(200)
      const { payload } = await brief.verify(body.access_token)
      expect([body.expires_in, payload.exp]).toEqual([61, NOW + 61])
    })

    it('refuses a client that may not use the grant (§5.2)', async () => {
      const idle = await orders.client('idle', { grantTypes: [] })
      expectRefusal(await orders.token(idle).expect(400), 'unauthorized_client', 'grant_not_allowed')
    })
  })

  describe('the form (§3.2, Appendix B)', () => {
    it.each([
      ['grant_type is missing', {}, 'invalid_request', 'grant_type_missing'],
      ['grant_type is empty, which is missing', { grant_type: '' }, 'invalid_request', 'grant_type_missing'],
      ['grant_type is unknown', { grant_type: 'password' }, 'unsupported_grant_type', 'grant_type_unknown'],
      [
        'grant_type is two words',
        { grant_type: `client_credentials x` },
        'unsupported_grant_type',
        'grant_type_unknown',
      ],
      [
        'a parameter comes twice',
        { grant_type: ['client_credentials', 'x'] },
        'invalid_request',
        'repeated_parameter',
      ],
      [
        'twice the same',
        { grant_type: ['client_credentials', 'client_credentials'] },
        'invalid_request',
        'repeated_parameter',
      ],
      [
        'twice, once empty',
        { grant_type: ['client_credentials', ''] },
        'invalid_request',
        'repeated_parameter',
      ],
      [
        'scope comes twice',
        { grant_type: 'client_credentials', scope: ['read', 'write'] },
        'invalid_request',
        'repeated_parameter',
      ],
    ] as [string, Form, string, string][])('refuses when %s', async (_case, form, error, reason) => {
      const body = encodeForm({ ...form, client_id: robot.id, client_secret: robot.secret })
      expectRefusal(await orders.post(body).expect(400), error, reason)
    })

    it.each([
      ['a lone percent sign', 'x=%', 'percent_encoding'],
      ['%zz', 'x=%zz', 'percent_encoding'],
      ['an overlong encoding', 'x=%c0%af', 'percent_encoding'],
      ['a surrogate', 'x=%ed%a0%80', 'percent_encoding'],
      ['NUL', 'x=%00', 'nul_character'],
      ['NUL in a name', '%00=x', 'nul_character'],
      ['bytes that are no UTF-8', Buffer.from([0x78, 0x3d, 0xff]), 'invalid_utf8'],
      [
        '51 parameters',
        Array.from({ length: 51 }, (_, index) => `p${index}=1`).join('&'),
        'too_many_parameters',
      ],
    ])('refuses %s anywhere in the body', async (_case, body, reason) => {
      expectRefusal(await orders.post(body).expect(400), 'invalid_request', reason)
    })

    it.each([
      ['application/json', 'content_type'],
      ['multipart/form-data; boundary=x', 'content_type'],
      ['text/plain', 'content_type'],
      ['application/x-www-form-urlencoded2', 'content_type'],
      ['application/x-www-form-urlencoded; charset=iso-8859-1', 'charset'],
      ['application/x-www-form-urlencoded; charset=utf-7', 'charset'],
    ])('refuses Content-Type: %s, and names the right one', async (type, reason) => {
      const response = await orders.post(`${GRANT}&client_id=robot`, { 'Content-Type': type }).expect(400)
      expectRefusal(response, 'invalid_request', reason)
      if (reason === 'content_type') {
        expect(response.body.error_description).toContain('application/x-www-form-urlencoded')
      }
    })

    it.each([
      'application/x-www-form-urlencoded;charset=UTF-8',
      'Application/X-WWW-Form-Urlencoded; charset="utf-8"',
    ])('accepts Content-Type: %s', async (type) => {
      const body = `${GRANT}&client_id=robot&client_secret=${robot.secret}`
      await orders.post(body, { 'Content-Type': type }).expect(200)
    })

    it('refuses two Content-Types, though Node would show the first only', async () => {
      const type = 'application/x-www-form-urlencoded'
      const status = await new Promise((resolve, reject) => {
        const asked = request({
          port: world.port,
          method: 'POST',
          path: `${orders.path}/oauth2/token`,
          headers: [
            'Host',
            orders.host,
            'Content-Type',
            type,
            'Content-Type',
            'text/plain',
            'Content-Length',
            '0',
          ],
        })
        asked
          .on('response', (response) => resolve(response.resume().statusCode))
          .on('error', reject)
          .end()
      })
      expect([status, world.lastRefusal()]).toEqual([
        400,
        expect.objectContaining({ reason: 'content_type' }),
      ])
    })

    it('refuses a compressed body', async () => {
      const response = await orders.post(GRANT, { 'Content-Encoding': 'gzip' }).expect(400)
      expectRefusal(response, 'invalid_request', 'content_encoding')
    })

    it('takes a body of 16 KiB, and refuses a larger one with 413', async () => {
      const form = `${GRANT}&client_id=robot&client_secret=${robot.secret}&padding=`
      await orders.post(form.padEnd(16 * 1024, 'x')).expect(200)
      const response = await orders.post(form.padEnd(16 * 1024 + 1, 'x')).expect(413)
      expectRefusal(response, 'invalid_request', 'body_too_large')
    })

    it('ignores parameters that it does not know (§3.2), whatever their names', async () => {
      const names = ['__proto__', 'constructor', 'hasOwnProperty', 'client_id[]', 'scope[a]', 'foo', 'foo']
      const more = names.map((name) => `&${encodeURIComponent(name)}=x`).join('')
      const { body } = await orders
        .post(`${GRANT}&client_id=robot&client_secret=${robot.secret}${more}`)
        .expect(200)
      expect(body.scope).toBe('read write')
    })

    it.each(['client_secret', 'client_id', 'grant_type', 'client_assertion', 'scope'])(
      'refuses %s in the query (§2.3.1)',
      async (name) => {
        const response = await orders.get(`${orders.path}/oauth2/token?a=b&${name}=x`).expect(405)
        expect(response.headers.allow).toBe('POST')
        const posted = await orders.postTo(`${orders.path}/oauth2/token?a=b&${name}=x`, GRANT).expect(400)
        expectRefusal(posted, 'invalid_request', 'credentials_in_query')
      },
    )

    it('minds no other query (§3.2)', async () => {
      const body = `${GRANT}&client_id=robot&client_secret=${robot.secret}`
      await orders.postTo(`${orders.path}/oauth2/token?utm_source=x`, body).expect(200)
    })
  })

  describe('client authentication (§2.3)', () => {
    it('takes client_secret_basic and client_secret_post interchangeably', async () => {
      await orders.post(GRANT, { Authorization: basic(robot) }).expect(200)
      await orders.token(robot).expect(200)
    })

    it('takes only the registered method of a strict client', async () => {
      const strict = await orders.client('strict', {
        strictAuthMethod: true,
        tokenEndpointAuthMethod: 'client_secret_basic',
      })
      await orders.post(GRANT, { Authorization: basic(strict) }).expect(200)
      expectRefusal(await orders.token(strict).expect(401), 'invalid_client', 'method_not_registered')
    })

    it('takes a scheme name in any case, and client_id in the body when it is the same (RFC 7617 §2)', async () => {
      const authorization = basic(robot).replace('Basic', 'bAsIc')
      await orders.post(`${GRANT}&client_id=robot`, { Authorization: authorization }).expect(200)
    })

    it('decodes both halves of Basic as a form does (§2.3.1)', async () => {
      const lenient = await world.workspace('https://acme.eu.token.example/lenient', { chosenSecrets: true })
      const client = await lenient.client('an.id~with_-', {
        secret: { chosen: 'p+ %:&=ä'.replace('ä', '~') },
      })
      await lenient.post(GRANT, { Authorization: basic(client) }).expect(200)
      const raw = `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}`
      const response = await lenient.post(GRANT, { Authorization: raw }).expect(401)
      expectRefusal(response, 'invalid_client', 'basic_encoding')
    })

    const encoded = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
    it.each([
      ['no credentials', undefined, '', 'credentials_missing'],
      ['client_id alone (§2.2)', undefined, '&client_id=robot', 'credentials_missing'],
      ['client_secret alone', undefined, '&client_secret=x', 'credentials_missing'],
      [
        'an empty client_secret, which is none',
        undefined,
        '&client_id=robot&client_secret=',
        'credentials_missing',
      ],
      ['Bearer', 'Bearer eyJhbGciOiJub25lIn0', '', 'authorization_scheme'],
      ['Basic without anything', 'Basic', '', 'authorization_scheme'],
      ['Basic with what is no base64', 'Basic !!!!', '', 'authorization_scheme'],
      ['base64 without its padding', 'Basic cm9ib3Q6eA', '', 'basic_base64'],
      ['base64 with stray bits', 'Basic cm9ib3Q6eB==', '', 'basic_base64'],
      ['Basic without a colon', encoded('robot'), '', 'basic_without_colon'],
      ['Basic without client_id', encoded(':x'), '', 'basic_without_client_id'],
      ['Basic without a secret', encoded('robot:'), '', 'basic_without_secret'],
      ['Basic with %zz', encoded('robot:%zz'), '', 'basic_encoding'],
      ['Basic with a control character', encoded('robot:a%0ab'), '', 'basic_encoding'],
      ['a client_id outside VSCHAR', undefined, '&client_id=r%c3%b6bot&client_secret=x', 'client_id_syntax'],
      [
        'a client assertion',
        undefined,
        '&client_id=robot&client_assertion=x&client_assertion_type=y',
        'assertion_unsupported',
      ],
    ])('answers 401 with a challenge to %s (§5.2)', async (_case, authorization, more, reason) => {
      const response = await orders
        .post(GRANT + more, authorization === undefined ? {} : { Authorization: authorization })
        .expect(401)
      expectRefusal(response, 'invalid_client', reason)
      const { error, error_description: description } = response.body as Record<string, string>
      expect(description).toMatch(/^[ !#-[\]-~]+$/) // nothing that a quoted string would have to escape
      expect(response.headers['www-authenticate']).toBe(
        `Basic realm="${orders.workspace.issuer}", charset="UTF-8", error="${error}", error_description="${description}"`,
      )
    })

    it.each([
      ['Basic and client_secret', () => ({ Authorization: basic(robot) }), '&client_secret=x'],
      ['Basic and an assertion', () => ({ Authorization: basic(robot) }), '&client_assertion=x'],
      ['Basic and an assertion type', () => ({ Authorization: basic(robot) }), '&client_assertion_type=x'],
      ['client_secret and an assertion', () => ({}), '&client_id=robot&client_secret=x&client_assertion=y'],
      ['Bearer and client_secret', () => ({ Authorization: 'Bearer x' }), '&client_secret=x'],
    ])('refuses %s in one request (§2.3)', async (_case, headers, more) => {
      expectRefusal(
        await orders.post(GRANT + more, headers()).expect(400),
        'invalid_request',
        'several_credentials',
      )
    })

    it('refuses a client_id in the body that is not the one in Authorization', async () => {
      const response = await orders
        .post(`${GRANT}&client_id=other`, { Authorization: basic(robot) })
        .expect(400)
      expectRefusal(response, 'invalid_request', 'client_id_mismatch')
    })

    it('answers the same to everybody who is not the client, whatever is wrong (T15)', async () => {
      const change = orders.change
      const disabled = await orders.client('disabled')
      await setClientState(change, orders.workspace, 'disabled' as ClientId, 'disabled')
      const expired = await orders.client('expired', { secret: { expiresAt: NOW } })
      const early = await orders.client('early', { secret: { notBefore: NOW + 1 } })
      const revoked = await orders.client('revoked')
      await revokeCredential(
        change,
        orders.workspace,
        'revoked' as ClientId,
        revoked.credentialId as CredentialId,
      )
      const stranger = { id: 'nobody', secret: robot.secret }
      const swapped = { id: 'robot', secret: disabled.secret }
      // Right in form, with the right id, and 256 other bits: only the hash can tell.
      const wrong = await wrongSecretFor(robot)

      const answers: string[] = []
      for (const [client, reason] of [
        [stranger, 'unknown_client'],
        [swapped, 'unknown_credential'],
        [wrong, 'wrong_secret'],
        [disabled, 'client_disabled'],
        [expired, 'credential_expired'],
        [early, 'credential_not_yet_valid'],
        [revoked, 'credential_revoked'],
        [{ id: 'robot', secret: 'a-chosen-one' }, 'secret_form'],
        [{ id: 'robot', secret: 'x'.repeat(73) }, 'secret_syntax'],
      ] as const) {
        const response = await orders.token(client).expect(401)
        expectRefusal(response, 'invalid_client', reason)
        const { date: _, 'x-request-id': requestId, ...headers } = response.headers as Record<string, string>
        answers.push(JSON.stringify([headers, response.body]).replaceAll(requestId ?? '', 'ID'))
      }
      expect(new Set(answers).size).toBe(1)
    })

    it('says so when a secret was cut short or mistyped, which its checksum shows to anybody', async () => {
      for (const secret of [
        robot.secret.slice(0, -1),
        `${robot.secret.slice(0, 40)}${robot.secret[40] === '_' ? '-' : '_'}${robot.secret.slice(41)}`,
      ]) {
        const response = await orders.token({ id: 'robot', secret }).expect(401)
        expectRefusal(response, 'invalid_client', 'secret_damaged')
      }
    })

    it('asks the database nothing about a secret that nobody can have', async () => {
      // Whoever reads clients now waits until it is refused.
      await world.whileLocked('regent.client', async () => {
        for (const secret of [
          `${robot.secret.slice(0, -1)}?`,
          robot.secret.slice(0, -1),
          'not-of-our-form',
        ]) {
          await orders.token({ id: 'robot', secret }).expect(401)
        }
      })
    })

    it('lets five live secrets of a client in, each under its own id, until each one ends', async () => {
      const rotating = await orders.client('rotating')
      const secrets = [rotating.secret]
      for (const label of ['2', '3', '4', '5']) {
        const { secret } = await createSecret(orders.change, orders.workspace, 'rotating' as ClientId, {
          label,
          ...(label === '5' && { expiresAt: NOW + 10 }),
        })
        secrets.push(secret)
      }
      for (const secret of secrets) await orders.token({ id: 'rotating', secret }).expect(200)
      world.clock.time = NOW + 10
      await orders.token({ id: 'rotating', secret: secrets[4] ?? '' }).expect(401)
      await orders.token({ id: 'rotating', secret: secrets[3] ?? '' }).expect(200)
      world.clock.time = NOW
    })

    it('takes a chosen secret where the workspace allows it, all of its 72 bytes', async () => {
      const moved = await world.workspace('https://acme.eu.token.example/moved', { chosenSecrets: true })
      const chosen = 'x'.repeat(71)
      const client = await moved.client('old', { secret: { chosen: `${chosen}a` } })
      await moved.token(client).expect(200)
      expectRefusal(
        await moved.token({ id: 'old', secret: `${chosen}b` }).expect(401),
        'invalid_client',
        'wrong_secret',
      )
      const longer = await moved.token({ id: 'old', secret: `${chosen}ab` }).expect(401)
      expectRefusal(longer, 'invalid_client', 'secret_syntax')
    })

    it('knows nobody of another workspace, tenant or region by the right secret (§2.2)', async () => {
      for (const issuer of [
        'https://acme.eu.token.example/other',
        'https://rival.eu.token.example/orders',
        'https://acme.us.token.example/orders',
      ]) {
        const elsewhere = await world.workspace(issuer)
        await elsewhere.client('robot')
        expectRefusal(await elsewhere.token(robot).expect(401), 'invalid_client', 'unknown_credential')
      }
    })
  })

  describe('scope (§3.3) and resource (RFC 8707 §2)', () => {
    let both: Robot
    beforeAll(async () => {
      both = await orders.client('both', {
        scope: ['read', 'write', 'invoices:read'],
        defaultResourceServerId: orders.orders.id,
      })
    })

    it.each([
      ['neither: the default of the default resource server', {}, 'read write', ORDERS],
      ['a scope: for its owner', { scope: 'invoices:read' }, 'invoices:read', INVOICES],
      ['a scope twice: once', { scope: 'read read' }, 'read', ORDERS],
      ['an empty scope: none asked for', { scope: '' }, 'read write', ORDERS],
      ['an empty resource: not asked for', { resource: ['', INVOICES] }, 'invoices:read', INVOICES],
      ['a resource: its default scope', { resource: INVOICES }, 'invoices:read', INVOICES],
      ['a resource twice: once', { resource: [INVOICES, INVOICES] }, 'invoices:read', INVOICES],
      ['both', { resource: ORDERS, scope: 'write' }, 'write', ORDERS],
      ['audience, which this workspace does not read', { audience: INVOICES }, 'read write', ORDERS],
    ] as [string, Form, string, string][])('grants %s', async (_case, form, scope, audience) => {
      const { body } = await orders.token(both, form).expect(200)
      const { payload } = await orders.verify(body.access_token)
      expect([body.scope, payload.scope, payload.aud]).toEqual([scope, scope, audience])
    })

    it.each([
      ['a scope that it was not granted', { scope: 'invoices:pay' }, 'invalid_scope', 'scope_not_granted'],
      ['a scope that nobody knows', { scope: 'admin' }, 'invalid_scope', 'scope_not_granted'],
      ['openid', { scope: 'openid' }, 'invalid_scope', 'scope_not_granted'],
      ['one granted and one not', { scope: 'read admin' }, 'invalid_scope', 'scope_not_granted'],
      ['a scope in upper case', { scope: 'READ' }, 'invalid_scope', 'scope_not_granted'],
      [
        'scopes of two owners',
        { scope: 'read invoices:read' },
        'invalid_scope',
        'scope_of_several_resources',
      ],
      ['a leading space', { scope: ' read' }, 'invalid_scope', 'scope_syntax'],
      ['two spaces', { scope: 'read  write' }, 'invalid_scope', 'scope_syntax'],
      ['a tab', { scope: 'read\twrite' }, 'invalid_scope', 'scope_syntax'],
      ['a line break', { scope: 'read\r\nwrite' }, 'invalid_scope', 'scope_syntax'],
      ['a quote', { scope: 'read"' }, 'invalid_scope', 'scope_syntax'],
      ['a backslash', { scope: 'read\\' }, 'invalid_scope', 'scope_syntax'],
      ['a letter beyond ASCII', { scope: 'réad' }, 'invalid_scope', 'scope_syntax'],
      [
        'a scope of another resource',
        { resource: ORDERS, scope: 'invoices:read' },
        'invalid_scope',
        'scope_of_other_resource',
      ],
      [
        'a scope beyond its grant, with a resource',
        { resource: ORDERS, scope: 'admin' },
        'invalid_scope',
        'scope_beyond_grant',
      ],
      [
        'a resource that it may not reach',
        { resource: 'https://x.example' },
        'invalid_target',
        'resource_not_granted',
      ],
      [
        'a resource that is nearly right',
        { resource: `${ORDERS}/` },
        'invalid_target',
        'resource_not_granted',
      ],
      ['a resource that is no absolute URI', { resource: 'orders' }, 'invalid_target', 'resource_syntax'],
      ['a resource with a fragment', { resource: `${ORDERS}#x` }, 'invalid_target', 'resource_syntax'],
      ['two resources', { resource: [ORDERS, INVOICES] }, 'invalid_target', 'several_resources'],
      ['one good and one bad resource', { resource: [ORDERS, 'x'] }, 'invalid_target', 'resource_syntax'],
    ] as [string, Form, string, string][])('refuses %s', async (_case, form, error, reason) => {
      expectRefusal(await orders.token(both, form).expect(400), error, reason)
    })

    it('says nothing of scopes and resources to who is not authenticated', async () => {
      const stranger = { id: 'nobody', secret: robot.secret }
      const form = { scope: 'read "', resource: '#' }
      expectRefusal(await orders.token(stranger, form).expect(401), 'invalid_client', 'unknown_client')
    })

    it('needs a name where a client may reach several resource servers and none is its default', async () => {
      const torn = await orders.client('torn', { scope: ['read', 'invoices:read'] })
      const response = await orders.token(torn).expect(400)
      expectRefusal(response, 'invalid_target', 'resource_ambiguous')
      expect(response.body.error_description).toContain('resource')
    })

    it('takes the only resource server that a client may reach as its default', async () => {
      const { body } = await orders
        .token(await orders.client('payer', { scope: ['invoices:pay'] }))
        .expect(200)
      expect(body.scope).toBe('invoices:pay')
    })

    it('gives nothing to a client that was granted nothing', async () => {
      const bare = await orders.client('bare', { scope: [] })
      expectRefusal(await orders.token(bare).expect(400), 'invalid_scope', 'nothing_granted')
    })

    it('wants a scope from a client that has none by default (§3.3)', async () => {
      const choosy = await orders.client('choosy', { scope: [], onRequest: ['read'] })
      expectRefusal(await orders.token(choosy).expect(400), 'invalid_scope', 'no_default_scope')
      const { body } = await orders.token(choosy, { scope: 'read' }).expect(200)
      expect(body.scope).toBe('read')
    })

    it('makes one token for several resources only for a client that may have it (RFC 9068 §3)', async () => {
      const wide = await orders.client('wide', { scope: ['read', 'invoices:read'], severalResources: true })
      const { body } = await orders.token(wide, { resource: [ORDERS, INVOICES] }).expect(200)
      const { payload } = await orders.verify(body.access_token)
      expect([payload.aud, body.scope]).toEqual([[ORDERS, INVOICES], 'invoices:read read'])
    })

    it('reads audience for resource where the workspace says so', async () => {
      const used = await world.workspace('https://acme.eu.token.example/used', { audienceParameter: true })
      const client = await used.client('robot', { scope: ['read', 'invoices:read'] })
      const { body } = await used.token(client, { audience: INVOICES }).expect(200)
      expect(body.scope).toBe('invoices:read')
      const both8707 = await used.token(client, { audience: INVOICES, resource: ORDERS }).expect(200)
      expect(both8707.body.scope).toBe('read')
    })

    it('grants no longer what was withdrawn', async () => {
      const shrinking = await orders.client('shrinking')
      await withdrawScopes(
        orders.change,
        orders.workspace,
        'shrinking' as ClientId,
        ['write'] as string[] as ScopeToken[],
      )
      const { body } = await orders.token(shrinking).expect(200)
      expect(body.scope).toBe('read')
    })
  })

  describe('when the fault is ours', () => {
    it('T61 serves whom it knows while the database is away, answers others 503 with Retry-After, never invalid_client, and recovers', async () => {
      const proxies: Awaited<ReturnType<typeof openTcpProxy>>[] = []
      const shaky = await openWorld({
        async route(text) {
          const url = new URL(text)
          const proxy = await openTcpProxy({ host: url.hostname, port: Number(url.port) })
          proxies.push(proxy)
          url.port = String(proxy.port)
          return url.href
        },
      })
      const there = await shaky.workspace('https://acme.eu.token.example/orders')
      const client = await there.client('robot')
      const stranger = await there.client('stranger')
      await there.token(client).expect(200)
      for (const proxy of proxies) await proxy.cut()
      await there.token(client).expect(200)
      await there.get(`${there.path}/.well-known/jwks.json`).expect(200)
      const wrong = await wrongSecretFor(stranger)
      for (const asked of [
        there.token(stranger),
        there.token(wrong),
        // Also where a digest in memory says that it is wrong: who is known is not told by the answer.
        there.token(await wrongSecretFor(client)),
        there.token({ ...client, id: 'nobody' }),
      ]) {
        const response = await asked.expect(503)
        expect(response.headers['retry-after']).toBe('5')
        expect(response.body.error).toBe('temporarily_unavailable')
        expect(shaky.lastRefusal()).toMatchObject({ reason: 'database_unavailable' })
      }
      for (const proxy of proxies) await proxy.mend()
      await there.token(client).expect(200)
      // The breaker lets one question through within a second and a half.
      while ((await there.token(stranger)).status !== 200) await sleep(100)
      await shaky.close()
      for (const proxy of proxies) await proxy.cut()
    })

    it('answers a bare server_error and logs what happened (§5.2 shape)', async () => {
      const broken = await world.workspace('https://acme.eu.token.example/broken')
      const client = await broken.client('robot')
      await world.superuser(
        `update regent.signing_key set sealed_private_key = '\\x00' where workspace_id = $1`,
        [broken.workspace.id],
      )
      const response = await broken.token(client).expect(500)
      expectRefusal(response, 'server_error', 'server_error')
      expect(world.seen.findLast(({ type }) => type === 'server_error')).toMatchObject({
        error: expect.objectContaining({
          message: expect.stringContaining('regent.signing_key'),
          cause: expect.objectContaining({ code: 'ERR_CRYPTO_INVALID_AUTH_TAG' }),
        }),
      })
    })
  })
})

/** A secret with the right id and a right checksum, but not the right bits. */
async function wrongSecretFor({ id, credentialId }: Robot) {
  const { generateSecret } = await import('../../src/clients/secret.ts')
  return { id, secret: generateSecret(credentialId as CredentialId) }
}
