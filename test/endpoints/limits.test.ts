/** Limits of issuance at the token endpoint: after authentication, before anything else. */
import { setIssuanceLimit } from '../../src/changes/limit-changes.ts'
import type { ClientId } from '../../src/ids.ts'
import { openWorld, type World } from '../support/world.ts'

describe('POST /oauth2/token with limits of issuance', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ regions: ['eu'] })
  })
  afterAll(() => world.close())

  it('tells of none where there is none', async () => {
    const orders = await world.workspace('https://free.eu.token.example/orders')
    const { headers } = await orders.token(await orders.client('robot')).expect(200)
    expect(Object.keys(headers).filter((name) => name.startsWith('ratelimit'))).toEqual([])
  })

  it.each(['client', 'workspace', 'tenant'] as const)(
    'answers 429 beyond that of the %s, and tells of it',
    async (of) => {
      const orders = await world.workspace(`https://of-${of}.eu.token.example/orders`)
      const robot = await orders.client('robot')
      const { workspace } = orders
      const limited = {
        client: { workspace, clientId: 'robot' as ClientId },
        workspace: { workspace },
        tenant: { tenant: workspace.tenant },
      }[of]
      await setIssuanceLimit(orders.change, limited, 2)
      const first = await orders.token(robot).expect(200)
      expect(first.headers['ratelimit-policy']).toBe(`"${of}";q=2;w=60`)
      expect(first.headers.ratelimit).toMatch(new RegExp(`^"${of}";r=1;t=\\d+$`))
      await orders.token(robot).expect(200)
      const refused = await orders.token(robot).expect(429)
      expect(refused.body).toEqual({
        error: 'temporarily_unavailable',
        error_description: expect.any(String),
      })
      expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
      expect(refused.headers['cache-control']).toBe('no-store')
      expect(world.lastRefusal()).toMatchObject({ reason: 'issuance_limit_reached' })
      // Whoever is not the client uses up nothing, and learns nothing.
      await orders.token({ id: 'robot', secret: 'rgs_wrong' }).expect(401)
      const other = await orders.client('other')
      await orders.token(other).expect(of === 'client' ? 200 : 429)
      const rival = await world.workspace(`https://rival-of-${of}.eu.token.example/orders`)
      await rival.token(await rival.client('robot')).expect(200)
      // Effective at once, and taken back at once.
      await setIssuanceLimit(orders.change, limited, undefined)
      await orders.token(robot).expect(200)
    },
  )
})
