import { sql } from 'kysely'
import { Client } from 'pg'
import { migrations, type RegentMigration } from '../../migrations/index.ts'
import { migrateDown, migrateUp, migrationStatus } from '../../src/storage/migrate.ts'
import { openAdminSession, type AdminSession } from '../../src/storage/open-admin.ts'
import { openPostgres } from '../../src/storage/open-postgres.ts'
import { requireSchema } from '../../src/storage/requirements.ts'
import { createRoles, printRoles, requireHarmlessLogin } from '../../src/storage/roles.ts'
import { database } from '../../src/storage/transaction.ts'
import { createDatabase } from '../support/postgres.ts'
import { LIMITS } from '../support/world.ts'

const NAMES = Object.keys(migrations)

const before = (name: string) => Object.fromEntries(Object.entries(migrations).filter(([own]) => own < name))

describe('migrations', () => {
  let home: Awaited<ReturnType<typeof createDatabase>>
  let session: AdminSession
  let superuser: Client

  beforeEach(async () => {
    home = await createDatabase()
    session = await openAdminSession(home.adminUrl, 'DATABASE_ADMIN_URL')
    superuser = new Client({ connectionString: home.superuserUrl })
    await superuser.connect()
    await createRoles(session.client, new URL(home.url).username)
  })
  afterEach(async () => {
    await superuser.end()
    await session.close()
    await home.drop()
  })

  const up = (known?: Record<string, RegentMigration>, regions = ['eu']) =>
    migrateUp({ client: session.client, ...(known && { migrations: known }) }, regions)

  const TENANT = '00000000-0000-4000-8000-000000000001'
  const insertRows = () =>
    superuser.query(`
      insert into regent.tenant (tenant_id, region, slug) values ('${TENANT}', 'eu', 'acme');
      insert into regent.workspace (tenant_id, workspace_id, slug, issuer, access_token_lifetime, jwks_max_age, signing_lead,
        chosen_secrets, audience_parameter) values ('${TENANT}', '${TENANT}', 'orders', 'https://a.example/a/o', 600, 900, 86400, false, false)`)

  it('run once each, in order, as a login that is no superuser, and stamp the regions', async () => {
    expect(await migrationStatus({ client: session.client })).toEqual({
      applied: [],
      pending: NAMES,
      unknown: [],
      regions: [],
    })
    expect(await up()).toEqual(NAMES.map((name) => ({ name, direction: 'up' })))
    expect(await up(undefined, ['us'])).toEqual([])
    expect(await migrationStatus({ client: session.client })).toEqual({
      applied: NAMES,
      pending: [],
      unknown: [],
      regions: ['eu', 'us'],
    })
    const { rows } = await superuser.query(
      `select distinct tableowner as owner from pg_tables where schemaname = 'regent'`,
    )
    expect(rows).toEqual([{ owner: 'regent_owner' }])
  })

  it('keep the rows that were written before, one migration after the other, up and down', async () => {
    const [first = ''] = NAMES
    const { [first]: foundation } = migrations
    await up(foundation && { [first]: foundation })
    await insertRows()
    await up()
    const { rows } = await superuser.query(`select slug, signing_algorithm from regent.workspace`)
    expect(rows).toEqual([{ slug: 'orders', signing_algorithm: 'ES256' }])
    for (const name of NAMES.slice(1).toReversed()) {
      expect(await migrateDown({ client: session.client })).toEqual([{ name, direction: 'down' }])
    }
    expect((await superuser.query(`select slug from regent.workspace`)).rows).toEqual([{ slug: 'orders' }])
    await up()
    expect((await superuser.query(`select slug from regent.workspace`)).rows).toEqual([{ slug: 'orders' }])
  })

  it('0013 gives the built-in workspaces that there are their new scope, of all tenants, and no other', async () => {
    await up(before('0013-import-scope'))
    const other = TENANT.replace(/1$/, '2')
    for (const tenant of [TENANT, other])
      for (const [workspace, slug, builtIn] of [
        [TENANT, 'admin', true],
        [other, 'shop', false],
      ])
        await superuser.query(`
          insert into regent.tenant (tenant_id, region, slug) values ('${tenant}', 'eu', 'of-${tenant}') on conflict do nothing;
          insert into regent.workspace (tenant_id, workspace_id, slug, issuer, access_token_lifetime, jwks_max_age,
            signing_lead, chosen_secrets, audience_parameter, built_in)
            values ('${tenant}', '${workspace}', '${slug}', 'https://a.example/${tenant}/${slug}', 600, 900, 86400, false, false, ${builtIn});
          insert into regent.resource_server (tenant_id, workspace_id, resource_server_id, identifier, name)
            values ('${tenant}', '${workspace}', '${tenant}', 'https://a.example', 'Administration');
          insert into regent.scope (tenant_id, workspace_id, scope_token, resource_server_id, description)
            values ('${tenant}', '${workspace}', 'credentials:write', '${tenant}', '')`)
    await up()
    const found = async () =>
      (
        await superuser.query(
          `select tenant_id, workspace_id from regent.scope where scope_token = 'credentials:import' order by 1`,
        )
      ).rows
    expect(await found()).toEqual([
      { tenant_id: TENANT, workspace_id: TENANT },
      { tenant_id: other, workspace_id: TENANT },
    ])
    await migrateDown({ client: session.client })
    expect(await found()).toEqual([])
  })

  it('can fill in rows of all tenants, as the owner; anybody else would silently touch none', async () => {
    await up()
    await insertRows()
    const update = `update regent.workspace set jwks_max_age = 60`
    await superuser.query('begin; set local role regent_runtime')
    expect((await superuser.query(update)).rowCount).toBe(0)
    await superuser.query('rollback')
    const counts: unknown[] = []
    const backfill: RegentMigration = {
      up: async (db) => void counts.push((await sql.raw(update).execute(db)).numAffectedRows),
    }
    await up({ ...migrations, '9999-backfill': backfill })
    expect(counts).toEqual([1n])
  })

  it('leave nothing behind when they fail', async () => {
    const failing: RegentMigration = {
      async up(db) {
        await sql`create table regent.half (id integer)`.execute(db)
        await sql`select 1/0`.execute(db)
      },
    }
    await expect(up({ ...migrations, '9999-failing': failing })).rejects.toMatchObject({ code: '22012' })
    expect((await superuser.query(`select to_regclass('regent.half') as half`)).rows).toEqual([
      { half: null },
    ])
    expect((await migrationStatus({ client: session.client })).applied).toEqual(NAMES)
  })

  it('wait for who holds a table, let others through meanwhile, and go on', async () => {
    await up()
    await superuser.query('begin; select 1 from regent.tenant')
    const altering: RegentMigration = {
      up: async (db) => void (await sql`alter table regent.tenant add column x integer`.execute(db)),
    }
    const done = up({ ...migrations, '9999-altering': altering })
    await new Promise((resolve) => setTimeout(resolve, 4000))
    await superuser.query('commit')
    expect(await done).toEqual([{ name: '9999-altering', direction: 'up' }])
  }, 30_000)

  it.each([1, 2])(
    'survive ten migrators at once on %s databases of a cluster (T70)',
    async (count) => {
      const homes = [home, ...(await Promise.all(Array.from({ length: count - 1 }, () => createDatabase())))]
      const runs = await Promise.all(
        Array.from({ length: 10 }, async (_, index) => {
          const own = homes[index % count] ?? home
          const admin = await openAdminSession(own.adminUrl, 'DATABASE_ADMIN_URL')
          try {
            await createRoles(admin.client, new URL(own.url).username)
            return await migrateUp({ client: admin.client }, ['eu'])
          } finally {
            await admin.close()
          }
        }),
      )
      expect(runs.flat()).toHaveLength(NAMES.length * count)
      for (const own of homes.slice(1)) await own.drop()
    },
    60_000,
  )

  describe('a server', () => {
    const required = async (regions = ['eu'], url = home.url) => {
      const pool = await openPostgres({
        url,
        variable: 'DATABASE_URL_EU',
        connections: 1,
        connectTimeout: 5000,
      })
      return requireSchema(database(pool, LIMITS), regions, 'DATABASE_URL_EU').finally(() => pool.end())
    }

    it('refuses a database without a schema, and one that is older than itself', async () => {
      await expect(required()).rejects.toThrow(
        /DATABASE_URL_EU has no schema.*run 'regent migrate roles' and 'regent migrate up'/,
      )
      const [first = ''] = NAMES
      const { [first]: foundation } = migrations
      await up(foundation && { [first]: foundation })
      await expect(required()).rejects.toThrow(
        `${NAMES.slice(1).join(', ')} is missing): run 'regent migrate up'`,
      )
    })

    it('starts beside a newer migration, unless that one breaks it', async () => {
      const nothing = async () => {}
      await up({ ...migrations, '9998-harmless': { up: nothing } })
      await expect(required()).resolves.toBeUndefined()
      await up({
        ...migrations,
        '9998-harmless': { up: nothing },
        '9999-breaking': { up: nothing, breaking: true },
      })
      await expect(required()).rejects.toThrow(/newer Regent.*9999-breaking/)
    })

    it('refuses a region that the database is not stamped for', async () => {
      await up()
      await expect(required(['eu', 'us'])).rejects.toThrow(
        /not stamped for region us but for eu.*migrate up --regions us/,
      )
    })

    it('takes a login that inherits nothing, warns of a superuser, and refuses one that inherits or may do nothing', async () => {
      await up()
      const check = async (url: string) => {
        const pool = await openPostgres({
          url,
          variable: 'DATABASE_URL',
          connections: 1,
          connectTimeout: 5000,
        })
        const client = await pool.connect()
        return requireHarmlessLogin(client).finally(async () => {
          client.release()
          await pool.end()
        })
      }
      expect(await check(home.url)).toBeUndefined()
      expect(await check(home.superuserUrl)).toMatch(/is a superuser/)
      await superuser.query(
        `do $$ begin create role regent_test_heir login inherit; exception when duplicate_object then null; end $$`,
      )
      const heir = home.superuserUrl.replace('//postgres@', '//regent_test_heir@')
      await superuser.query('revoke regent_runtime, regent_operator from regent_test_heir')
      await expect(check(heir)).rejects.toThrow(/may not act as regent_runtime: run 'regent migrate roles'/)
      await superuser.query('grant regent_runtime, regent_operator to regent_test_heir')
      await expect(check(heir)).rejects.toThrow(/inherits the rights of regent_runtime: make it NOINHERIT/)
    })
  })

  it('have roles whose printed SQL a database administrator can run', async () => {
    const printed = printRoles('regent_test_migrator', 'regent_test_login')
    const statements = printed.split('\n').filter((line) => /^(?:create role|grant)/.test(line))
    expect(statements).toHaveLength(6)
    for (const statement of statements.filter((line) => line.startsWith('grant')))
      await superuser.query(statement)
  })

  it.each([
    [
      'a server that is not there',
      () => 'postgres://x@127.0.0.1:1/x',
      /DATABASE_ADMIN_URL cannot be used \(.*ECONNREFUSED/,
    ],
    [
      'a database that is not there',
      () => home.adminUrl.replace(/[^/]*$/, 'nowhere'),
      /"nowhere" does not exist/,
    ],
    [
      'a login that is not there',
      () => home.adminUrl.replace(/\/\/[^@]*@/, '//nobody@'),
      /"nobody" does not exist/,
    ],
  ])('name the variable and the cause for %s', async (_case, url, sentence) => {
    await expect(openAdminSession(url(), 'DATABASE_ADMIN_URL')).rejects.toThrow(sentence)
  })
})
