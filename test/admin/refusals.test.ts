/** Each refused call is seen: by whom, and why; and whoever was cut off in the middle of a call may repeat it. */
import { Client } from 'pg'
import { administration } from '../../src/admin/administration.ts'
import { monotonic } from '../../src/clock.ts'
import type { ClientId, TenantId } from '../../src/ids.ts'
import type { Observation } from '../../src/observe/observation.ts'
import { adminCalls, MAX_CALLS } from '../../src/records/admin-calls.ts'
import type { TenantSlug } from '../../src/tenancy/slug.ts'
import { openPlace } from './place.ts'

const CLIENTS = '/workspaces/shop/clients'

describe('a refused call of administration', () => {
  let place: Awaited<ReturnType<typeof openPlace>>
  beforeAll(async () => {
    place = await openPlace()
  })
  afterAll(() => place.close())

  type Ask = typeof place.acme.ask
  const ADMIN = 'client admin'
  const CASES: readonly (readonly [number, string, string | undefined, (ask: Ask) => ReturnType<Ask>])[] = [
    [401, 'token_missing', undefined, (ask) => ask('get', CLIENTS, undefined, { token: undefined })],
    [401, 'invalid_token', undefined, (ask) => ask('get', CLIENTS, undefined, { token: 'x.y.z' })],
    [
      403,
      'insufficient_scope',
      ADMIN,
      async () => (await place.narrowed(place.acme, ['keys:read'])).ask('get', CLIENTS),
    ],
    [404, 'not_found', ADMIN, (ask) => ask('get', `${CLIENTS}/nobody`)],
    [404, 'not_found', undefined, (ask) => ask('get', '/nothing')],
    [405, 'method_not_allowed', undefined, (ask) => ask('put', CLIENTS, {})],
    [409, 'name_taken', ADMIN, (ask) => ask('post', CLIENTS, { id: 'robot', name: 'x' })],
    [
      412,
      'entity_changed',
      ADMIN,
      (ask) => ask('patch', `${CLIENTS}/robot`, { name: 'x' }, { headers: { 'If-Match': '"x"' } }),
    ],
    [422, 'invalid', ADMIN, (ask) => ask('post', CLIENTS, { id: 7 })],
    [422, 'unknown_scope', ADMIN, (ask) => ask('post', `${CLIENTS}/robot/scopes`, { scopes: ['nothing'] })],
  ]
  it.each(CASES)('with %d %s is seen, by %s', async (status, reason, actor, asking) => {
    const answer = await asking(place.acme.ask)
    expect([answer.status, answer.body.reason, answer.body.type]).toEqual([
      status,
      reason,
      `urn:regent:problem:${reason}`,
    ])
    const seen = place.world.lastRefusal()
    expect(seen).toMatchObject({
      status,
      reason,
      requestId: answer.body.request_id,
      peer: expect.any(String),
    })
    expect((seen as { actor?: string }).actor).toBe(actor)
  })

  it('is seen by the name of a client that was disabled meanwhile, though its token was right', async () => {
    const { acme, world } = place
    await acme.ask('post', '/workspaces/admin/clients', { id: 'helper', name: 'x', scopes: ['clients:read'] })
    const { body } = await acme.ask('post', '/workspaces/admin/clients/helper/credentials', {})
    const { tokenFrom } = await import('./api.ts')
    const token = await tokenFrom(world, acme.tokenEndpoint, { id: 'helper', secret: body.secret as string })
    await acme.ask('patch', '/workspaces/admin/clients/helper', { state: 'disabled' })
    expect((await acme.ask('get', CLIENTS, undefined, { token })).status).toBe(401)
    expect(world.lastRefusal()).toMatchObject({ reason: 'invalid_token', actor: 'client helper' })
  })

  it('is done once when it is repeated after its server was cut off in the middle of it', async () => {
    const { acme, world } = place
    const holder = new Client({ connectionString: world.urls.superuser })
    await holder.connect()
    const repeat = () =>
      acme.ask('post', CLIENTS, { id: 'cut-off', name: 'x' }, { headers: { 'Idempotency-Key': 'cut-off' } })
    // The last thing before a change is committed.
    await holder.query(`begin; select from regent.change_counter where region = 'eu' for update`)
    const first = repeat()
    let killed = 0
    while (killed === 0) {
      const { rows } = await world.superuser(
        `select pg_terminate_backend(pid) from pg_stat_activity where wait_event_type = 'Lock' and query like '%change_counter%'`,
      )
      killed = rows.length
    }
    const { status, body } = await first
    expect([status, body.reason]).toEqual([503, 'database_unavailable'])
    await holder.query('rollback')
    await holder.end()
    const again = await repeat()
    expect([again.status, again.headers['idempotency-replayed']]).toEqual([201, undefined])
    const third = await repeat()
    expect([third.status, third.headers['idempotency-replayed'], third.text]).toEqual([
      201,
      'true',
      again.text,
    ])
    const { rows } = await world.superuser(
      `select count(*)::int as n from regent.audit_event where subject = 'cut-off'`,
    )
    expect(rows).toEqual([{ n: 1 }])
  })

  it('is not what another client of the tenant has done with the same Idempotency-Key', async () => {
    const { acme, operator, world } = place
    const { tokenFrom } = await import('./api.ts')
    const { body } = await operator.ask('post', '/tenants/acme/administrators', {})
    const other = { id: body.client_id as string, secret: body.client_secret as string }
    const token = await tokenFrom(world, acme.tokenEndpoint, other)
    const keyed = { headers: { 'Idempotency-Key': 'shared' } }
    const first = await acme.ask('post', '/workspaces/admin/clients', { id: 'shared', name: 'x' }, keyed)
    const second = await acme.ask(
      'post',
      '/workspaces/admin/clients',
      { id: 'shared', name: 'x' },
      { ...keyed, token },
    )
    expect([first.status, second.status, second.body.reason]).toEqual([201, 409, 'name_taken'])
  })

  it('with 429 is seen, and says when to ask again', async () => {
    const { world, acme } = place
    const node = world.node.nodes.get('eu')
    if (node === undefined) throw new Error('the region is not served')
    const { region, database: _, actor: __, ...changes } = world.needs('eu')
    const seen: Observation[] = []
    const { answer, routes } = administration({
      regions: new Map([[region, { directory: node.directory, database: world.database }]]),
      changes,
      clock: world.clock,
      monotonic,
      observe: (observation) => void seen.push(observation),
      countCall: () => 7,
      atOnce: 1,
    })
    const route = routes.find(({ name }) => name === 'workspace.list')
    const asked = {
      address: { region, tenant: 'acme' as TenantSlug, api: 'tenant', path: '/workspaces' },
      method: 'GET',
      query: undefined,
      headers: (name: string) => (name === 'authorization' ? [`Bearer ${acme.token}`] : []),
      body: Buffer.alloc(0),
      peer: '127.0.0.1',
      requestId: 'request-1',
    } as const
    const { status, headers } = await answer(route === undefined ? {} : { route }, {}, asked)
    expect([status, headers['Retry-After']]).toEqual([429, '7'])
    expect(seen).toEqual([
      expect.objectContaining({
        type: 'request_refused',
        status: 429,
        reason: 'too_many_calls',
        actor: ADMIN,
      }),
    ])
  })

  it('is every call of a client beyond so many in a minute, and of no other client', () => {
    let now = 0
    const count = adminCalls(() => now)
    const [tenant, client] = ['t' as TenantId, 'robot' as ClientId]
    for (let call = 0; call < MAX_CALLS; call++) expect(count('eu', tenant, client)).toBeUndefined()
    expect(count('eu', tenant, client)).toBeGreaterThan(0)
    expect(count('eu', tenant, 'other' as ClientId)).toBeUndefined()
    expect(count('us', tenant, client)).toBeUndefined()
    now += 60_000
    expect(count('eu', tenant, client)).toBeUndefined()
  })
})
