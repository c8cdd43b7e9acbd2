/** The benchmark of scale at a tiny size: it ends by itself with every figure, and its rows are those that `changes/` writes. */
import { Client } from 'pg'
import { measureScale } from '../../bench/scale/measure.ts'
import { MASTER_KEYS, plant } from '../../bench/scale/plant.ts'
import { ORIGIN, population } from '../../bench/scale/population.ts'
import { startCountingPostgres } from '../../bench/scale/postgres.ts'
import { scaleTable } from '../../bench/scale/report.ts'
import { RESOURCE, SCOPE } from '../../bench/token-request.ts'
import type { ChangeNeeds } from '../../src/changes/change.ts'
import { createClient } from '../../src/changes/client-changes.ts'
import { createResourceServer } from '../../src/changes/create-resource-server.ts'
import { createTenant } from '../../src/changes/create-tenant.ts'
import { createWorkspace } from '../../src/changes/create-workspace.ts'
import { createSecret } from '../../src/changes/credential-changes.ts'
import { grantScopes } from '../../src/changes/scope-changes.ts'
import type { ClientId } from '../../src/ids.ts'
import { keyring } from '../../src/keys/keyring.ts'
import { deriveKeys } from '../../src/sealing/derive.ts'
import { parseMasterKeys } from '../../src/sealing/master-keys.ts'
import { sealing } from '../../src/sealing/seal.ts'
import { openMigratedDatabase } from '../support/world.ts'

const TINY = {
  tenants: 4,
  clients: 120,
  warm: 60,
  cold: 10,
  starts: 0,
  rate: 50,
  steadySeconds: 1,
  afterSeconds: 4,
  rounds: 1,
  roundSeconds: 0.3,
  sweepSeconds: 30,
}

describe('npm run bench:scale', () => {
  it('measures everything, and every request of it got a token', async () => {
    const { url: server, stop } = await startCountingPostgres()
    const figures = await measureScale(TINY, {
      server,
      program: process.env.REGENT_TEST_PROGRAM ?? 'scripts/start.mjs',
      onProgress: () => {},
    }).finally(stop)
    expect(figures.stored).toMatchObject({ tenants: 4, workspaces: 12, clients: 120 })
    expect(figures.cold.unknownWorkspace.tokens).toBe(10)
    expect(figures.memory.after).toMatchObject({ clients: 60, workspaces: 6 })
    expect(figures.restart.steady.tokens).toBeGreaterThan(0)
    expect(figures.restart.tokensBySecond).toHaveLength(4)
    expect(figures.sweep).toMatchObject({ clients: 120, failed: {} })
    expect(figures.row.rows).toBeGreaterThan(120)
    expect(scaleTable(figures)).toContain('| sweep through all clients')
  }, 240_000)

  describe('its rows', () => {
    const TABLES = ['tenant', 'workspace', 'resource_server', 'scope', 'client', 'credential', 'scope_grant']
    const VARYING =
      /^(?:tenant|workspace|client|credential|resource_server)_id$|^(?:kid|slug|issuer|name|label|bcrypt_hash|created_by)$/
    let home: Awaited<ReturnType<typeof openMigratedDatabase>>
    let superuser: Client
    const who = population({ tenants: 2, clients: 12 })

    beforeAll(async () => {
      home = await openMigratedDatabase()
      superuser = new Client({ connectionString: home.urls.superuser })
      await superuser.connect()
      await plant(home.urls.superuser, who)
      await createOne()
    })
    afterAll(async () => {
      await superuser.end()
      await home.drop()
    })

    async function createOne() {
      const masterKeys = parseMasterKeys(MASTER_KEYS)
      if (typeof masterKeys === 'string') throw new Error(masterKeys)
      const needs: ChangeNeeds = {
        region: 'none',
        database: home.database,
        origin: ORIGIN,
        keyring: keyring(sealing(masterKeys)),
        bcryptCost: 4,
        digestKeys: deriveKeys(masterKeys, 'credential digest'),
        maxStale: 3600,
        actor: 'test',
      }
      const { tenant } = await createTenant(needs, { slug: 'changed' })
      const { workspace } = await createWorkspace(needs, tenant, { slug: 'w1' })
      const scopes = { [SCOPE]: 'read' }
      await createResourceServer(needs, workspace, { identifier: RESOURCE, name: 'API', scopes })
      const id = 'service' as ClientId
      await createClient(needs, workspace, { id, name: 'Service' })
      await grantScopes(needs, workspace, id, [SCOPE])
      await createSecret(needs, workspace, id)
    }

    /** A row as it would look for anybody; not of the built-in workspace, which planted tenants lack. */
    async function shapes(table: string, tenant: string, more = '') {
      const ordinary =
        table === 'tenant'
          ? ''
          : `and workspace_id in (select workspace_id from regent.workspace where not built_in)`
      const { rows } = await superuser.query<Record<string, unknown>>(
        `select ${table}.* from regent.${table} join regent.tenant owner using (tenant_id) where owner.slug = $1 ${ordinary} ${more}`,
        [tenant],
      )
      return rows.map((row) =>
        Object.entries(row).map(([column, value]) => [
          column,
          VARYING.test(column) ? 'varies' : shape(value),
        ]),
      )
    }
    const shape = (value: unknown) => {
      if (value instanceof Date) return 'a time'
      if (value instanceof Buffer) return `${value.length} bytes`
      return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.keys(value) : value
    }

    it.each(TABLES)('are those of changes/: %s', async (table) => {
      const [changed] = await shapes(table, 'changed')
      const planted = await shapes(table, who.tenant(1).slug)
      expect(changed).toBeDefined()
      for (const row of planted) expect(row).toEqual(changed)
    })

    it('are those of changes/: signing_key, one active and the next', async () => {
      const [active, next] = await shapes('signing_key', 'changed', 'order by state')
      const planted = await shapes('signing_key', who.tenant(0).slug, 'order by state')
      expect(planted).toEqual([active, active, active, next, next, next])
    })
  })
})
