/** Migrators among others: newer and older ones, fresh clusters, locked tables, connections that break. */
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { sql } from 'kysely'
import { Client } from 'pg'
import { migrations, type RegentMigration } from '../../migrations/index.ts'
import { migrateDown, migrateUp, migrationStatus, type MigrationRun } from '../../src/storage/migrate.ts'
import { openAdminSession, type AdminSession } from '../../src/storage/open-admin.ts'
import { OperatorError } from '../../src/storage/operator-error.ts'
import { createRoles, printRoles, requireHarmlessLogin } from '../../src/storage/roles.ts'
import { isUnavailable } from '../../src/storage/transaction.ts'
import { createDatabase, startPostgres, type TestServer } from '../support/postgres.ts'

const NAMES = Object.keys(migrations)
const nothing = async () => {}

async function refusal(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error instanceof OperatorError) return error.message
  throw new Error('was not refused by an OperatorError', { cause: error })
}

async function ask(url: string, text: string) {
  const client = new Client({ connectionString: url })
  await client.connect()
  return client.query<Record<string, unknown>>(text).finally(() => client.end())
}

describe('a migrator', () => {
  let home: Awaited<ReturnType<typeof createDatabase>>
  let session: AdminSession

  beforeEach(async () => {
    home = await createDatabase()
    session = await openAdminSession(home.adminUrl, 'DATABASE_ADMIN_URL')
    await createRoles(session.client, new URL(home.url).username)
  })
  afterEach(async () => {
    await session.close()
    await home.drop()
  })

  const migrate = (added: Record<string, RegentMigration> = {}, onStep?: (run: MigrationRun) => void) =>
    migrateUp(
      { client: session.client, migrations: { ...migrations, ...added }, ...(onStep && { onStep }) },
      ['eu'],
    )

  it('says what it will run before it runs it, and acts as the login again afterwards', async () => {
    const told: string[] = []
    await migrate({}, ({ name, direction }) => told.push(`${direction} ${name}`))
    expect(told).toEqual(NAMES.map((name) => `up ${name}`))
    const { rows } = await session.client.query('select current_user as who')
    expect(rows).toEqual([{ who: 'regent_test_migrator' }])
  })

  it('undoes everything, one by one, and can do all of it again', async () => {
    await migrate()
    for (const name of NAMES.toReversed())
      expect(await migrateDown({ client: session.client })).toEqual([{ name, direction: 'down' }])
    expect(await migrateDown({ client: session.client })).toEqual([])
    const left = await ask(
      home.superuserUrl,
      `select relname from pg_class where relnamespace = 'regent'::regnamespace and relkind <> 'i' order by 1`,
    )
    expect(left.rows).toEqual([{ relname: 'migration' }, { relname: 'migration_lock' }])
    expect(await migrationStatus({ client: session.client })).toMatchObject({ applied: [], regions: [] })
    expect(await migrate()).toHaveLength(NAMES.length)
  })

  it('leaves a row of a breaking migration, and takes it away with it', async () => {
    const breaking = async () =>
      (await ask(home.superuserUrl, 'select name from regent.breaking_migration')).rows.map(
        ({ name }) => name,
      )
    const added: Record<string, RegentMigration> = {
      '9999-breaking': { up: nothing, down: nothing, breaking: true },
    }
    await migrate(added)
    expect(await breaking()).toEqual(['9999-breaking'])
    await migrateDown({ client: session.client, migrations: { ...migrations, ...added } })
    expect(await breaking()).toEqual([])
  })

  it('leaves the table as it was when a step fails after another has succeeded', async () => {
    const added: Record<string, RegentMigration> = {
      '9998-good': { up: async (db) => void (await sql`create table regent.good (id integer)`.execute(db)) },
      '9999-bad': {
        async up(db) {
          await sql`insert into regent.database_region values ('us')`.execute(db)
          throw new Error('the row count is not what it should be')
        },
        breaking: true,
      },
    }
    await expect(migrate(added)).rejects.toThrow('the row count is not')
    const { rows } = await ask(
      home.superuserUrl,
      `select to_regclass('regent.good') is not null as good, (select count(*)::int from regent.database_region) as regions,
         (select count(*)::int from regent.breaking_migration) as breaking`,
    )
    expect(rows).toEqual([{ good: true, regions: 0, breaking: 0 }])
    expect(
      await migrationStatus({ client: session.client, migrations: { ...migrations, ...added } }),
    ).toMatchObject({
      applied: [...NAMES, '9998-good'],
      pending: ['9999-bad'],
    })
  })

  it('fills in the rows of all tenants, and finds by a constraint when row-level security hid them', async () => {
    await migrate()
    for (const digit of [1, 2]) {
      const id = `00000000-0000-4000-8000-00000000000${digit}`
      await ask(
        home.superuserUrl,
        `insert into regent.tenant (tenant_id, region, slug) values ('${id}', 'eu', 'tenant-${digit}');
         insert into regent.workspace (tenant_id, workspace_id, slug, issuer, access_token_lifetime, jwks_max_age, signing_lead,
           chosen_secrets, audience_parameter) values ('${id}', '${id}', 'orders', 'https://x.example/a/o', 600, 900, 86400, false, false)`,
      )
    }
    const counts: unknown[] = []
    const backfill = (before: string): RegentMigration => ({
      async up(db) {
        await sql.raw(before).execute(db)
        await sql`alter table regent.workspace add column colour text`.execute(db)
        const { numAffectedRows } = await sql`update regent.workspace set colour = 'red'`.execute(db)
        counts.push(numAffectedRows)
        await sql`alter table regent.workspace alter column colour set not null`.execute(db)
      },
    })
    // As whoever has no policy: the update succeeds, and touches nothing.
    const hidden = { '9998-colour': backfill('drop policy regent_owner on regent.workspace') }
    await expect(migrate(hidden)).rejects.toMatchObject({ code: '23502' })
    await migrate({ '9998-colour': backfill('select 1') })
    expect(counts).toEqual([0n, 2n])
    const { rows } = await ask(home.superuserUrl, 'select distinct colour from regent.workspace')
    expect(rows).toEqual([{ colour: 'red' }])
  })

  it('of an older Regent stamps beside a newer schema, and runs and undoes nothing of it', async () => {
    await migrate({ '9999-newer': { up: nothing, down: nothing } })
    expect(await migrateUp({ client: session.client }, ['us'])).toEqual([])
    expect(await migrationStatus({ client: session.client })).toEqual({
      applied: [...NAMES, '9999-newer'],
      pending: [],
      unknown: ['9999-newer'],
      regions: ['eu', 'us'],
    })
    expect(await refusal(migrateDown({ client: session.client }))).toMatch(/9999-newer.*newer Regent/)
    const behind = { '9998-between': { up: nothing } }
    expect(
      await refusal(migrateUp({ client: session.client, migrations: { ...migrations, ...behind } }, ['eu'])),
    ).toMatch(/9999-newer.*newer Regent/)
  })

  it('that is killed in the middle of a migration leaves nothing of it, and holds up nobody', async () => {
    const slow: RegentMigration = {
      async up(db) {
        await sql`create table regent.half (id integer)`.execute(db)
        await sql`select pg_sleep(20)`.execute(db)
      },
    }
    await migrate()
    const { rows } = await session.client.query<{ pid: number }>('select pg_backend_pid() as pid')
    const killed = migrate({ '9999-slow': slow }).catch((error: unknown) => error)
    await new Promise((resolve) => setTimeout(resolve, 300))
    await ask(home.superuserUrl, `select pg_terminate_backend(${rows[0]?.pid})`)
    expect(isUnavailable(await killed)).toBe(true)
    await session.close()
    session = await openAdminSession(home.adminUrl, 'DATABASE_ADMIN_URL')
    expect((await ask(home.superuserUrl, `select to_regclass('regent.half') as half`)).rows).toEqual([
      { half: null },
    ])
    expect(await migrate({ '9999-slow': { up: nothing } })).toHaveLength(1)
  })

  it('lets others through while it waits for a table, and leaves the row of nobody locked', async () => {
    await migrate()
    const reader = new Client({ connectionString: home.superuserUrl })
    await reader.connect()
    await reader.query('begin; select 1 from regent.tenant')
    const altering = migrate({
      '9999-altering': {
        up: async (db) => void (await sql`alter table regent.tenant add column x integer`.execute(db)),
      },
    })
    // Whoever comes now stands behind the migration, for its lock timeout and no longer.
    const started = Date.now()
    await ask(home.superuserUrl, 'select 1 from regent.tenant')
    expect(Date.now() - started).toBeLessThan(3900)
    await reader.query('commit')
    await reader.end()
    expect(await altering).toEqual([{ name: '9999-altering', direction: 'up' }])
  })

  it('names the roles first, then the right to make the schema, when either is missing', async () => {
    const other = await createDatabase()
    const schemaless = await openAdminSession(other.url, 'DATABASE_ADMIN_URL')
    expect(await refusal(migrateUp({ client: schemaless.client }, ['eu']))).toMatch(/regent migrate roles/)
    expect(await refusal(migrationStatus({ client: schemaless.client }))).toMatch(
      /may not act as regent_owner.*regent migrate roles/,
    )
    await schemaless.close()
    await other.drop()
  })

  it('names a login for the server that is not there', async () => {
    expect(await refusal(createRoles(session.client, 'regent_test_nobody'))).toMatch(
      /login 'regent_test_nobody' of DATABASE_URL does not exist.*create role "regent_test_nobody" login noinherit/,
    )
  })

  it('says every statement of the roles, and which of them it had to run', async () => {
    const steps = await createRoles(session.client, new URL(home.url).username)
    expect(steps).toHaveLength(6)
    expect(steps.filter(({ done }) => done)).toEqual([])
    expect(steps[0]?.statement).toBe('create role regent_owner nologin')
  })
})

