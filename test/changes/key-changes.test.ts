/** Signing keys in the database: maintained, rotated and revoked; time is moved by moving what the rows remember. */
import { maintainKeys, revokeKey, rotateKeys } from '../../src/changes/key-changes.ts'
import type { ChangeNeeds } from '../../src/changes/change.ts'
import type { Kid } from '../../src/ids.ts'
import { keyStore } from '../../src/keys/key-store.ts'
import { openWorld, type World, type WorldWorkspace } from '../support/world.ts'

const DAY = 24 * 60 * 60
const MAX_STALE = 3600

describe('keys of a workspace', () => {
  let world: World
  let count = 0
  let orders: WorldWorkspace
  let needs: ChangeNeeds

  beforeAll(async () => {
    world = await openWorld()
  })
  beforeEach(async () => {
    orders = await world.workspace(`https://keys-${++count}.eu.token.example/orders`, { jwksMaxAge: 900 })
    needs = orders.change
  })
  afterAll(() => world.close())

  type Row = { kid: Kid; state: string; algorithm: string; age: number; wait: number }
  const keys = async () =>
    (
      await world.superuser<Row>(
        `select kid, state, algorithm, extract(epoch from now() - published_at)::int as age,
           extract(epoch from may_sign_at - published_at)::int as wait
         from regent.signing_key where workspace_id = $1 order by published_at, state`,
        [orders.workspace.id],
      )
    ).rows
  const find = async (state: string) => {
    const found = (await keys()).filter((key) => key.state === state)
    expect(found).toHaveLength(1)
    return found[0]?.kid ?? ('' as Kid)
  }
  const counted = async () => {
    const states: Record<string, number> = {}
    for (const { state } of await keys()) states[state] = (states[state] ?? 0) + 1
    return states
  }
  /** As if so many seconds had passed since whatever happened to these keys. */
  const pass = (seconds: number) =>
    world.superuser(
      `update regent.signing_key set published_at = published_at - $2 * interval '1 s', may_sign_at = may_sign_at - $2 * interval '1 s',
         activated_at = activated_at - $2 * interval '1 s', retired_at = retired_at - $2 * interval '1 s'
       where workspace_id = $1`,
      [orders.workspace.id, seconds],
    )
  const jwks = async () => {
    const { body } = await orders.get(`${orders.path}/.well-known/jwks.json`).expect(200)
    return (body as { keys: { kid: Kid }[] }).keys.map(({ kid }) => kid).toSorted()
  }
  const entries = async () =>
    (await world.superuser<{ count: string }>('select count(*) from regent.change_feed')).rows[0]?.count

  it('are two at first: one that signs at once, and the next one, which waits for its lead', async () => {
    expect((await keys()).map(({ state, algorithm, wait }) => ({ state, algorithm, wait }))).toEqual([
      { state: 'active', algorithm: 'ES256', wait: 0 },
      { state: 'published', algorithm: 'ES256', wait: DAY + MAX_STALE },
    ])
    expect(await jwks()).toEqual((await keys()).map(({ kid }) => kid).toSorted())
  })

  it('rotate not a second before every verifier can have the next key, and then at once', async () => {
    const [active, published] = [await find('active'), await find('published')]
    await pass(DAY + MAX_STALE - 30)
    await expect(rotateKeys(needs, orders.workspace)).rejects.toMatchObject({
      reason: 'key_too_young',
      message: expect.stringMatching(/from \d{4}-\d\d-\d\dT/),
    })
    await pass(30)
    const { steps } = await rotateKeys(needs, orders.workspace)
    expect(steps.map((step) => step.do)).toEqual(['retire', 'activate', 'publish'])
    expect([await find('retired'), await find('active')]).toEqual([active, published])
    expect(await counted()).toEqual({ retired: 1, active: 1, published: 1 })
    expect(await jwks()).toHaveLength(3)
  })

  it('go on verifying for what hangs on them, and leave when nothing does; maintenance is idempotent', async () => {
    await pass(DAY + MAX_STALE)
    await rotateKeys(needs, orders.workspace)
    const retired = await find('retired')
    const hangs = MAX_STALE + 600 + 900 + 60
    await pass(hangs - 30)
    expect((await maintainKeys(needs, orders.workspace)).steps).toEqual([])
    expect(await jwks()).toContain(retired)
    await pass(30)
    expect((await maintainKeys(needs, orders.workspace)).steps).toEqual([{ do: 'remove', kid: retired }])
    expect(await jwks()).not.toContain(retired)
    expect(await find('gone')).toBe(retired)
    expect((await maintainKeys(needs, orders.workspace)).steps).toEqual([])
  })

  it('are replaced at once by a revocation, although the next key is too young', async () => {
    const [active, published] = [await find('active'), await find('published')]
    const { steps } = await revokeKey(needs, orders.workspace, active)
    expect(steps).toEqual([expect.objectContaining({ do: 'publish', activate: true })])
    expect(await counted()).toEqual({ revoked: 1, active: 1, published: 1 })
    expect(await find('published')).toBe(published)
    expect(await jwks()).toEqual([await find('active'), published].toSorted())
    const robot = await orders.client('robot')
    const token = await orders.token(robot).expect(200)
    const { protectedHeader } = await orders.verify((token.body as { access_token: string }).access_token)
    expect(protectedHeader.kid).toBe(await find('active'))
  })

  it('take over by a revocation when they are old enough', async () => {
    const published = await find('published')
    await pass(DAY + MAX_STALE)
    const { steps } = await revokeKey(needs, orders.workspace, await find('active'))
    expect(steps.map((step) => step.do)).toEqual(['activate', 'publish'])
    expect(await find('active')).toBe(published)
  })

  it('may be revoked in every public state, one after the other, and are always two again', async () => {
    await pass(DAY + MAX_STALE)
    await rotateKeys(needs, orders.workspace)
    for (const state of ['retired', 'published', 'active']) {
      const kid = await find(state)
      await revokeKey(needs, orders.workspace, kid)
      expect(await jwks()).not.toContain(kid)
    }
    expect(await counted()).toEqual({ revoked: 3, active: 1, published: 1 })
  })

  it('are not revoked twice, nor when they are gone, and nothing is written then', async () => {
    const first = await find('active')
    await pass(DAY + MAX_STALE)
    await rotateKeys(needs, orders.workspace)
    await pass(MAX_STALE + 600 + 900 + 60)
    await maintainKeys(needs, orders.workspace)
    const second = await find('active')
    await revokeKey(needs, orders.workspace, second)
    const before = [await keys(), await entries()].map((part) =>
      JSON.stringify(part).replaceAll(/"age":\d+/g, ''),
    )
    for (const kid of [first, second])
      await expect(revokeKey(needs, orders.workspace, kid)).rejects.toMatchObject({
        name: 'ChangeRefusal',
        reason: 'unknown_key',
      })
    const after = [await keys(), await entries()].map((part) =>
      JSON.stringify(part).replaceAll(/"age":\d+/g, ''),
    )
    expect(after).toEqual(before)
  })

  it('of another workspace are not revoked', async () => {
    const other = await world.workspace(`https://other-${count}.eu.token.example/orders`)
    await expect(revokeKey(other.change, other.workspace, await find('active'))).rejects.toMatchObject({
      reason: 'unknown_key',
    })
    await expect(
      revokeKey(needs, { ...orders.workspace, id: other.workspace.id }, await find('active')),
    ).rejects.toMatchObject({ reason: 'unknown_key' })
    expect(await counted()).toEqual({ active: 1, published: 1 })
  })

  it('are one active and one published, whoever rotates, revokes and maintains at once', async () => {
    await pass(DAY + MAX_STALE)
    const active = await find('active')
    const outcomes = await Promise.allSettled([
      ...Array.from({ length: 4 }, () => rotateKeys(needs, orders.workspace)),
      ...Array.from({ length: 3 }, () => maintainKeys(needs, orders.workspace)),
      ...Array.from({ length: 2 }, () => revokeKey(needs, orders.workspace, active)),
    ])
    const refused = outcomes.flatMap((outcome) =>
      outcome.status === 'rejected' ? [outcome.reason as unknown] : [],
    )
    for (const reason of refused)
      expect(reason).toMatchObject({ reason: expect.stringMatching(/^(?:key_too_young|unknown_key)$/) })
    expect(await counted()).toMatchObject({ active: 1, published: 1, revoked: 1 })
    expect((await maintainKeys(needs, orders.workspace)).steps).toEqual([])
  })

  it('stand in the audit trail by kid and step, without their private part', async () => {
    const kid = await find('active')
    await revokeKey(needs, orders.workspace, kid)
    const { rows } = await world.superuser(
      `select action, subject, details::text as details from regent.audit_event where tenant_id = $1 and action = 'keys_changed'`,
      [orders.workspace.tenant.id],
    )
    expect(rows).toEqual([
      { action: 'keys_changed', subject: kid, details: expect.stringContaining(`"revoked": "${kid}"`) },
    ])
    expect(rows[0]?.details).not.toMatch(/"d"|PRIVATE|sealed|x5c/)
  })

  describe('when a row was moved past all locks (T05, T55)', () => {
    const open = (workspace = orders.workspace) =>
      world.database.inTenant(workspace.tenant.id, async (connection) => {
        const all = await keyStore(connection, workspace.id).listKeysWithSecrets()
        const sealed = all.find(({ state }) => state === 'active')?.sealed
        if (sealed === undefined) throw new Error('nobody signs')
        const owner = {
          region: workspace.tenant.region,
          tenantId: workspace.tenant.id,
          workspaceId: workspace.id,
        }
        return needs.keyring.open(sealed, owner)
      })
    const NOT_OPENED = /unable to authenticate/

    it('opens where it was made', async () => {
      expect((await open()).kid).toBe(await find('active'))
    })

    it.each([
      ['another tenant', () => world.workspace(`https://thief-${count}.eu.token.example/orders`)],
      ['a tenant of another region', () => world.workspace(`https://keys-${count}.us.token.example/orders`)],
      ['another workspace', () => world.workspace(`https://keys-${count}.eu.token.example/other`)],
    ])('does not open for %s', async (_case, make) => {
      const thief = await make()
      await expect(open(thief.workspace)).resolves.toBeDefined()
      await world.superuser(
        `update regent.signing_key theirs set sealed_private_key = ours.sealed_private_key, kid = ours.kid, public_jwk = ours.public_jwk
         from regent.signing_key ours where theirs.state = 'active' and ours.state = 'active'
           and ours.tenant_id = $1 and ours.workspace_id = $2 and theirs.tenant_id = $3 and theirs.workspace_id = $4`,
        [orders.workspace.tenant.id, orders.workspace.id, thief.workspace.tenant.id, thief.workspace.id],
      )
      await expect(open(thief.workspace)).rejects.toThrow(NOT_OPENED)
      const robot = await thief.client('robot')
      await thief.token(robot).expect(500, /"server_error"/)
      await expect(open()).resolves.toBeDefined()
    })

    it('does not open under another kid, nor once two were exchanged', async () => {
      await world.superuser(
        `update regent.signing_key a set sealed_private_key = b.sealed_private_key from regent.signing_key b
         where a.tenant_id = $1 and b.tenant_id = $1 and a.kid <> b.kid`,
        [orders.workspace.tenant.id],
      )
      await expect(open()).rejects.toThrow(NOT_OPENED)
      await orders.token(await orders.client('robot')).expect(500, /"server_error"/)
    })
  })
})
