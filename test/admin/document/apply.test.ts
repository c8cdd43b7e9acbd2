/** A tenant as a document, over HTTP: applied as a whole or not at all, twice without a change, and exported as it was applied. */
import { hash } from 'bcrypt'
import { verifyAudit } from '../../../src/changes/verify-audit.ts'
import { findTenant } from '../../../src/tenancy/find-tenant.ts'
import type { TenantSlug } from '../../../src/tenancy/slug.ts'
import { noteSecret } from '../../support/noted-secrets.ts'
import { encodeForm, openWorld, type World } from '../../support/world.ts'
import { apiOf, operatorOf, tenantBy, tokenFrom, type Answer, type Api } from '../api.ts'
import request from 'supertest'

type Tenant = Awaited<ReturnType<typeof tenantBy>>
const SECRET = 'a-secret-from-the-system-before'
const JSON_TYPE = { 'Content-Type': 'application/json' }
const LINES_TYPE = { 'Content-Type': 'application/x-ndjson' }

const SHOP = {
  slug: 'shop',
  chosen_secrets: true,
  key_rotation: '0 3 1 * *',
  resource_servers: [
    { identifier: 'https://orders.example', name: 'Orders', scopes: [{ token: 'read', description: 'see' }] },
    {
      identifier: 'https://stock.example',
      name: 'Stock',
      signing_algorithm: 'ES384',
      scopes: [{ token: 'stock' }],
    },
  ],
  clients: [
    {
      id: 'robot',
      name: 'Robot',
      scopes: ['read'],
      optional_scopes: ['stock'],
      allowed_networks: ['127.0.0.0/8'],
      default_resource_server: 'https://orders.example',
    },
    {
      id: 'report',
      name: 'Report',
      default_resource_server: 'https://stock.example',
      tokens_per_minute: 600,
    },
  ] as object[],
}
const documentOf = (tenant: string, workspaces: readonly object[], more: object = {}) => ({
  regent: 1,
  tenant,
  region: 'eu',
  workspaces,
  ...more,
})

const linesOf = ({ text }: Answer) =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, Record<string, unknown>>)
const resultOf = (answer: Answer) => linesOf(answer).at(-1)?.result
const stepsOf = (answer: Answer) =>
  linesOf(answer).flatMap(({ step }) => (step ? [[step.do, step.kind, step.name].join(' ')] : []))

