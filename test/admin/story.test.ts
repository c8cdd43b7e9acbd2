/** Administration from beginning to end, over HTTP alone, on a database that has just been migrated. */
import { setTimeout as sleep } from 'node:timers/promises'
import { compactVerify, createLocalJWKSet, type JSONWebKeySet } from 'jose'
import request from 'supertest'
import { openWorld, type World } from '../support/world.ts'
import { apiOf, operatorOf, tenantBy, tokenFrom, type Answer, type Api } from './api.ts'

describe('administration, from the first operator to the end of a tenant', () => {
  let world: World
  let operator: Api
  let acme: Awaited<ReturnType<typeof tenantBy>>
  /** The robot's. */
  const first = { id: '', secret: '' }

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
    Object.assign(first, { id: made.id, secret: made.secret })
  })

  const SHOP = 'https://acme.eu.token.example/acme/shop'
  /** Pods that ask for tokens without a pause, each with its secret, while the work is done: none is refused, each token verifies. */
  const underLoad = async <T>(secrets: readonly string[], work: () => Promise<T>): Promise<T> => {
    const running = { over: false, tokens: 0 }
    const pod = async (secret: string) => {
      while (!running.over) {
        const token = await tokenFrom(world, `${SHOP}/oauth2/token`, { id: 'robot', secret })
        const { body } = await request(world.server)
          .get('/acme/shop/.well-known/jwks.json')
          .set('Host', 'acme.eu.token.example')
        await compactVerify(token, createLocalJWKSet(body as JSONWebKeySet))
        running.tokens += 1
      }
    }
    const pods = Promise.all(secrets.map(pod))
    const value = await Promise.race([work(), pods.then(() => work())])
    const enough = running.tokens + 20
    while (running.tokens < enough) await Promise.race([sleep(5), pods])
    running.over = true
    await pods
    return value
  }
  let newSecret = ''

  it('rotates a secret under load from two pods: both work, until the old one is unused and revoked', async () => {
    const path = `/workspaces/shop/clients/robot/credentials/${first.id}`
    const made = await underLoad([first.secret, first.secret], async () => {
      const rotated = await done(acme.ask('post', `${path}/rotate`, { overlap: 60 }), 201)
      // One pod has the new one, the other one goes on with the old one.
      await underLoad([rotated.secret as string, first.secret], async () => {})
      return rotated
    })
    newSecret = made.secret as string
    // The clocks of nodes may be five seconds behind, and uses are stamped when they are noted: in doubt, it was used.
    const after = Date.now() + 7000
    await world.node.nodes.get('eu')?.uses.flush()
    const { expires_at: end, last_used_at: last } = await done(acme.ask('get', path))
    expect([end, last]).toEqual([expect.any(String), expect.any(String)])
    const verdict = async (since: number) => {
      const { use } = await done(acme.ask('get', `${path}?since=${new Date(since).toISOString()}`))
      return (use as { verdict: string }).verdict
    }
    expect(await verdict(Date.parse(last as string))).toBe('used')
    const deadline = Date.now() + 60_000
    for (let found = ''; found !== 'unused'; found = await verdict(after)) {
      expect(Date.now()).toBeLessThan(deadline)
      await sleep(500)
      await world.node.nodes.get('eu')?.uses.flush()
    }
    await underLoad([newSecret], () => done(acme.ask('delete', path), 204))
    await done(acme.ask('delete', path), 404)
    await expect(
      tokenFrom(world, `${SHOP}/oauth2/token`, { id: 'robot', secret: first.secret }),
    ).rejects.toThrow(/invalid_client/)
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
    const { keys: after } = await underLoad([newSecret, newSecret], () =>
      done(acme.ask('post', '/workspaces/shop/keys/rotate', { now: true })),
    )
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