describe('the roles of a fresh cluster', () => {
  let server: TestServer
  beforeAll(async () => {
    server = await startPostgres()
    await ask(
      server.url,
      `create role "the ""migrator""" login createrole; create role "the server" login noinherit; create role heir login`,
    )
  })
  afterAll(() => server.stop())

  const loginUrl = (login: string) => server.url.replace('//postgres@', `//${encodeURIComponent(login)}@`)
  const dropRoles = () =>
    ask(
      server.url,
      'drop role if exists regent_owner; drop role if exists regent_runtime; drop role if exists regent_operator',
    )
  const members = async () =>
    (
      await ask(
        server.url,
        `select distinct format('%s in %s', member::regrole, roleid::regrole) as is from pg_auth_members
         where roleid::regrole::text like 'regent_%' order by 1`,
      )
    ).rows.map(({ is }) => is)

  it.each([1, 2, 3])('survive five who make them at once, round %i', async () => {
    await dropRoles()
    const made = await Promise.all(
      [1, 2, 3, 4, 5].map(async () => {
        const { client, close } = await openAdminSession(loginUrl('the "migrator"'), 'DATABASE_ADMIN_URL')
        return createRoles(client, 'the server').finally(close)
      }),
    )
    for (const steps of made) expect(steps).toHaveLength(6)
    expect(await members()).toEqual(
      expect.arrayContaining([
        '"the ""migrator""" in regent_owner',
        '"the server" in regent_operator',
        '"the server" in regent_runtime',
      ]),
    )
  })

  it('are what the printed SQL makes, run whole by a superuser', async () => {
    await dropRoles()
    await ask(server.url, printRoles('the "migrator"', 'the server'))
    expect(await members()).toEqual([
      '"the ""migrator""" in regent_owner',
      '"the server" in regent_operator',
      '"the server" in regent_runtime',
    ])
  })

  it('are refused to a login that may not make roles, with the way round', async () => {
    await dropRoles()
    const { client, close } = await openAdminSession(loginUrl('heir'), 'DATABASE_ADMIN_URL')
    expect(await refusal(createRoles(client, 'the server').finally(close))).toMatch(
      /regent migrate roles --print/,
    )
  })

  it('are no gain to a login before it acts as one of them; else it is refused', async () => {
    await ask(server.url, printRoles('the "migrator"', 'the server'))
    const check = async (login: string) => {
      const { client, close } = await openAdminSession(loginUrl(login), 'DATABASE_URL')
      return requireHarmlessLogin(client).finally(close)
    }
    await expect(check('the server')).resolves.toBeUndefined()
    expect(await refusal(check('heir'))).toMatch(/may not act as regent_runtime/)
    await ask(server.url, 'grant regent_runtime, regent_operator to heir')
    const said = await refusal(check('heir'))
    expect(said).toMatch(/inherits the rights of regent_(?:runtime|operator): make it NOINHERIT/)
    // What it says helps.
    await ask(
      server.url,
      `alter role "heir" noinherit; grant regent_runtime to heir with inherit false; grant regent_operator to heir with inherit false`,
    )
    await expect(check('heir')).resolves.toBeUndefined()
    await ask(server.url, 'grant regent_owner to "the server" with inherit true')
    expect(await refusal(check('the server'))).toMatch(/inherits the rights of regent_owner/)
    await expect(check('postgres')).resolves.toMatch(/is a superuser/)
  })
})

