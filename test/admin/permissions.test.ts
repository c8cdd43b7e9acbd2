/** Every route, by whoever may not: the list is the router's own (T49). Nothing is seen, nothing is changed.
 * What neighbours' ids, tokens and keys are answered with: test/isolation/administration.test.ts. */
import { PERMISSIONS } from '../../src/admin/permissions.ts'
import { ROUTES } from '../../src/admin/routes/index.ts'
import { SYSTEM_SCOPES, TENANT_SCOPES } from '../../src/tenancy/administration.ts'
import { call, NOBODYS, openPlace, pathOf } from './place.ts'

type Place = Awaited<ReturnType<typeof openPlace>>
const TENANT_ROUTES = ROUTES.filter(({ api }) => api === 'tenant')
const named = (routes: typeof ROUTES) => routes.map((route) => [route.name, route] as const)

describe('administration', () => {
  let place: Place

  beforeAll(async () => {
    place = await openPlace()
  })
  afterAll(() => place.close())

  /** All settings there are, as text, without what the server notes by itself. */
  const dump = async () => {
    const tables =
      'tenant workspace resource_server scope client credential scope_grant signing_key audit_event tombstone'
    const texts: string[] = []
    for (const table of tables.split(' ')) {
      const { rows } = await place.world.superuser<{ row: string }>(
        `select to_jsonb(t)::text as row from regent.${table} t order by 1`,
      )
      texts.push(...rows.map(({ row }) => `${table} ${row}`))
    }
    return texts
  }

  it('has a permission for every route, and no other', () => {
    expect(ROUTES.map(({ name }) => name).toSorted()).toEqual(Object.keys(PERMISSIONS).toSorted())
    const known = { ...TENANT_SCOPES, ...SYSTEM_SCOPES }
    expect(Object.values(PERMISSIONS).filter((scope) => !(scope in known))).toEqual([])
  })

  it('shows every route to no one who lacks its scope, and changes nothing for them', async () => {
    const before = await dump()
    for (const route of TENANT_ROUTES) {
      const needed = PERMISSIONS[route.name]
      const others = Object.keys(TENANT_SCOPES).filter((scope) => scope !== needed)
      const lacking = await place.narrowed(place.acme, others)
      const { status, headers, body } = await call(lacking, route, place.ids(place.acme))
      expect([route.name, status, body.reason]).toEqual([route.name, 403, 'insufficient_scope'])
      expect(headers['www-authenticate']).toContain(`error="insufficient_scope", scope="${needed}"`)
    }
    expect(await dump()).toEqual(before)
  }, 60_000)

  it.each(named(ROUTES))('%s: asks for a token, by its scheme and no error', async (_name, route) => {
    const api = route.api === 'system' ? place.operator : place.acme
    const { status, headers, body } = await call(api, route, place.ids(place.acme), { token: undefined })
    expect([status, body.reason]).toEqual([401, 'token_missing'])
    expect(headers['www-authenticate']).toBe(`Bearer realm="${api.url}"`)
  })

  it.each(named(ROUTES))(
    '%s: takes no token of another tenant, nor of the other API',
    async (_name, route) => {
      const api = route.api === 'system' ? place.operator : place.acme
      const strangers = route.api === 'system' ? [place.acme] : [place.rival, place.operator]
      for (const { token } of strangers) {
        const { status, headers, body } = await call(api, route, place.ids(place.acme), { token })
        expect([status, body.reason]).toEqual([401, 'invalid_token'])
        expect(headers['www-authenticate']).toContain('error="invalid_token"')
      }
    },
  )

  it.each([
    ['another tenant’s path', '/api/admin/rival/workspaces', 'acme.eu.token.example'],
    ['the operators’ path on a tenant’s host', '/api/system/tenants', 'acme.eu.token.example'],
    ['a tenant’s path on the operators’ host', '/api/admin/acme/workspaces', 'eu.token.example'],
    ['an encoded segment', '/api/admin/acme/workspaces/sh%6fp', 'acme.eu.token.example'],
    ['dots', '/api/admin/acme/workspaces/..', 'acme.eu.token.example'],
    ['a slash at the end', '/api/admin/acme/workspaces/', 'acme.eu.token.example'],
    ['upper case', '/api/admin/acme/Workspaces', 'acme.eu.token.example'],
    ['no such path', '/api/admin/acme/nothing', 'acme.eu.token.example'],
    ['a host that is not ours', '/api/admin/acme/workspaces', 'acme.elsewhere.example'],
  ])('has nothing at %s', async (_what, target, host) => {
    const { default: request } = await import('supertest')
    const { status, body, type } = await request(place.world.server)
      .get(target)
      .set({ Host: host, Authorization: `Bearer ${place.acme.token}` })
    expect([status, type]).toEqual([404, 'application/problem+json'])
    expect((body as { status: number }).status).toBe(404)
  })

  it('names the methods that a path takes', async () => {
    const { status, headers, body } = await place.acme.ask('put', '/workspaces', {})
    expect([status, headers.allow, body.reason]).toEqual([405, 'GET, POST', 'method_not_allowed'])
  })

  it('describes every path of the router in its document, on every host', async () => {
    const { default: request } = await import('supertest')
    for (const host of ['eu.token.example', 'acme.eu.token.example']) {
      const { body } = await request(place.world.server)
        .get('/api/openapi.json')
        .set('Host', host)
        .expect(200)
      const { paths, openapi } = body as { paths: object; openapi: string }
      expect(openapi).toBe('3.1.0')
      const prefix = { tenant: '/api/admin/{tenant}', system: '/api/system' }
      expect(Object.keys(paths).toSorted()).toEqual(
        [...new Set(ROUTES.map((route) => prefix[route.api] + route.path))].toSorted(),
      )
    }
  })

  it('refuses a token once its client is disabled, its secret revoked, or its scope withdrawn, at once', async () => {
    const { acme, world } = place
    await acme.ask('post', '/workspaces/admin/clients', {
      id: 'helper',
      name: 'Helper',
      scopes: ['workspaces:read', 'clients:read'],
    })
    const { body } = await acme.ask('post', '/workspaces/admin/clients/helper/credentials', {})
    const { tokenFrom, apiOf } = await import('./api.ts')
    const helper = apiOf(
      world,
      acme.url,
      await tokenFrom(world, acme.tokenEndpoint, { id: 'helper', secret: body.secret as string }),
    )
    const reads = async () => (await helper.ask('get', '/workspaces')).status
    expect(await reads()).toBe(200)
    await acme.ask('patch', '/workspaces/admin/clients/helper', { state: 'disabled' })
    expect(await reads()).toBe(401)
    await acme.ask('patch', '/workspaces/admin/clients/helper', { state: 'enabled' })
    expect(await reads()).toBe(200)
    await acme.ask('delete', '/workspaces/admin/clients/helper/scopes?scope=workspaces:read')
    expect(await reads()).toBe(403)
    await acme.ask('post', '/workspaces/admin/clients/helper/scopes', { scopes: ['workspaces:read'] })
    await acme.ask('delete', `/workspaces/admin/clients/helper/credentials/${body.id}`)
    expect(await reads()).toBe(401)
  })

  it('lets nobody rise: who lacks a scope neither grants it nor touches who has it', async () => {
    const { acme } = place
    const lesser = await place.narrowed(acme, ['clients:write', 'clients:read', 'credentials:write'])
    const refused = async (answer: ReturnType<typeof lesser.ask>) => {
      const { status, body } = await answer
      expect([status, body.reason]).toEqual([403, 'beyond_caller'])
    }
    const before = await dump()
    await refused(
      lesser.ask('post', '/workspaces/admin/clients', { id: 'x', name: 'x', scopes: ['keys:write'] }),
    )
    await refused(lesser.ask('post', '/workspaces/admin/clients/helper/scopes', { scopes: ['keys:write'] }))
    await refused(lesser.ask('post', '/workspaces/admin/clients/admin/credentials', {}))
    const { body } = await acme.ask('get', '/workspaces/admin/clients/admin/credentials?state=live')
    const [{ id }] = body.items as [{ id: string }]
    await refused(lesser.ask('post', `/workspaces/admin/clients/admin/credentials/${id}/rotate`, {}))
    await refused(lesser.ask('patch', `/workspaces/admin/clients/admin/credentials/${id}`, { label: 'x' }))
    await refused(lesser.ask('delete', `/workspaces/admin/clients/admin/credentials/${id}`))
    await refused(lesser.ask('patch', '/workspaces/admin/clients/admin', { state: 'disabled' }))
    await refused(lesser.ask('delete', '/workspaces/admin/clients/admin'))
    await refused(lesser.ask('delete', '/workspaces/admin/clients/admin/scopes?scope=clients:write'))
    expect(await dump()).toEqual(before)
  })

  it('shows the answer of a wider token to no narrower one, by its idempotency key', async () => {
    const { acme } = place
    const headers = { 'Idempotency-Key': 'wide' }
    const path = '/workspaces/admin/clients/admin/credentials'
    expect((await acme.ask('post', path, {}, { headers })).status).toBe(201)
    const lesser = await place.narrowed(acme, ['clients:write', 'credentials:write'])
    const { status, body, text } = await lesser.ask('post', path, {}, { headers })
    expect([status, body.reason]).toEqual([403, 'beyond_caller'])
    expect(text).not.toMatch(/rgs_/)
    const { body: list } = await acme.ask('get', '/workspaces/admin/clients/admin/credentials?state=live')
    for (const { id, label } of list.items as { id: string; label: string }[])
      if (label === '') await acme.ask('delete', `${path}/${id}`)
  })

  it('leaves a tenant with somebody who can let others in', async () => {
    const { acme } = place
    const { body } = await acme.ask('get', '/workspaces/admin/clients/admin/credentials?state=live')
    const [{ id }] = body.items as [{ id: string }]
    const before = await dump()
    for (const [method, path, sent] of [
      ['delete', `/workspaces/admin/clients/admin/credentials/${id}`],
      ['patch', `/workspaces/admin/clients/admin/credentials/${id}`, { expires_at: '2099-01-01T00:00:00Z' }],
      ['patch', '/workspaces/admin/clients/admin', { state: 'disabled' }],
      ['delete', '/workspaces/admin/clients/admin'],
      ['delete', '/workspaces/admin/clients/admin/scopes?scope=credentials:write'],
    ] as const) {
      const { status, body: problem } = await acme.ask(method, path, sent)
      expect([path, status, problem.reason]).toEqual([path, 409, 'last_administrator'])
    }
    expect(await dump()).toEqual(before)
  })

  it.each([
    ['delete', '/workspaces/admin', undefined],
    ['patch', '/workspaces/admin', { access_token_lifetime: 700 }],
    ['patch', '/workspaces/admin', { state: 'disabled' }],
    ['post', '/workspaces/admin/resource-servers', { identifier: 'https://x.example', name: 'x' }],
  ] as const)('keeps the built-in workspace as it is: %s %s', async (method, path, sent) => {
    const { status, body } = await place.acme.ask(method, path, sent)
    expect([status, body.reason]).toEqual([409, 'built_in'])
  })

  it('has no path that two routes share', () => {
    const all = ROUTES.map((route) => `${route.api} ${route.method} ${pathOf(route, NOBODYS)}`)
    expect(new Set(all).size).toBe(all.length)
  })
})
