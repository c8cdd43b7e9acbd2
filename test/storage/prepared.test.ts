/** Statements that are prepared under a name: planned once for each connection, and anew when a table was altered. */
import { Client } from 'pg'
import { openPostgres } from '../../src/storage/open-postgres.ts'
import { database } from '../../src/storage/transaction.ts'
import { LIMITS, openMigratedDatabase } from '../support/world.ts'

describe('prepared statements', () => {
  let home: Awaited<ReturnType<typeof openMigratedDatabase>>
  let pool: Awaited<ReturnType<typeof openPostgres>>
  let superuser: Client

  beforeEach(async () => {
    home = await openMigratedDatabase()
    pool = await openPostgres({
      url: home.urls.login,
      variable: 'DATABASE_URL',
      connections: 1,
      connectTimeout: 5000,
    })
    superuser = new Client({ connectionString: home.urls.superuser })
    await superuser.connect()
  })
  afterEach(async () => {
    await superuser.end()
    await pool.end()
    await home.drop()
  })

  const names = async () =>
    (await pool.query<{ name: string }>(`select name from pg_prepared_statements where name like 'regent%'`))
      .rows.length
  const regions = (prepare: boolean) => {
    const one = database(pool, LIMITS, { prepare })
    return () =>
      one.asOperator(({ db }) => db.selectFrom('change_counter').select(['region', 'number']).execute())
  }

  it('are prepared once for a connection, and not at all where a pooler does not know them', async () => {
    const ask = regions(false)
    await ask()
    expect(await names()).toBe(0)
    const prepared = regions(true)
    for (let n = 0; n < 3; n++) expect(await prepared()).toHaveLength(4)
    expect(await names()).toBe(1)
  })

  it('survive a column that a later release adds', async () => {
    const ask = regions(true)
    await ask()
    await superuser.query('alter table regent.change_counter add column later text')
    expect(await ask()).toHaveLength(4)
  })

  it('survive a column whose type changes (0A000): asked again on another connection', async () => {
    const ask = regions(true)
    await ask()
    await superuser.query('alter table regent.change_counter alter column number type numeric')
    expect(await ask()).toHaveLength(4)
    expect(await ask()).toHaveLength(4)
  })
})