describe('an admin session', () => {
  /** Answers the startup, then the first `answered` queries with a version, then hangs up. */
  async function pretend(answered: number) {
    const message = (type: string, body: Buffer) => {
      const length = Buffer.alloc(4)
      length.writeInt32BE(body.length + 4)
      return Buffer.concat([Buffer.from(type), length, body])
    }
    const ready = message('Z', Buffer.from('I'))
    const server = createServer((socket: Socket) => {
      let queries = 0
      socket.on('error', () => {})
      socket.once('data', () => {
        socket.write(Buffer.concat([message('R', Buffer.alloc(4)), ready]))
        socket.on('data', () => {
          if (++queries > answered) {
            socket.destroy()
            return
          }
          const column = (name: string) =>
            Buffer.concat([
              Buffer.from(`${name}\0`),
              Buffer.alloc(6),
              Buffer.from([0, 0, 0, 25, 0xff, 0xff]),
              Buffer.alloc(6),
            ])
          const value = (text: string) =>
            Buffer.concat([Buffer.from([0, 0, 0, text.length]), Buffer.from(text)])
          const rows = [
            message(
              'T',
              Buffer.concat([Buffer.from([0, 2]), column('server_version_num'), column('server_version')]),
            ),
            message('D', Buffer.concat([Buffer.from([0, 2]), value('180000'), value('18.0')])),
          ]
          socket.write(Buffer.concat([...rows, message('C', Buffer.from('SELECT 1\0')), ready]))
        })
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    return { url: `postgres://regent@127.0.0.1:${port}/regent`, close: () => server.close() }
  }

  it.each([
    ['while it asks for the version', 0, /DATABASE_URL_EU cannot be used \(.*terminated/],
    ['after it asked for the version', 1, /DATABASE_URL_EU cannot be used \(.*terminated/],
    // A pooler that was told to ignore startup options: here the session has not even the setting.
    ['never, but has not taken the options', 9, /DATABASE_URL_EU leads through a pooler.*DATABASE_ADMIN_URL/],
  ])(
    'is refused in a sentence, and leaves nothing open, when the connection breaks %s',
    async (_case, answered, sentence) => {
      const server = await pretend(answered)
      expect(await refusal(openAdminSession(server.url, 'DATABASE_URL_EU'))).toMatch(sentence)
      server.close()
    },
  )

  it('refuses a wrong password by the name of the variable', async () => {
    const server = createServer((socket: Socket) => {
      socket.on('error', () => {})
      socket.once('data', () => {
        const fields = 'SFATAL\0C28P01\0Mpassword authentication failed for user "x"\0\0'
        const head = Buffer.from([0x45, 0, 0, 0, fields.length + 4])
        socket.end(Buffer.concat([head, Buffer.from(fields)]))
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const said = await refusal(
      openAdminSession(`postgres://x:not-to-be-said@127.0.0.1:${port}/x`, 'DATABASE_ADMIN_URL'),
    )
    expect(said).toMatch(/DATABASE_ADMIN_URL cannot be used \(password authentication failed/)
    expect(said).not.toContain('not-to-be-said')
    server.close()
  })
})
