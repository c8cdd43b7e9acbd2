/** What deleted tenants and workspaces had is taken away: all of it, theirs alone, in small steps, while others get tokens. */
import { createTenant } from '../../src/changes/create-tenant.ts'
import { createWorkspace } from '../../src/changes/create-workspace.ts'
import { removeDeleted } from '../../src/changes/remove-deleted.ts'
import { deleteTenant } from '../../src/changes/tenant-changes.ts'
import { verifyAudit } from '../../src/changes/verify-audit.ts'
import { setWorkspaceState } from '../../src/changes/workspace-changes.ts'
import { removeWhatWasDeleted } from '../../src/chores/remove-deleted.ts'
import type { Observation } from '../../src/observe/observation.ts'
import type { Tenant } from '../../src/tenancy/tenant.ts'
import { openWorld, type World, type WorldWorkspace } from '../support/world.ts'

/** What is taken away, and what stays. */
const TAKEN =
  'client credential scope_grant credential_use scope resource_server signing_key issuance_count tombstone'.split(
    ' ',
  )
const CLIENTS = 60

describe('what was deleted', () => {
  let world: World
  let living: WorldWorkspace
  beforeAll(async () => {
    world = await openWorld()
    living = await world.workspace('https://living.eu.token.example/shop')
  })
  afterAll(() => world.close())

  const needs = () => ({ ...world.needs('eu'), actor: 'chore' })
  const count = async (table: string, { id }: Tenant) => {
    const { rows } = await world.superuser<{ n: string }>(
      `select count(*) as n from regent.${table} where tenant_id = $1`,
      [id],
    )
    return Number(rows[0]?.n)
  }
  const counts = async (tenant: Tenant, tables = TAKEN) => {
    const all: Record<string, number> = {}
    for (const table of tables) all[table] = await count(table, tenant)
    return all
  }
  const dump = async ({ id }: Tenant) => {
    const texts: string[] = []
    for (const table of [...TAKEN, 'workspace', 'audit_event']) {
      const { rows } = await world.superuser<{ row: string }>(
        `select to_jsonb(t)::text as row from regent.${table} t where tenant_id = $1 order by 1`,
        [id],
      )
      texts.push(...rows.map(({ row }) => `${table} ${row}`))
    }
    return texts
  }
  /** A tenant with something in each table. */
  const furnished = async (slug: string) => {
    const shop = await world.workspace(`https://${slug}.eu.token.example/shop`)
    await shop.token(await shop.client('robot')).expect(200)
    await world.superuser(
      `insert into regent.client select (jsonb_populate_record(null::regent.client, to_jsonb(c) || jsonb_build_object('client_id', 'c' || n))).*
         from regent.client c, generate_series(1, ${CLIENTS}) n where tenant_id = $1 and client_id = 'robot'`,
      [shop.workspace.tenant.id],
    )
    for (const table of ['credential', 'scope_grant'])
      await world.superuser(
        `insert into regent.${table} select (jsonb_populate_record(null::regent.${table}, to_jsonb(c) || jsonb_build_object('client_id', 'c' || n))).*
           from regent.${table} c, generate_series(1, ${CLIENTS}) n where tenant_id = $1 and client_id = 'robot'`,
        [shop.workspace.tenant.id],
      )
    for (const statement of [
      `insert into regent.credential_use select tenant_id, workspace_id, client_id, credential_id, now(), 1
         from regent.credential where tenant_id = $1`,
      `insert into regent.issuance_count select tenant_id, workspace_id, client_id, now(), 1
         from regent.client where tenant_id = $1`,
      `insert into regent.tombstone select 'eu', tenant_id, workspace_id, 'client', 'bygone'
         from regent.workspace where tenant_id = $1 and slug = 'shop'`,
      `insert into regent.issuance select tenant_id, workspace_id, now(), 1, 'jti', client_id, credential_id, 'read', 'x', 'x', 'x', 'issued'
         from regent.credential where tenant_id = $1 and client_id = 'robot'`,
    ])
      await world.superuser(statement, [shop.workspace.tenant.id])
    return shop
  }
  const gone = async (slug: string, since = '2 hours') => {
    const shop = await furnished(slug)
    const { tenant } = shop.workspace
    await deleteTenant(needs(), tenant, 0)
    await world.superuser(
      `update regent.tenant set gone_at = now() - interval '${since}' where tenant_id = $1`,
      [tenant.id],
    )
    return shop
  }

  it('is all taken away, and its name, its audit trail and its issuance log stay', async () => {
    const { tenant } = (await gone('acme')).workspace
    expect(Object.entries(await counts(tenant)).filter(([, n]) => n === 0)).toEqual([])
    const others = await dump(living.workspace.tenant)
    const seen: Observation[] = []
    await removeWhatWasDeleted(needs(), (observation) => void seen.push(observation))
    expect(Object.values(await counts(tenant))).toEqual(TAKEN.map(() => 0))
    expect(await counts(tenant, ['workspace', 'issuance'])).toEqual({ workspace: 2, issuance: 1 })
    expect(await dump(living.workspace.tenant)).toEqual(others)
    expect(seen).toEqual([
      { type: 'workspace_emptied', issuer: expect.stringMatching(/acme/), rows: expect.any(Number) },
      { type: 'workspace_emptied', issuer: expect.stringMatching(/acme/), rows: expect.any(Number) },
    ])
    const { faults, events } = await verifyAudit(world.database, needs().keyring, tenant)
    expect([faults, events]).toEqual([[], await count('audit_event', tenant)])
    await expect(createTenant(needs(), { slug: 'acme' })).rejects.toMatchObject({ reason: 'name_taken' })
    // It is not looked at again.
    expect(await removeDeleted(needs(), { onEmptied: fail })).toBe(0)
    expect(await count('audit_event', tenant)).toBe(events)
  })

  it.each(['50 minutes', '-1 day'])('stays while its tenant is gone for %s', async (since) => {
    const { tenant, id } = (await gone(`early-${since.replaceAll(/\W/g, '')}`, since)).workspace
    const before = await dump(tenant)
    expect(await removeDeleted(needs(), { onEmptied: fail })).toBe(0)
    // Whoever asks the database for it itself is told the same.
    const asked = await world.superuser(`select regent.remove_rows($1, $2, 100) as removed`, [tenant.id, id])
    expect(asked.rows).toEqual([{ removed: null }])
    expect(await dump(tenant)).toEqual(before)
  })

  it('goes with a workspace, whose tenant keeps what it has besides, and whose name stays taken', async () => {
    const shop = await furnished('keeper')
    const other = await world.workspace('https://keeper.eu.token.example/other')
    const robot = await other.client('robot')
    await setWorkspaceState(needs(), shop.workspace, 'deleted')
    expect(await removeDeleted(needs(), { onEmptied: fail })).toBe(0)
    await world.superuser(
      `update regent.workspace set deleted_at = deleted_at - interval '2 hours' where workspace_id = $1`,
      [shop.workspace.id],
    )
    const emptied: string[] = []
    await removeDeleted(needs(), { onEmptied: ({ slug }) => void emptied.push(slug) })
    expect(emptied).toEqual(['shop'])
    const { rows } = await world.superuser(
      `select client_id from regent.client where tenant_id = $1 and workspace_id = $2`,
      [shop.workspace.tenant.id, shop.workspace.id],
    )
    expect(rows).toEqual([])
    await other.token(robot).expect(200)
    await expect(createWorkspace(needs(), shop.workspace.tenant, { slug: 'shop' })).rejects.toMatchObject({
      reason: 'name_taken',
    })
  })

  it('goes in steps of a batch each, and whoever comes after one that was stopped goes on', async () => {
    const { tenant } = (await gone('steps')).workspace
    // Uses go with their credentials.
    const rows = async () => {
      const { credential_use: _, ...own } = await counts(tenant)
      return Object.values(own).reduce((sum, n) => sum + n, 0)
    }
    const before = await rows()
    await removeDeleted(needs(), { batch: 10, most: 2, onEmptied: () => {} })
    const after = await rows()
    expect(after).toBeLessThan(before)
    expect(after).toBeGreaterThanOrEqual(before - 20)
    await removeDeleted(needs(), { batch: 10, onEmptied: () => {} })
    expect(Object.values(await counts(tenant))).toEqual(TAKEN.map(() => 0))
  })

  it('survives a node that is killed in the middle of a step: nothing of the step is done, and the next one goes on', async () => {
    const { tenant } = (await gone('killed')).workspace
    const before = await dump(tenant)
    // The step waits for a row that somebody holds, and is killed there.
    await world.whileLocked('regent.scope_grant', async () => {
      const stopped = removeDeleted(needs(), { onEmptied: fail }).catch((error: Error) => error)
      let killed = 0
      while (killed === 0) {
        const { rows } = await world.superuser(
          `select pg_terminate_backend(pid) from pg_stat_activity where query like '%remove_rows%' and wait_event_type = 'Lock'`,
        )
        killed = rows.length
      }
      expect(await stopped).toBeInstanceOf(Error)
    })
    // The credentials of the steps before it are gone, and what the trail says is as it was.
    expect((await dump(tenant)).filter((row) => row.startsWith('client '))).toEqual(
      before.filter((row) => row.startsWith('client ')),
    )
    expect((await dump(tenant)).filter((row) => row.startsWith('audit_event '))).toEqual(
      before.filter((row) => row.startsWith('audit_event ')),
    )
    await removeDeleted(needs(), { onEmptied: () => {} })
    expect(Object.values(await counts(tenant))).toEqual(TAKEN.map(() => 0))
  })

  it('is taken away once, by however many nodes, while the others get their tokens', async () => {
    const tenants = [await gone('crowd-1'), await gone('crowd-2')].map(({ workspace }) => workspace.tenant)
    const robot = await living.client('robot')
    const emptied: string[] = []
    const noted = ({ issuer }: { issuer: string }) =>
      issuer.includes('crowd') ? void emptied.push(issuer) : undefined
    const ended = new AbortController()
    const load = async (stop: AbortSignal) => {
      let answered = 0
      for (; !stop.aborted; answered++) await living.token(robot).expect(200)
      return answered
    }
    const tokens = load(ended.signal)
    await Promise.all(Array.from({ length: 3 }, () => removeDeleted(needs(), { batch: 7, onEmptied: noted })))
    // What two of them looked at in the same moment was left to one of them.
    await removeDeleted(needs(), { onEmptied: noted })
    ended.abort()
    expect(await tokens).toBeGreaterThan(0)
    for (const tenant of tenants) {
      expect(Object.values(await counts(tenant))).toEqual(TAKEN.map(() => 0))
      const { faults } = await verifyAudit(world.database, needs().keyring, tenant)
      expect(faults).toEqual([])
    }
    expect(emptied.toSorted()).toEqual([...new Set(emptied)].toSorted())
    expect(emptied).toHaveLength(4)
  })
})

function fail(): void {
  throw new Error('nothing was to be emptied')
}