describe('a tenant as a document', () => {
  let world: World
  let operator: Api
  let tenants = 0

  beforeAll(async () => {
    world = await openWorld()
    operator = await operatorOf(world, 'eu')
  })
  afterAll(() => world.close())

  const newTenant = async (): Promise<Tenant & { slug: string }> => {
    const slug = `tenant-${++tenants}`
    return { ...(await tenantBy(world, operator, slug)), slug }
  }
  const apply = (tenant: Api, document: object | string, query = '', headers: Record<string, string> = {}) =>
    tenant.ask('post', `/apply${query}`, document, {
      headers: { ...(typeof document === 'string' ? LINES_TYPE : JSON_TYPE), ...headers },
    })
  const trail = async (slug: string) => {
    const { rows } = await world.superuser<{ action: string; subject: string; details: object }>(
      `select action, subject, details from regent.audit_event join regent.tenant using (tenant_id)
         where slug = '${slug}' order by sequence`,
    )
    return rows
  }
  const feed = async () => {
    const { rows } = await world.superuser<{ number: string }>(
      'select sum(number) as number from regent.change_counter',
    )
    return Number(rows[0]?.number)
  }
  const ask = (slug: string, id: string, secret: string, form: Record<string, string> = {}) =>
    request(world.server)
      .post(`/${slug}/shop/oauth2/token`)
      .set({ Host: `${slug}.eu.token.example`, 'Content-Type': 'application/x-www-form-urlencoded' })
      .send(encodeForm({ grant_type: 'client_credentials', client_id: id, client_secret: secret, ...form }))

  it('is made of nothing, and its clients authenticate with the secrets that they had', async () => {
    const tenant = await newTenant()
    const bcryptHash = (await hash(SECRET, 4)).replace('$2b$', '$2y$')
    noteSecret('client secret', SECRET)
    noteSecret('hash', bcryptHash.slice(7))
    const [robot, report] = SHOP.clients
    const secret = { hash: bcryptHash, label: 'old', expires_at: '2030-01-01T00:00:00Z' }
    const clients = [{ ...robot, credentials: [secret] }, report]
    const before = await feed()
    const applied = await apply(tenant, documentOf(tenant.slug, [{ ...SHOP, clients }]))

    expect(applied.status).toBe(200)
    expect(resultOf(applied)).toEqual({
      dry_run: false,
      changed: true,
      create: 6,
      update: 0,
      delete: 0,
      keep: 0,
      missing: 0,
    })
    expect(await feed()).toBe(before + 1)
    const { body, status } = await ask(tenant.slug, 'robot', SECRET)
    expect([status, body.scope]).toEqual([200, 'read'])
    const events = await trail(tenant.slug)
    expect(events.slice(1).map(({ action, subject }) => `${action} ${subject}`)).toEqual([
      'workspace_created shop',
      'resource_server_created https://orders.example',
      'resource_server_created https://stock.example',
      'client_created robot',
      'secret_imported robot',
      'client_created report',
      `document_applied ${tenant.slug}`,
    ])
    expect(JSON.stringify(events) + applied.text).not.toContain(bcryptHash.slice(7))
    const found = await findTenant(world.database, 'eu', tenant.slug as TenantSlug)
    if (found === undefined) throw new Error('no tenant')
    expect((await verifyAudit(world.database, world.parts.keyring, found)).faults).toEqual([])
    // Two algorithms, each with a key that signs and the next one; and a moment when they take turns.
    const { rows: keys } = await world.superuser<{ algorithm: string; state: string }>(
      `select algorithm, k.state from regent.signing_key k join regent.workspace w using (tenant_id, workspace_id)
         join regent.tenant t using (tenant_id) where t.slug = '${tenant.slug}' and w.slug = 'shop'
         and rotation_due_at > now() order by 1, 2`,
    )
    expect(keys.map(({ algorithm, state }) => `${algorithm} ${state}`)).toEqual([
      'ES256 active',
      'ES256 published',
      'ES384 active',
      'ES384 published',
    ])
  })

  it('changes nothing when it is applied again, and says so: no event, no entry', async () => {
    const tenant = await newTenant()
    const document = documentOf(tenant.slug, [SHOP])
    await apply(tenant, document)
    const before = [await feed(), (await trail(tenant.slug)).length]
    const again = await apply(tenant, document)
    expect(linesOf(again).slice(1)).toEqual([
      { result: expect.objectContaining({ changed: false, create: 0 }) },
    ])
    expect([await feed(), (await trail(tenant.slug)).length]).toEqual(before)
  })

  it('is exported as it was applied, and as it is applied to a new tenant: byte for byte', async () => {
    const [one, other] = [await newTenant(), await newTenant()]
    const clients = [{ ...SHOP.clients[0], credentials: [{ hash: await hash(SECRET, 4), label: 'old' }] }]
    await apply(
      one,
      documentOf(one.slug, [
        { ...SHOP, clients },
        { slug: 'empty', state: 'disabled' },
      ]),
    )
    const { text, status, headers } = await one.ask('get', '/export?hashes=true')
    expect([status, headers['content-type']]).toEqual([200, 'application/x-ndjson'])
    const moved = text.replace(one.slug, other.slug)
    const applied = await apply(other, moved)
    expect(resultOf(applied)).toMatchObject({ changed: true, missing: 0 })
    expect((await other.ask('get', '/export?hashes=true')).text).toBe(moved)
    expect((await ask(other.slug, 'robot', SECRET)).status).toBe(200)
    // Without the hashes: by reference, and applied where they are it changes nothing.
    const plain = await one.ask('get', '/export')
    expect(plain.text).not.toContain('$2b$')
    expect(resultOf(await apply(one, plain.text))).toMatchObject({ changed: false, missing: 0 })
  })

  it('shows drift and what it would do, without doing it: dry_run, and If-Match with what was seen', async () => {
    const tenant = await newTenant()
    const document = documentOf(tenant.slug, [SHOP])
    await apply(tenant, document)
    await tenant.ask('patch', '/workspaces/shop/clients/robot', { name: 'Changed by hand' })
    await tenant.ask('post', '/workspaces/shop/clients', { id: 'more', name: 'More' })
    const before = [await feed(), (await trail(tenant.slug)).length]
    const preview = await apply(tenant, document, '?dry_run=true')
    expect(linesOf(preview)).toContainEqual({
      step: expect.objectContaining({ before: { name: 'Changed by hand' }, after: { name: 'Robot' } }),
    })
    expect(stepsOf(preview)).toEqual(['update client robot', 'keep client more'])
    expect(resultOf(preview)).toMatchObject({ dry_run: true, changed: false, update: 1, keep: 1 })
    expect([await feed(), (await trail(tenant.slug)).length]).toEqual(before)

    const etag = String(linesOf(preview)[0]?.plan?.etag)
    await tenant.ask('patch', '/workspaces/shop/clients/report', { name: 'Changed meanwhile' })
    expect((await apply(tenant, document, '', { 'If-Match': etag })).body.reason).toBe('entity_changed')
    expect(stepsOf(await apply(tenant, document))).toContain('update client report')
  })

  it('ends what it does not name only with prune=true; their names stay taken', async () => {
    const tenant = await newTenant()
    await apply(tenant, documentOf(tenant.slug, [SHOP, { slug: 'old' }]))
    const { body: made } = await tenant.ask('post', '/workspaces/shop/clients/robot/credentials', {})
    expect((await ask(tenant.slug, 'robot', made.secret as string)).status).toBe(200)
    const less = documentOf(tenant.slug, [
      { ...SHOP, resource_servers: [], clients: [{ id: 'robot', name: 'Robot', credentials: [] }] },
    ])
    const ends = [
      'resource_server https://orders.example',
      'resource_server https://stock.example',
      'client report',
      'workspace old',
    ]
    const kept = await apply(tenant, less)
    expect(stepsOf(kept).filter((step) => step.startsWith('keep'))).toEqual(
      expect.arrayContaining(ends.map((what) => `keep ${what}`)),
    )
    const pruned = await apply(tenant, less, '?prune=true')
    expect(stepsOf(pruned)).toEqual(expect.arrayContaining(ends.map((what) => `delete ${what}`)))
    expect(resultOf(pruned)).toMatchObject({ changed: true, delete: 5 })
    expect((await ask(tenant.slug, 'robot', made.secret as string)).status).toBe(401)
    const again = await apply(tenant, documentOf(tenant.slug, [SHOP, { slug: 'old' }]))
    expect([again.status, again.body.errors.map(({ pointer }: { pointer: string }) => pointer)]).toEqual([
      409,
      [
        '/workspaces/0/resource_servers/0/identifier',
        '/workspaces/0/resource_servers/1/identifier',
        '/workspaces/0/clients/1/id',
        '/workspaces/1/slug',
      ],
    ])
  })

  it('reports every fault with where it is, and changes nothing', async () => {
    const tenant = await newTenant()
    const wrong = documentOf('somebody-else', [{ slug: 'admin' }], { region: 'us', more: 1 })
    const { status, body } = await apply(tenant, wrong)
    expect([status, body.reason]).toEqual([422, 'invalid'])
    const faulty = documentOf(tenant.slug, [
      { slug: 'admin', signing_lead: 120 },
      {
        slug: 'shop',
        key_rotation: 'now and then',
        resource_servers: [{ identifier: 'orders', name: '', scopes: [{ token: 'openid' }] }],
        clients: [
          { id: 'a b', name: 'A' },
          { id: 'robot', name: 'R', allowed_networks: ['here'], scopes: ['read', 'read'], secret: 'x' },
          {
            id: 'twin',
            name: 'T',
            credentials: [{ label: 'nothing' }, { hash: 'md5:abc' }, { hash: 'md5:def' }],
          },
          { id: 'twin', name: 'T' },
        ],
      },
      { slug: 'shop' },
    ])
    const all = await apply(tenant, faulty)
    expect(all.body.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual([
      '/workspaces/0/slug',
      '/workspaces/0/signing_lead',
      '/workspaces/1/key_rotation',
      '/workspaces/1/resource_servers/0/name',
      '/workspaces/1/resource_servers/0/identifier',
      '/workspaces/1/resource_servers/0/scopes/0/token',
      '/workspaces/1/clients/0/id',
      '/workspaces/1/clients/1/secret',
      '/workspaces/1/clients/1/allowed_networks/0',
      '/workspaces/1/clients/1/scopes/1',
      '/workspaces/1/clients/2/credentials/0',
      '/workspaces/1/clients/2/credentials/1/hash',
      '/workspaces/1/clients/2/credentials/1/hash',
      '/workspaces/1/clients/2/credentials/2/hash',
      '/workspaces/1/clients/2/credentials/2/hash',
      '/workspaces/1/clients/2/credentials/2/hash',
      '/workspaces/1/clients/3/id',
      '/workspaces/2/slug',
    ])
    expect((await trail(tenant.slug)).map(({ action }) => action)).toEqual(['tenant_created'])
  })

  it.each([
    ['a newer Regent’s', (slug: string) => ({ ...documentOf(slug, []), regent: 2 }), 422, '/regent'],
    ['another tenant’s', () => documentOf('somebody-else', []), 422, '/tenant'],
    ['another region’s', (slug: string) => ({ ...documentOf(slug, []), region: 'us' }), 422, '/region'],
  ])('is refused where it is %s', async (_whose, document, status, pointer) => {
    const tenant = await newTenant()
    const answer = await apply(tenant, document(tenant.slug))
    expect([answer.status, answer.body.errors[0].pointer]).toEqual([status, pointer])
  })

  it.each([
    ['no JSON', '{', 'json_syntax'],
    [
      'no end',
      '{"regent":1,"tenant":"TENANT","region":"eu"}\n{"workspace":{"slug":"shop"}}\n',
      'document_syntax',
    ],
    [
      'another count',
      '{"regent":1,"tenant":"TENANT","region":"eu"}\n{"end":{"workspaces":1,"resource_servers":0,"clients":0}}',
      'document_syntax',
    ],
    [
      'something after the end',
      '{"regent":1,"tenant":"TENANT","region":"eu"}\n{"end":{"workspaces":0,"resource_servers":0,"clients":0}}\n{"client":{}}',
      'document_syntax',
    ],
  ])('is refused as lines with %s', async (_what, text, reason) => {
    const tenant = await newTenant()
    const { status, body } = await apply(tenant, text.replaceAll('TENANT', tenant.slug))
    expect([status, body.reason]).toEqual([400, reason])
  })

  it('is applied as a whole or not at all: beyond a quota, nothing of it is there', async () => {
    const tenant = await newTenant()
    await operator.ask('patch', `/tenants/${tenant.slug}`, { max_clients: 1 })
    const answer = await apply(tenant, documentOf(tenant.slug, [SHOP]))
    expect(linesOf(answer).at(-1)?.problem).toMatchObject({ reason: 'quota_exceeded', status: 409 })
    expect(
      (await tenant.ask('get', '/workspaces')).body.items.map(({ slug }: { slug: string }) => slug),
    ).toEqual(['admin'])
    expect((await trail(tenant.slug)).map(({ action }) => action)).toEqual(['tenant_created', 'quotas_set'])
    expect(world.lastRefusal()).toMatchObject({ reason: 'quota_exceeded' })
  })

  it('is done once under one Idempotency-Key, and one after the other when two come at once', async () => {
    const tenant = await newTenant()
    const document = documentOf(tenant.slug, [SHOP])
    const headers = { 'Idempotency-Key': 'once' }
    const first = await apply(tenant, document, '', headers)
    const second = await apply(tenant, document, '', headers)
    expect([second.headers['idempotency-replayed'], resultOf(second)]).toEqual(['true', resultOf(first)])
    const reused = await apply(tenant, documentOf(tenant.slug, []), '', headers)
    expect(reused.body.reason).toBe('idempotency_key_reused')

    const [one, other] = ['One', 'Other'].map((name) =>
      documentOf(tenant.slug, [{ ...SHOP, clients: SHOP.clients.map((client) => ({ ...client, name })) }]),
    )
    const both = await Promise.all([apply(tenant, one ?? {}), apply(tenant, other ?? {})])
    expect(both.map((answer) => resultOf(answer)?.changed)).toEqual([true, true])
    const { body } = await tenant.ask('get', '/workspaces/shop/clients')
    expect(new Set(body.items.map(({ name }: { name: string }) => name)).size).toBe(1)
  })

  describe('by whoever may less', () => {
    let tenant: Tenant & { slug: string }
    const READS = ['workspaces:read', 'resource-servers:read', 'clients:read']
    const WRITES = ['workspaces:write', 'resource-servers:write', 'clients:write', 'credentials:write']
    const narrowed = async (scopes: readonly string[]) =>
      apiOf(
        world,
        tenant.url,
        await tokenFrom(world, tenant.tokenEndpoint, tenant.client, { scope: scopes.join(' ') }),
      )

    beforeAll(async () => {
      tenant = await newTenant()
      await apply(tenant, documentOf(tenant.slug, [SHOP]))
    })

    const hashed = async () =>
      documentOf(tenant.slug, [
        { ...SHOP, clients: [{ ...SHOP.clients[0], credentials: [{ hash: await hash(SECRET, 4) }] }] },
      ])
    it.each<[string, readonly string[], () => Promise<object>, string, string]>([
      ['a hash', [...READS, ...WRITES], hashed, '', 'credentials:import'],
      [
        'a client',
        READS,
        async () => documentOf(tenant.slug, [{ ...SHOP, clients: [{ id: 'new', name: 'New' }] }]),
        '',
        'clients:write',
      ],
      [
        'a resource server',
        [...READS, 'clients:write'],
        async () =>
          documentOf(tenant.slug, [
            { ...SHOP, resource_servers: [{ identifier: 'https://new.example', name: 'N' }] },
          ]),
        '',
        'resource-servers:write',
      ],
      [
        'a workspace',
        [...READS, 'clients:write'],
        async () => documentOf(tenant.slug, [{ slug: 'new' }]),
        '',
        'workspaces:write',
      ],
      ['an end', [...READS], async () => documentOf(tenant.slug, []), '?prune=true', 'workspaces:write'],
      [
        'a look at clients',
        ['workspaces:read', 'resource-servers:read'],
        async () => documentOf(tenant.slug, []),
        '',
        'clients:read',
      ],
    ])('%s needs its scope', async (_what, scopes, document, query, needed) => {
      const before = [await feed(), (await trail(tenant.slug)).length]
      const { status, body, headers } = await apply(await narrowed(scopes), await document(), query)
      expect([status, body.reason]).toEqual([403, 'insufficient_scope'])
      expect(headers['www-authenticate']).toContain(`scope="${needed}"`)
      expect([await feed(), (await trail(tenant.slug)).length]).toEqual(before)
    })

    it('nothing to change needs no more than to see it', async () => {
      expect(resultOf(await apply(await narrowed(READS), documentOf(tenant.slug, [SHOP])))).toMatchObject({
        changed: false,
      })
    })

    it('hashes are exported to nobody who lacks the scope', async () => {
      const { status, body } = await (await narrowed([...READS, ...WRITES])).ask('get', '/export?hashes=true')
      expect([status, body.reason]).toEqual([403, 'insufficient_scope'])
    })
  })

  it('knows nothing of another tenant: its ids are of nobody here', async () => {
    const [tenant, rival] = [await newTenant(), await newTenant()]
    await apply(rival, documentOf(rival.slug, [SHOP]))
    const { body: theirs } = await rival.ask('post', '/workspaces/shop/clients/robot/credentials', {
      label: 'theirs',
    })
    const clients = [
      { id: 'robot', name: 'Robot', credentials: [{ id: theirs.id as string, label: 'mine' }] },
    ]
    const applied = await apply(tenant, documentOf(tenant.slug, [{ ...SHOP, clients }]))
    expect(stepsOf(applied)).toContain(`missing credential ${theirs.id}`)
    expect(
      (await rival.ask('get', `/workspaces/shop/clients/robot/credentials/${theirs.id}`)).body.label,
    ).toBe('theirs')
    expect((await rival.ask('get', '/export')).text).not.toContain(tenant.slug)
  })

  it('is refused beyond its size before more of it is read', async () => {
    const tenant = await newTenant()
    const answer = await tenant.ask('post', '/apply', ' '.repeat(1024 * 1024 + 1), { headers: JSON_TYPE })
    expect([answer.status, answer.body.reason]).toEqual([413, 'document_too_large'])
    const line = await tenant.ask('post', '/apply', 'x'.repeat(1024 * 1024 + 1), { headers: LINES_TYPE })
    expect([line.status, line.body.reason]).toEqual([400, 'document_syntax'])
    const type = await tenant.ask('post', '/apply', 'x', { headers: { 'Content-Type': 'text/yaml' } })
    expect([type.status, type.body.reason]).toEqual([415, 'content_type'])
  })
})
