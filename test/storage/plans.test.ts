/** What is asked for each client that a node has not seen is planned once, not each time: planning costs more than asking. */
import type { Pool } from 'pg'
import { knownClientStore } from '../../src/clients/known-client-store.ts'
import type { ClientId, TenantId, WorkspaceId } from '../../src/ids.ts'
import { openPostgres } from '../../src/storage/open-postgres.ts'
import { database } from '../../src/storage/transaction.ts'
import { LIMITS, openMigratedDatabase } from '../support/world.ts'

const TENANT = '00000000-0000-4000-8000-000000000001' as TenantId
const WORKSPACE = '00000000-0000-4000-8000-000000000002' as WorkspaceId

describe('plans of readings', () => {
  let home: Awaited<ReturnType<typeof openMigratedDatabase>>
  let pool: Pool

  beforeAll(async () => {
    home = await openMigratedDatabase()
    const settings = { url: home.urls.login, variable: 'DATABASE_URL', connections: 1, connectTimeout: 5000 }
    pool = await openPostgres(settings)
  })
  afterAll(async () => {
    await pool.end()
    await home.drop()
  })

  it('are made for any number of names at once', async () => {
    const reads = database(pool, LIMITS, { readOnly: true, prepare: true })
    for (let count = 1; count <= 20; count += 1) {
      const ids = Array.from({ length: count }, (_, index) => `client-${index}` as ClientId)
      await reads.inTenant(TENANT, (connection) => knownClientStore(connection, WORKSPACE).findClients(ids))
    }
    const { rows } = await pool.query<{ statement: string; custom: string; generic: string }>(
      `select statement, custom_plans as custom, generic_plans as generic from pg_prepared_statements`,
    )
    expect(rows.map(({ custom, generic }) => [custom, generic])).toEqual([
      ['0', '20'],
      ['0', '20'],
      ['0', '20'],
    ])
  })
})
