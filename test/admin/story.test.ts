/** Administration from beginning to end, over HTTP alone, on a database that has just been migrated. */
import { openWorld, type World } from '../support/world.ts'
import { apiOf, operatorOf, tenantBy, tokenFrom, type Answer, type Api } from './api.ts'

describe('administration, from the first operator to the end of a tenant', () => {
  let world: World
  let operator: Api
  let acme: Awaited<ReturnType<typeof tenantBy>>

  beforeAll(async () => {
    // Tokens of the built-in workspaces are compared with the wall clock of nobody.
    world = await openWorld()
    operator = await operatorOf(world, 'eu')
    acme = await tenantBy(world, operator, 'acme')
  })
  afterAll(() => world.close())

  const done = async (answer: Promise<Answer>, status = 200) => {
    const { status: got, text, body } = await answer
    expect([got, text]).toEqual([status, text])
    if (got !== status) throw new Error(`${got} ${text}`)
    return body
  }

  it('has a tenant in each of two regions, made by the operators of each', async () => {
    const other = await operatorOf(world, 'au')
    const rival = await tenantBy(world, other, 'acme')
    expect(rival.url).toBe('https://acme.au.token.example/api/admin/acme')
    const { items } = await done(operator.ask('get', '/tenants'))
    expect((items as { slug: string }[]).map(({ slug }) => slug)).toEqual(['acme', 'system'])
    // Neither API takes the other one's tokens.
    for (const [api, token] of [
      [acme, rival.token],
      [rival, acme.token],
      [operator, acme.token],
      [acme, operator.token],
    ] as const)
      await done(api.ask('get', api === operator ? '/tenants' : '/workspaces', undefined, { token }), 401)
  })

  it('makes a workspace, a resource server and a client, which then gets tokens', async () => {
    const shop = await done(acme.ask('post', '/workspaces', { slug: 'shop' }), 201)
    expect(shop.issuer).toBe('https://acme.eu.token.example/acme/shop')
    await done(
      acme.ask('post', '/workspaces/shop/resource-servers', {
        identifier: 'https://orders.example',
        name: 'Orders',
        scopes: { read: 'read orders', write: 'change orders' },
      }),
      201,
    )
    await done(
      acme.ask('post', '/workspaces/shop/clients', { id: 'robot', name: 'Robot', scopes: ['read'] }),
      201,
    )
    const made = await done(
      acme.ask('post', '/workspaces/shop/clients/robot/credentials', { label: 'first' }),
      201,
    )
    expect(made).toMatchObject({
      label: 'first',
      created_by: `client ${acme.client.id}`,
      state: 'live',
      use_count: 0,
    })
    const token = await tokenFrom(world, `${shop.issuer}/oauth2/token`, {
      id: 'robot',
      secret: made.secret as string,
    })
    expect(token).toMatch(/^ey/)
  })

  it('rotates a secret: both work, until the old one ends', async () => {
    const list = await done(acme.ask('get', '/workspaces/shop/clients/robot/credentials'))
    const [{ id: old }] = list.items as [{ id: string }]
    const path = `/workspaces/shop/clients/robot/credentials/${old}`
    const made = await done(acme.ask('post', `${path}/rotate`, { overlap: 60 }), 201)
    await tokenFrom(world, 'https://acme.eu.token.example/acme/shop/oauth2/token', {
      id: 'robot',
      secret: made.secret as string,
    })
    const shown = await done(acme.ask('get', path))
    expect(shown.expires_at).toEqual(expect.any(String))
    await world.node.nodes.get('eu')?.uses.flush()
    const used = await done(acme.ask('get', `${path}?since=${new Date(Date.now() - 3600_000).toISOString()}`))
    expect(used.use.verdict).toMatch(/used|unknown/)
    await done(acme.ask('delete', path), 204)
    await done(acme.ask('delete', path), 404)
  })

  it('takes turns with signing keys, not before verifiers can have the next one', async () => {
    const { keys } = await done(acme.ask('get', '/workspaces/shop/keys'))
    expect((keys as { state: string }[]).map(({ state }) => state).toSorted()).toEqual([
      'active',
      'published',
    ])
    const early = await done(acme.ask('post', '/workspaces/shop/keys/rotate', {}), 409)
    expect(early).toMatchObject({ reason: 'key_too_young', detail: expect.stringMatching(/from 20/) })
    const preview = await done(acme.ask('post', '/workspaces/shop/keys/rotate?dry_run=true', { now: true }))
    expect(preview.breaks[0]).toMatch(/may refuse tokens/)
    const { keys: after } = await done(acme.ask('post', '/workspaces/shop/keys/rotate', { now: true }))
    expect((after as { state: string }[]).map(({ state }) => state).toSorted()).toEqual([
      'active',
      'published',
      'retired',
    ])
    const retired = (after as { state: string; kid: string }[]).find(({ state }) => state === 'retired')
    const killing = await done(acme.ask('delete', `/workspaces/shop/keys/${retired?.kid}?dry_run=true`))
    expect(killing.breaks[0]).toMatch(/^\d+ tokens or fewer/)
    await done(acme.ask('delete', `/workspaces/shop/keys/${retired?.kid}`))
  })

  it('reads, exports and verifies what was done, by whom', async () => {
    const { items } = await done(acme.ask('get', '/audit-events?limit=200'))
    const actions = (items as { action: string; actor: string }[]).map(
      ({ action, actor }) => `${actor}: ${action}`,
    )
    expect(actions[0]).toBe('client operator: tenant_created')
    expect(actions).toContain('client admin: secret_rotated')
    const { text } = await acme.ask('get', '/audit-events/export')
    expect(text.trim().split('\n')).toHaveLength(actions.length)
    expect(text).not.toMatch(/rgs_/)
    const verdict = await done(acme.ask('get', '/audit-events/verification'))
    expect(verdict).toMatchObject({ faults: [], events: actions.length })
    const checkpoint = encodeURIComponent(JSON.stringify(verdict.checkpoint))
    expect(await done(acme.ask('get', `/audit-events/verification?checkpoint=${checkpoint}`))).toMatchObject({
      vouched_up_to: actions.length,
    })
  })

  it('is suspended, deleted and restored by its operator; meanwhile its people only read', async () => {
    await done(operator.ask('post', '/tenants/acme/suspend', {}))
    await done(acme.ask('get', '/workspaces'))
    const refused = await done(acme.ask('post', '/workspaces', { slug: 'more' }), 403)
    expect(refused.reason).toBe('tenant_suspended')
    await expect(tokenFrom(world, acme.tokenEndpoint, acme.client)).rejects.toThrow(/invalid_client/)
    const gone = await done(operator.ask('delete', '/tenants/acme?wait=3600'))
    expect(gone).toMatchObject({ state: 'deleted', gone_at: expect.any(String) })
    await done(operator.ask('post', '/tenants/acme/restore', {}))
    await done(operator.ask('post', '/tenants/acme/resume', {}))
    await tokenFrom(world, acme.tokenEndpoint, acme.client)
  })

  it('lets operators look after their own clients by the API of their built-in tenant', async () => {
    const own = apiOf(world, 'https://system.eu.token.example/api/admin/system', operator.token)
    await done(
      own.ask('post', '/workspaces/admin/clients', { id: 'second', name: 'x', scopes: ['tenants:read'] }),
      201,
    )
    const made = await done(own.ask('post', '/workspaces/admin/clients/second/credentials', {}), 201)
    const client = { id: 'second', secret: made.secret as string }
    const token = await tokenFrom(world, 'https://system.eu.token.example/system/admin/oauth2/token', client)
    const second = apiOf(world, operator.url, token)
    await done(second.ask('get', '/tenants'))
    await done(second.ask('post', '/tenants/acme/suspend', {}), 403)
  })

  it('gives a tenant whose secrets are lost another administrator', async () => {
    const made = await done(operator.ask('post', '/tenants/acme/administrators', {}), 201)
    const client = { id: made.client_id as string, secret: made.client_secret as string }
    const again = apiOf(
      world,
      made.api as string,
      await tokenFrom(world, made.token_endpoint as string, client),
    )
    await done(again.ask('get', '/workspaces'))
  })
})
