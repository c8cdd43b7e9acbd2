/** Limits of issuance as settings: who may be limited, by what numbers, and what a change of them leaves behind. */
import { createClient } from '../../src/changes/client-changes.ts'
import { setIssuanceLimit, type Limited } from '../../src/changes/limit-changes.ts'
import type { ClientId, TenantId, WorkspaceId } from '../../src/ids.ts'
import { openWorld, type World, type WorldWorkspace } from '../support/world.ts'

const ROBOT = 'robot' as ClientId
const NOBODY = '99999999-0000-4000-8000-000000000000'

describe('setIssuanceLimit', () => {
  let world: World
  let orders: WorldWorkspace
  let rival: WorldWorkspace

  beforeAll(async () => {
    world = await openWorld()
    orders = await world.workspace('https://acme.eu.token.example/orders')
    rival = await world.workspace('https://rival.eu.token.example/orders')
    for (const { change, workspace } of [orders, rival])
      await createClient(change, workspace, { id: ROBOT, name: 'Robot' })
  })
  afterAll(() => world.close())

  const rows = async <Row extends object>(text: string, values: readonly unknown[] = []) =>
    (await world.superuser<Row>(text, values)).rows
  const limits = () =>
    rows<{ what: string; limit: number | null }>(
      `select 'tenant ' || slug as what, tokens_per_minute as limit from regent.tenant
       union all select 'workspace of ' || t.slug, w.tokens_per_minute from regent.workspace w join regent.tenant t using (tenant_id)
         where not w.built_in
       union all select 'client of ' || t.slug, c.tokens_per_minute from regent.client c join regent.tenant t using (tenant_id)
         join regent.workspace w using (tenant_id, workspace_id) where not w.built_in
       order by what`,
    )
  const events = () =>
    rows<{ id: string }>(
      `select event_id as id, action, subject, workspace_id, tenant_id, actor, details from regent.audit_event where action = 'limit_set'`,
    )
  const feed = () =>
    rows<{ number: string }>(
      `select number, tenant_id, workspace_id, subject from regent.change_feed where kind = 'limit_set'`,
    )

  const SUBJECTS: readonly [string, () => Limited, string][] = [
    ['tenant', () => ({ tenant: orders.workspace.tenant }), 'acme'],
    ['workspace', () => ({ workspace: orders.workspace }), 'orders'],
    ['client', () => ({ workspace: orders.workspace, clientId: ROBOT }), 'robot'],
  ]

  it.each(SUBJECTS)(
    'of a %s: writes its row and no other, one audit event and one feed entry, and takes it away again',
    async (what, subject, name) => {
      const before = { limits: await limits(), events: await events(), feed: await feed() }
      for (const limit of [60, undefined]) {
        const { feedNumber } = await setIssuanceLimit(orders.change, subject(), limit)
        const changed = (await limits()).filter(
          ({ what: row }) => row.startsWith(what) && row.endsWith('acme'),
        )
        expect(changed.map((row) => row.limit)).toEqual([limit ?? null])
        const others = ({ what: row }: { what: string }) => !(row.startsWith(what) && row.endsWith('acme'))
        expect((await limits()).filter(others)).toEqual(before.limits.filter(others))

        const known = before.events.map(({ id }) => id)
        const where = {
          tenant_id: orders.workspace.tenant.id,
          workspace_id: what === 'tenant' ? null : orders.workspace.id,
          subject: name,
        }
        const news = (await events()).filter(({ id }) => !known.includes(id))
        expect(news).toEqual([
          expect.objectContaining({
            ...where,
            action: 'limit_set',
            actor: 'test',
            details: { of: what, tokensPerMinute: limit ?? null },
          }),
        ])
        expect((await feed()).filter(({ number }) => Number(number) === feedNumber)).toEqual([
          { ...where, number: String(feedNumber) },
        ])
        before.events = await events()
      }
      expect(await limits()).toEqual(before.limits)
    },
  )

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 1_000_000_001, '60' as unknown as number])(
    'refuses %p by the name of its field, and leaves nothing behind',
    async (limit) => {
      const before = [await limits(), await events(), await feed()]
      for (const [, subject] of SUBJECTS) {
        await expect(setIssuanceLimit(orders.change, subject(), limit)).rejects.toMatchObject({
          name: 'ChangeRefusal',
          field: 'tokensPerMinute',
          reason: 'out_of_bounds',
        })
      }
      expect([await limits(), await events(), await feed()]).toEqual(before)
    },
  )

  it('takes the smallest and the largest number', async () => {
    for (const limit of [1, 1_000_000_000]) {
      for (const [, subject] of SUBJECTS) await setIssuanceLimit(orders.change, subject(), limit)
      const acmes = (await limits()).filter(({ what }) => what.endsWith('acme'))
      expect(acmes.map((row) => row.limit)).toEqual([limit, limit, limit])
    }
    for (const [, subject] of SUBJECTS) await setIssuanceLimit(orders.change, subject(), undefined)
  })

  it.each<[string, () => Limited, string]>([
    [
      'a client that is not there',
      () => ({ workspace: orders.workspace, clientId: 'x' as ClientId }),
      'unknown_client',
    ],
    [
      'a workspace that is not there',
      () => ({ workspace: { ...orders.workspace, id: NOBODY as WorkspaceId } }),
      'unknown_workspace',
    ],
    [
      "another tenant's workspace",
      () => ({ workspace: { ...orders.workspace, id: rival.workspace.id } }),
      'unknown_workspace',
    ],
    [
      'a tenant that is not there',
      () => ({ tenant: { ...orders.workspace.tenant, id: NOBODY as TenantId } }),
      'unknown_tenant',
    ],
    [
      'a tenant under another region',
      () => ({ tenant: { ...orders.workspace.tenant, region: 'us' } }),
      'unknown_tenant',
    ],
  ])('refuses %s, and leaves nothing behind', async (_case, subject, reason) => {
    const before = [await limits(), await events(), await feed()]
    await expect(setIssuanceLimit(orders.change, subject(), 5)).rejects.toMatchObject({ reason })
    expect([await limits(), await events(), await feed()]).toEqual(before)
  })
})
