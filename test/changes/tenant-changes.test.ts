/** The life of a tenant: who gets tokens and documents in each state, and what can be undone. */
import { createClient } from '../../src/changes/client-changes.ts'
import { createResourceServer } from '../../src/changes/create-resource-server.ts'
import { addScopes } from '../../src/changes/resource-server-changes.ts'
import { createWorkspace } from '../../src/changes/create-workspace.ts'
import {
  deleteTenant,
  restoreTenant,
  resumeTenant,
  setQuotas,
  suspendTenant,
} from '../../src/changes/tenant-changes.ts'
import { SYSTEM_TENANT } from '../../src/tenancy/administration.ts'
import type { Tenant } from '../../src/tenancy/tenant.ts'
import { openWorld, type Credentials, type World, type WorldWorkspace } from '../support/world.ts'

describe('a tenant', () => {
  let world: World
  let orders: WorldWorkspace
  let robot: Credentials
  let tenant: Tenant
  let count = 0

  beforeAll(async () => {
    world = await openWorld()
  })
  beforeEach(async () => {
    count += 1
    orders = await world.workspace(`https://acme-${count}.eu.token.example/orders`)
    robot = await orders.client('robot')
    ;({ tenant } = orders.workspace)
    await orders.token(robot).expect(200)
  })
  afterAll(() => world.close())

  const jwks = () => orders.get(`${orders.path}/.well-known/jwks.json`)
  const refusedAs = async (reason: string) => {
    await orders.token(robot).expect(401, /"invalid_client"/)
    expect(world.lastRefusal()).toMatchObject({ reason })
  }
  /** As a row: the moment that it is gone has come. */
  const letItGo = () =>
    world.superuser(`update regent.tenant set gone_at = now() where tenant_id = $1`, [tenant.id])

  it('gets no tokens while it is suspended, and its documents stay', async () => {
    await suspendTenant(orders.change, tenant)
    await refusedAs('tenant_suspended')
    await jwks().expect(200)
    await resumeTenant(orders.change, tenant)
    await orders.token(robot).expect(200)
  })

  it('answers a suspended tenant’s client with the bytes of a disabled one', async () => {
    const wrong = await orders.token({ ...robot, id: 'nobody' }).expect(401)
    await suspendTenant(orders.change, tenant)
    const suspended = await orders.token(robot).expect(401)
    const bytes = ({ text }: { text: string }) => text.replace(/request [\w-]+/, 'request')
    expect(bytes(suspended)).toBe(bytes(wrong))
  })

  it('is there to be restored until its time is over, suspended at first', async () => {
    await deleteTenant(orders.change, tenant, 3600)
    await refusedAs('tenant_suspended')
    await jwks().expect(200)
    await restoreTenant(orders.change, tenant)
    await refusedAs('tenant_suspended')
    await resumeTenant(orders.change, tenant)
    await orders.token(robot).expect(200)
  })

  it('is as if it had never been when its time is over, but for its name', async () => {
    await deleteTenant(orders.change, tenant, 3600)
    await letItGo()
    await orders.token(robot).expect(404)
    await jwks().expect(404)
    await expect(restoreTenant(orders.change, tenant)).rejects.toMatchObject({ reason: 'state_conflict' })
    await expect(world.workspace(`https://other.eu.token.example/orders`)).resolves.toBeDefined()
    const again = createTenantNamed(tenant.slug)
    await expect(again).rejects.toMatchObject({ reason: 'name_taken' })
  })

  it('is gone for a node that remembers it, too, by the clock', async () => {
    await deleteTenant(orders.change, tenant, 0)
    const { time } = world.clock
    await jwks().expect(404)
    world.clock.time = Math.floor(Date.now() / 1000) - 3600
    const rows = await world.superuser<{ gone: number }>(
      `update regent.tenant set gone_at = to_timestamp($2) where tenant_id = $1 returning 1 as gone`,
      [tenant.id, Date.now() / 1000 + 600],
    )
    expect(rows.rowCount).toBe(1)
    await jwks().expect(200)
    world.clock.time = Math.floor(Date.now() / 1000) + 601
    await jwks().expect(404)
    world.clock.time = time
  })

  it.each([
    ['resume what is not suspended', () => resumeTenant(orders.change, tenant)],
    ['restore what is not deleted', () => restoreTenant(orders.change, tenant)],
    [
      'suspend what is suspended',
      async () => {
        await suspendTenant(orders.change, tenant)
        return suspendTenant(orders.change, tenant)
      },
    ],
    [
      'delete what is deleted',
      async () => {
        await deleteTenant(orders.change, tenant)
        return deleteTenant(orders.change, tenant)
      },
    ],
  ])('refuses to %s', async (_what, work) => {
    await expect(work()).rejects.toMatchObject({ field: 'state', reason: 'state_conflict' })
  })

  it.each([-1, 1.5, 366 * 24 * 3600])(
    'refuses to be deleted with a waiting time of %d seconds',
    async (wait) => {
      await expect(deleteTenant(orders.change, tenant, wait)).rejects.toMatchObject({
        field: 'wait',
        reason: 'out_of_bounds',
      })
    },
  )

  it('of another region is not there', async () => {
    const elsewhere = { ...world.needs('us') }
    await expect(suspendTenant(elsewhere, { ...tenant, region: 'us' })).rejects.toMatchObject({
      reason: 'state_conflict',
    })
    await orders.token(robot).expect(200)
  })

  it('of the operators stays as it is', async () => {
    const system = { ...tenant, slug: SYSTEM_TENANT }
    await expect(suspendTenant(orders.change, system)).rejects.toMatchObject({ reason: 'built_in' })
  })

  it('has as many of each as its quotas say, exactly, however many come at once', async () => {
    await setQuotas(orders.change, tenant, { clients: 3, resourceServers: 2, workspaces: 1, scopes: 4 })
    const made = await Promise.allSettled(
      Array.from({ length: 10 }, (_, n) =>
        createClient(orders.change, orders.workspace, { id: `c${n}`, name: 'x' }),
      ),
    )
    expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(2)
    const another = { identifier: 'https://x.example', name: 'x', scopes: {} }
    await expect(createResourceServer(orders.change, orders.workspace, another)).rejects.toMatchObject({
      reason: 'quota_exceeded',
    })
    await expect(createWorkspace(orders.change, tenant, { slug: 'more' })).rejects.toMatchObject({
      field: 'workspaces',
      reason: 'quota_exceeded',
    })
    await expect(
      addScopes(orders.change, orders.workspace, orders.orders, { more: '' }),
    ).rejects.toMatchObject({ field: 'scopes', reason: 'quota_exceeded' })
    await setQuotas(orders.change, tenant, {})
    await createWorkspace(orders.change, tenant, { slug: 'more' })
  })

  it.each([0, -1, 2.5, 1e10])('takes no quota of %d', async (clients) => {
    await expect(setQuotas(orders.change, tenant, { clients })).rejects.toMatchObject({
      field: 'clients',
      reason: 'out_of_bounds',
    })
  })

  const createTenantNamed = async (slug: string) => {
    const { createTenant } = await import('../../src/changes/create-tenant.ts')
    return createTenant(world.needs('eu'), { slug })
  }
})
