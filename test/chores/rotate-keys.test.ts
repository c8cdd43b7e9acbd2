/** Signing keys that take turns by a schedule: once, whoever comes first, and not before verifiers can have the next one. */
import { maintainKeys } from '../../src/changes/key-changes.ts'
import type { ChangeNeeds } from '../../src/changes/change.ts'
import { createWorkspace } from '../../src/changes/create-workspace.ts'
import { updateWorkspace } from '../../src/changes/workspace-changes.ts'
import { rotateDueKeys } from '../../src/chores/rotate-keys.ts'
import { nextRotation, scheduleFault } from '../../src/keys/rotation-schedule.ts'
import type { Observation } from '../../src/observe/observation.ts'
import { openWorld, type World, type WorldWorkspace } from '../support/world.ts'

const QUARTERLY = '0 3 1 1,4,7,10 *'

describe('scheduled rotation of keys', () => {
  let world: World
  let shop: WorldWorkspace
  let needs: ChangeNeeds
  const seen: Observation[] = []

  beforeAll(async () => {
    world = await openWorld()
    shop = await world.workspace('https://acme.eu.token.example/shop')
    await world.workspace('https://rival.us.token.example/shop')
    needs = { ...shop.change, actor: 'chore' }
  })
  afterAll(() => world.close())

  const states = async () => {
    const { rows } = await world.superuser<{ state: string }>(
      `select state from regent.signing_key where workspace_id = $1 order by published_at, state`,
      [shop.workspace.id],
    )
    return rows.map(({ state }) => state)
  }
  const due = async (id = shop.workspace.id) => {
    const { rows } = await world.superuser<{ due: Date | null }>(
      `select rotation_due_at as due from regent.workspace where workspace_id = $1`,
      [id],
    )
    return rows[0]?.due
  }
  const makeDue = () =>
    world.superuser(
      `update regent.workspace set rotation_due_at = now() - interval '1 minute' where workspace_id = $1`,
      [shop.workspace.id],
    )
  const grow = (days: number) =>
    world.superuser(
      `update regent.signing_key set published_at = published_at - $2 * interval '1 day', may_sign_at = may_sign_at - $2 * interval '1 day',
         activated_at = activated_at - $2 * interval '1 day', retired_at = retired_at - $2 * interval '1 day' where workspace_id = $1`,
      [shop.workspace.id, days],
    )
  const work = () => rotateDueKeys(needs, (observation) => void seen.push(observation))

  it('comes at the next moment of the schedule, and up to a day later', async () => {
    await updateWorkspace(needs, shop.workspace, { keyRotation: QUARTERLY })
    const at = (await due())?.getTime() ?? 0
    const first = (nextRotation(QUARTERLY, Date.now() / 1000, () => 0) ?? 0) * 1000
    expect(at).toBeGreaterThanOrEqual(first)
    expect(at).toBeLessThanOrEqual(first + 86_400_000)
    expect(await work()).toBe(0)
  })

  it('is scheduled for a workspace that is made with a schedule, as for one that gets it later', async () => {
    const { tenant } = shop.workspace
    const settings = { keyRotation: QUARTERLY }
    const { workspace } = await createWorkspace(needs, tenant, { slug: 'scheduled', settings })
    expect((await due(workspace.id))?.getTime()).toBeGreaterThan(Date.now())
    const wrong = createWorkspace(needs, tenant, { slug: 'wrong', settings: { keyRotation: 'now and then' } })
    await expect(wrong).rejects.toMatchObject({ field: 'keyRotation', reason: 'schedule_syntax' })
  })

  it('is tried again later while verifiers may not have the next key', async () => {
    await makeDue()
    expect(await work()).toBe(1)
    expect(await states()).toEqual(['active', 'published'])
    expect((await due())?.getTime()).toBeGreaterThan(Date.now())
    expect(seen).toEqual([])
  })

  it('is done once, however many nodes come at the same time, and then waits for the next one', async () => {
    await grow(3)
    await makeDue()
    const counts = await Promise.all([work(), work(), work()])
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(1)
    expect((await states()).toSorted()).toEqual(['active', 'published', 'retired'])
    expect((await due())?.getTime()).toBeGreaterThan(Date.now() + 3_600_000)
    expect(seen).toEqual([{ type: 'keys_rotated', issuer: shop.workspace.issuer, steps: 3 }])
    await shop.token(await shop.client('robot')).expect(200)
  })

  it('is no more when the schedule is taken away, or the tenant is suspended', async () => {
    await updateWorkspace(needs, shop.workspace, { keyRotation: undefined })
    expect(await due()).toBeNull()
    await makeDue()
    await world.superuser(`update regent.tenant set state = 'suspended' where tenant_id = $1`, [
      shop.workspace.tenant.id,
    ])
    expect(await work()).toBe(0)
    await world.superuser(`update regent.tenant set state = 'live' where tenant_id = $1`, [
      shop.workspace.tenant.id,
    ])
  })

  it('removes what nothing depends on any more', async () => {
    await grow(30)
    await maintainKeys(needs, shop.workspace)
    expect((await states()).toSorted()).toEqual(['active', 'gone', 'published'])
  })

  it.each(['0 3 * * *', QUARTERLY, '30 4 * * 1', '0 0 1 1 *'])('takes %s', (schedule) => {
    expect(scheduleFault(schedule)).toBeUndefined()
  })

  it.each([
    '',
    'daily',
    '@daily',
    '0 * * * *',
    '*/5 * * * *',
    '0 3 * *',
    '0 0 3 * * *',
    '61 3 * * *',
    '0 3 31 2 *',
    `0 3 ${'1,'.repeat(60)}1 * *`,
  ])('does not take %j', (schedule) => {
    expect(scheduleFault(schedule)).toEqual(expect.any(String))
  })
})
