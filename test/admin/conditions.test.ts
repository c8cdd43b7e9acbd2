/** What a call can say about how it wants to be done: conditions, repetitions, previews, preferences. And what is refused. */
import { CompactSign, compactDecrypt, exportJWK, generateKeyPair } from 'jose'
import { tokenFrom, type Answer } from './api.ts'
import { openPlace } from './place.ts'

type Place = Awaited<ReturnType<typeof openPlace>>
const CLIENTS = '/workspaces/shop/clients'

describe('a call of administration', () => {
  let place: Place
  let ask: Place['acme']['ask']
  let count = 0
  const fresh = () => `client-${(count += 1)}`

  beforeAll(async () => {
    place = await openPlace()
    ;({ ask } = place.acme)
  })
  afterAll(() => place.close())

  const create = async (id = fresh()) => {
    const answer = await ask('post', CLIENTS, { id, name: 'A client', scopes: ['read'] })
    expect(answer.status).toBe(201)
    return id
  }
  const events = async () => {
    const { rows } = await place.world.superuser<{ count: string }>('select count(*) from regent.audit_event')
    return Number(rows[0]?.count)
  }
  const feed = async () => {
    const { rows } = await place.world.superuser<{ sum: string }>(
      'select sum(number) from regent.change_counter',
    )
    return Number(rows[0]?.sum)
  }

  it('is observed when it was done, and not when it was tried or repeated', async () => {
    const seen = () =>
      place.world.seen.flatMap((one) =>
        one.type === 'change_made' ? [`${one.tenant} ${one.action} ${one.subject}`] : [],
      )
    const before = seen().length
    const id = fresh()
    const body = { id, name: 'A client' }
    const once = { headers: { 'Idempotency-Key': `observed-${id}` } }
    expect((await ask('post', `${CLIENTS}?dry_run=true`, body)).status).toBe(200)
    for (const status of [201, 201]) expect((await ask('post', CLIENTS, body, once)).status).toBe(status)
    expect((await ask('post', CLIENTS, body)).status).toBe(409)
    const limit = { tokens_per_minute: 100_000 }
    expect((await place.operator.ask('patch', '/tenants/rival', limit)).status).toBe(200)
    expect(seen().slice(before)).toEqual([
      `acme client_created ${id}`,
      expect.stringMatching(/^rival limit_set /),
    ])
  })

  describe('with If-Match (RFC 9110 §13.1.1)', () => {
    it('is done when it is as it was read, and refused when it is not, with the tag that it has', async () => {
      const id = await create()
      const { headers } = await ask('get', `${CLIENTS}/${id}`)
      const match = { headers: { 'If-Match': headers.etag ?? '' } }
      const first = await ask('patch', `${CLIENTS}/${id}`, { name: 'One' }, match)
      expect(first.status).toBe(200)
      const second = await ask('patch', `${CLIENTS}/${id}`, { name: 'Two' }, match)
      expect([second.status, second.body.reason]).toEqual([412, 'entity_changed'])
      expect(second.headers.etag).toBe(first.headers.etag)
      expect((await ask('get', `${CLIENTS}/${id}`)).body.name).toBe('One')
    })

    it('takes a tag out of several, and * for whatever it is', async () => {
      const id = await create()
      const { headers } = await ask('get', `${CLIENTS}/${id}`)
      for (const tag of [`"other", ${headers.etag}`, '*']) {
        const { status } = await ask(
          'patch',
          `${CLIENTS}/${id}`,
          { name: 'x' },
          { headers: { 'If-Match': tag } },
        )
        expect(status).toBe(200)
        await ask('patch', `${CLIENTS}/${id}`, { name: 'A client' })
      }
    })

    it('loses no update and makes none twice, however many come at once', async () => {
      const id = await create()
      const before = await events()
      const EDITS = Number(process.env.REGENT_TRIALS ?? 40)
      let conflicts = 0
      const edit = async (): Promise<void> => {
        const { body, headers } = await ask('get', `${CLIENTS}/${id}`)
        const networks = [...(body.allowed_networks as string[])].slice(-1)
        const next = numberOf(networks[0] ?? '10.0.0.0') + 1
        const { status } = await ask(
          'patch',
          `${CLIENTS}/${id}`,
          { allowed_networks: [`10.0.${Math.floor(next / 256)}.${next % 256}`] },
          { headers: { 'If-Match': headers.etag ?? '' } },
        )
        if (status === 200) return
        expect(status).toBe(412)
        conflicts += 1
        return edit()
      }
      let left = EDITS
      await Promise.all(
        Array.from({ length: 8 }, async () => {
          while (left > 0) {
            left -= 1
            await edit()
          }
        }),
      )
      const { body } = await ask('get', `${CLIENTS}/${id}`)
      const [address = ''] = body.allowed_networks as string[]
      const done = numberOf(address)
      expect(await events()).toBe(before + done)
      expect(done).toBe(EDITS)
      expect(conflicts).toBeGreaterThan(0)
    })
  })

  describe('with an Idempotency-Key', () => {
    const keyed = (key: string) => ({ headers: { 'Idempotency-Key': key } })

    it('is done once, and answered as then', async () => {
      const id = fresh()
      const body = { id, name: 'x' }
      const first = await ask('post', CLIENTS, body, keyed(id))
      const before = [await events(), await feed()]
      const second = await ask('post', CLIENTS, body, keyed(id))
      expect([second.status, second.body, second.headers.location]).toEqual([
        201,
        first.body,
        first.headers.location,
      ])
      expect(second.headers['idempotency-replayed']).toBe('true')
      expect([await events(), await feed()]).toEqual(before)
    })

    it('shows the same secret, for a while, sealed meanwhile, and then no more', async () => {
      const id = await create()
      const path = `${CLIENTS}/${id}/credentials`
      const first = await ask('post', path, {}, keyed(id))
      const second = await ask('post', path, {}, keyed(id))
      expect(second.body.secret).toBe(first.body.secret)
      const { rows } = await place.world.superuser<{ row: string }>(
        `select encode(sealed_answer, 'escape') as row from regent.idempotency_record where key = $1`,
        [id],
      )
      expect(rows[0]?.row).not.toContain(first.body.secret)
      await place.world.superuser(
        `update regent.idempotency_record set answer_until = now() where key = $1`,
        [id],
      )
      const third = await ask('post', path, {}, keyed(id))
      expect([third.status, third.body.reason]).toEqual([409, 'answer_gone'])
      expect((await ask('get', `/workspaces/shop/clients/${id}/credentials`)).body.items).toHaveLength(1)
    })

    it('is another request with another body, and is refused', async () => {
      const id = fresh()
      await ask('post', CLIENTS, { id, name: 'x' }, keyed(id))
      const other = await ask('post', CLIENTS, { id: fresh(), name: 'y' }, keyed(id))
      expect([other.status, other.body.reason]).toEqual([422, 'idempotency_key_reused'])
    })

    it('is done once when it comes many times at once', async () => {
      const id = fresh()
      const before = await events()
      const answers = await Promise.all(
        Array.from({ length: 10 }, () => ask('post', CLIENTS, { id, name: 'x' }, keyed(id))),
      )
      expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1)
      expect(answers[0]?.status).toBe(201)
      expect(await events()).toBe(before + 1)
    })

    it('is free again when nothing was done', async () => {
      const id = fresh()
      const wrong = await ask('post', CLIENTS, { id, name: 'x', scopes: ['nothing'] }, keyed(id))
      expect([wrong.status, wrong.body.reason]).toEqual([422, 'unknown_scope'])
      expect((await ask('post', CLIENTS, { id, name: 'x' }, keyed(id))).status).toBe(201)
    })

    it('is authorized again each time', async () => {
      const id = fresh()
      await ask('post', CLIENTS, { id, name: 'x' }, keyed(id))
      const reader = await place.narrowed(place.acme, ['clients:read'])
      expect((await reader.ask('post', CLIENTS, { id, name: 'x' }, keyed(id))).status).toBe(403)
    })

    it.each(['', 'x'.repeat(256), 'two words', 'é'])('must be printable ASCII: %j', async (key) => {
      const { status, body } = await ask(
        'post',
        CLIENTS,
        { id: fresh(), name: 'x' },
        { headers: { 'Idempotency-Key': Buffer.from(key).toString('latin1') } },
      )
      expect([status, body.reason]).toEqual([400, 'idempotency_key_syntax'])
    })
  })

  describe('with dry_run=true', () => {
    it.each([
      ['post', CLIENTS, { id: 'dry', name: 'Dry' }, 'client_created'],
      ['patch', `${CLIENTS}/robot`, { name: 'Dry' }, 'client_changed'],
      ['delete', `${CLIENTS}/robot`, undefined, 'client_deleted'],
      ['post', `${CLIENTS}/robot/credentials`, { label: 'dry' }, 'secret_created'],
      ['delete', '/workspaces/shop', undefined, 'workspace_deleted'],
      ['patch', '/workspaces/shop', { access_token_lifetime: 900 }, 'workspace_changed'],
    ] as const)(
      'says what would be changed and changes nothing: %s %s',
      async (method, path, body, action) => {
        const before = [await events(), await feed()]
        const { status, body: preview, text } = await ask(method, `${path}?dry_run=true`, body)
        expect([status, preview.dry_run, preview.action]).toEqual([200, true, action])
        expect(text).not.toMatch(/rgs_/)
        expect([await events(), await feed()]).toEqual(before)
        expect((await ask('get', `${CLIENTS}/robot`)).body.name).toBe('Robot')
      },
    )

    it('refuses what would be refused', async () => {
      const { status, body } = await ask('post', `${CLIENTS}?dry_run=true`, { id: 'robot', name: 'x' })
      expect([status, body.reason]).toEqual([409, 'name_taken'])
    })

    it('says what it breaks', async () => {
      const { body } = await ask('delete', '/workspaces/shop?dry_run=true')
      expect(body.breaks).toEqual([
        expect.stringMatching(/no.* token/),
        expect.stringMatching(/documents are gone/),
      ])
    })
  })

  describe('with Prefer (RFC 7240)', () => {
    it('waits until all live nodes know, and names those that do not say so', async () => {
      await place.world.superuser(
        `insert into regent.node (region, node_id, feed_number, connections, master_key_ids, version, seen_at)
         values ('eu', '00000000-0000-4000-8000-00000000dead', 0, 1, '{}', 'x', now() + interval '10 seconds')`,
      )
      const { headers } = await ask(
        'patch',
        `${CLIENTS}/robot`,
        { name: 'Robot' },
        { headers: { Prefer: 'wait=1' } },
      )
      expect(headers['preference-applied']).toBe('wait=1')
      expect(headers['regent-unconfirmed-nodes']).toContain('00000000-0000-4000-8000-00000000dead')
      await place.world.superuser(
        `delete from regent.node where node_id = '00000000-0000-4000-8000-00000000dead'`,
      )
    })

    it('answers without a body, but never without a secret', async () => {
      const minimal = { headers: { Prefer: 'return=minimal' } }
      const { status, text, headers } = await ask('patch', `${CLIENTS}/robot`, { name: 'Robot' }, minimal)
      expect([status, text, headers['preference-applied']]).toEqual([204, '', 'return=minimal'])
      const id = await create()
      const made = await ask('post', `${CLIENTS}/${id}/credentials`, {}, minimal)
      expect([made.status, made.body.secret]).toEqual([201, expect.any(String)])
    })
  })

  describe('with deliver', () => {
    it.each([
      ['RSA-OAEP-256', {}],
      ['ECDH-ES+A256KW', { crv: 'P-256' }],
      ['ECDH-ES+A256KW', { crv: 'X25519' }],
    ])('answers the secret encrypted to the key: %s %j', async (alg, options) => {
      const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true, ...options })
      const id = await create()
      const { body, text } = await ask('post', `${CLIENTS}/${id}/credentials`, {
        deliver: { jwk: await exportJWK(publicKey) },
      })
      expect(text).not.toMatch(/rgs_/)
      const { plaintext } = await compactDecrypt(body.secret_jwe as string, privateKey)
      const secret = new TextDecoder().decode(plaintext)
      await tokenFrom(place.world, 'https://acme.eu.token.example/acme/shop/oauth2/token', { id, secret })
    })

    it('takes no private key, and nothing that is none', async () => {
      const { privateKey } = await generateKeyPair('RSA-OAEP-256', { extractable: true })
      for (const jwk of [
        await exportJWK(privateKey),
        { kty: 'RSA' },
        { kty: 'EC', crv: 'P-256', x: 'x', y: 'y' },
      ]) {
        const { status, body } = await ask('post', `${CLIENTS}/robot/credentials`, { deliver: { jwk } })
        expect([status, body.reason]).toEqual([422, 'jwk_unusable'])
      }
    })
  })

  describe('is refused, names what to mend, and changes nothing:', () => {
    const CASES: readonly (readonly [string, () => Promise<Answer>, number, string, string?])[] = [
      [
        'a field that is not known',
        () => ask('post', CLIENTS, { id: 'x', name: 'x', nmae: 'y' }),
        422,
        'invalid',
        '/nmae',
      ],
      ['a field that is missing', () => ask('post', CLIENTS, { id: 'x' }), 422, 'invalid', '/name'],
      ['a field of another type', () => ask('post', CLIENTS, { id: 'x', name: 7 }), 422, 'invalid', '/name'],
      [
        'an id outside the alphabet',
        () => ask('post', CLIENTS, { id: 'ä', name: 'x' }),
        422,
        'client_id_syntax',
        '/id',
      ],
      [
        'a network that is none',
        () => ask('post', CLIENTS, { id: 'x', name: 'x', allowed_networks: ['1.2.3'] }),
        422,
        'network_syntax',
        '/allowed_networks',
      ],
      [
        'a scope that nobody owns',
        () => ask('post', `${CLIENTS}/robot/scopes`, { scopes: ['fly'] }),
        422,
        'unknown_scope',
        '/scopes',
      ],
      [
        'a life of tokens out of bounds',
        () => ask('patch', '/workspaces/shop', { access_token_lifetime: 1 }),
        422,
        'out_of_bounds',
        '/access_token_lifetime',
      ],
      [
        'a schedule that is none',
        () => ask('patch', '/workspaces/shop', { key_rotation: 'now and then' }),
        422,
        'schedule_syntax',
        '/key_rotation',
      ],
      [
        'a schedule of each hour',
        () => ask('patch', '/workspaces/shop', { key_rotation: '0 * * * *' }),
        422,
        'schedule_syntax',
        '/key_rotation',
      ],
      ['a name that is taken', () => ask('post', '/workspaces', { slug: 'shop' }), 409, 'name_taken'],
      [
        'the name of the built-in workspace',
        () => ask('post', '/workspaces', { slug: 'admin' }),
        409,
        'name_taken',
      ],
      [
        'state beside others',
        () => ask('patch', `${CLIENTS}/robot`, { state: 'disabled', name: 'x' }),
        422,
        'state_alone',
        '/state',
      ],
      ['a parameter that is not known', () => ask('get', `${CLIENTS}?page=2`), 422, 'invalid', '?page'],
      ['a parameter twice', () => ask('get', `${CLIENTS}?limit=2&limit=3`), 422, 'invalid', '?limit'],
      ['a limit out of bounds', () => ask('get', `${CLIENTS}?limit=0`), 422, 'invalid', '?limit'],
      [
        'a moment that is none',
        () => ask('get', `${CLIENTS}?unused_since=yesterday`),
        422,
        'invalid',
        '?unused_since',
      ],
      [
        'an end before the beginning',
        () =>
          ask('post', `${CLIENTS}/robot/credentials`, {
            not_before: '2030-01-02T00:00:00Z',
            expires_at: '2030-01-01T00:00:00Z',
          }),
        422,
        'empty_period',
        '/expires_at',
      ],
      [
        'a chosen secret where none is taken',
        () => ask('post', `${CLIENTS}/robot/credentials`, { chosen: 'hunter2' }),
        422,
        'chosen_secrets_off',
        '/chosen',
      ],
      [
        'a scope in use',
        () =>
          ask(
            'delete',
            `/workspaces/shop/resource-servers/${place.ids(place.acme).server}/scopes?scope=read`,
          ),
        409,
        'in_use',
      ],
      [
        'a resource server in use',
        () => ask('delete', `/workspaces/shop/resource-servers/${place.ids(place.acme).server}`),
        409,
        'in_use',
      ],
    ]

    it.each(CASES.map((one) => [one[0], one] as const))(
      '%s',
      async (_what, [, asking, status, reason, pointer]) => {
        const before = [await events(), await feed()]
        const { status: got, body, headers } = await asking()
        expect([got, body.reason, body.type]).toEqual([status, reason, `urn:regent:problem:${reason}`])
        expect(headers['content-type']).toMatch(/^application\/problem\+json/)
        expect(body.request_id).toBe(headers['x-request-id'])
        if (pointer !== undefined) expect(body.errors).toContainEqual({ pointer, detail: expect.any(String) })
        expect([await events(), await feed()]).toEqual(before)
      },
    )

    it('a body that is no JSON, of another type, or too large', async () => {
      const { default: request } = await import('supertest')
      const send = (text: string, type: string) =>
        request(place.world.server)
          .post('/api/admin/acme/workspaces/shop/clients')
          .set({
            Host: 'acme.eu.token.example',
            Authorization: `Bearer ${place.acme.token}`,
            'Content-Type': type,
          })
          .send(text)
      expect((await send('{', 'application/json')).body).toMatchObject({ status: 400, reason: 'json_syntax' })
      expect((await send('id=x', 'application/x-www-form-urlencoded')).body).toMatchObject({
        status: 415,
        reason: 'content_type',
      })
      const large = JSON.stringify({ id: 'x', name: 'x'.repeat(300_000) })
      expect((await send(large, 'application/json')).body).toMatchObject({
        status: 413,
        reason: 'body_too_large',
      })
    })

    it('a token that somebody made, or changed', async () => {
      const { privateKey } = await generateKeyPair('ES256')
      const [header = '', payload = '', signature = ''] = (place.acme.token ?? '').split('.')
      const forged = await new CompactSign(Buffer.from(payload, 'base64url'))
        .setProtectedHeader(JSON.parse(Buffer.from(header, 'base64url').toString()) as { alg: string })
        .sign(privateKey)
      const none = `${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')}.${payload}.`
      const more = Buffer.from(payload, 'base64url').toString().replace('"scope":"', '"scope":"x ')
      for (const token of [
        forged,
        none,
        `${header}.${Buffer.from(more).toString('base64url')}.${signature}`,
        'x',
        `${header}.${payload}`,
      ]) {
        const { status, body } = await ask('get', '/workspaces', undefined, { token })
        expect([status, body.reason]).toEqual([401, 'invalid_token'])
      }
      place.world.clock.time += 601
      expect((await ask('get', '/workspaces')).body.reason).toBe('invalid_token')
      place.world.clock.time -= 601
    })

    it('whoever comes from elsewhere than its networks', async () => {
      await ask('post', '/workspaces/admin/clients', { id: 'bound', name: 'x', scopes: ['workspaces:read'] })
      const { body } = await ask('post', '/workspaces/admin/clients/bound/credentials', {})
      const token = await tokenFrom(place.world, place.acme.tokenEndpoint, {
        id: 'bound',
        secret: body.secret as string,
      })
      expect((await ask('get', '/workspaces', undefined, { token })).status).toBe(200)
      await ask('patch', '/workspaces/admin/clients/bound', { allowed_networks: ['192.0.2.0/24'] })
      expect((await ask('get', '/workspaces', undefined, { token })).status).toBe(401)
      const refused = tokenFrom(place.world, place.acme.tokenEndpoint, {
        id: 'bound',
        secret: body.secret as string,
      })
      await expect(refused).rejects.toThrow(/invalid_client/)
      expect(place.world.lastRefusal()).toMatchObject({ reason: 'network_not_allowed' })
    })
  })
})

/** Of `10.0.a.b`: what is counted with. */
function numberOf(address: string): number {
  const [, , high = 0, low = 0] = address.split('.').map(Number)
  return high * 256 + low
}
