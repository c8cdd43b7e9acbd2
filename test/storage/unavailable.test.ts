/** What counts as a database that cannot be asked, on errors as they really come; and what no process may die of. */
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { sql } from 'kysely'
import { Client, Pool } from 'pg'
import type { TenantId } from '../../src/ids.ts'
import { openPostgres, surviveLostConnections } from '../../src/storage/open-postgres.ts'
import {
  database,
  isUnavailable,
  sqlState,
  type Database,
  type NamelessConnection,
  type OperatorConnection,
  type TenantConnection,
} from '../../src/storage/transaction.ts'
import { freePort } from '../support/postgres.ts'
import { LIMITS, openMigratedDatabase } from '../support/world.ts'

const TENANT = '00000000-0000-4000-8000-000000000001' as TenantId
const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  const nothing = Symbol('nothing')
  const error: unknown = await work.then(
    () => nothing,
    (reason: unknown) => reason,
  )
  if (error === nothing) throw new Error('it did not fail')
  return error
}

describe('a database', () => {
  let home: Awaited<ReturnType<typeof openMigratedDatabase>>
  let superuser: Client
  const pools: Pool[] = []

  beforeAll(async () => {
    home = await openMigratedDatabase()
    superuser = new Client({ connectionString: home.urls.superuser })
    await superuser.connect()
    await superuser.query(
      `insert into regent.tenant (tenant_id, region, slug) values ('${TENANT}', 'eu', 'acme')`,
    )
  })
  afterAll(async () => {
    for (const pool of pools) await pool.end()
    await superuser.end()
    await home.drop()
  })

  async function withLimits(limits: Partial<typeof LIMITS>): Promise<Database> {
    const pool = await openPostgres({
      url: home.urls.login,
      variable: 'DATABASE_URL',
      connections: 1,
      connectTimeout: 5000,
    })
    pools.push(pool)
    return database(pool, { ...LIMITS, ...limits })
  }

  const killing = (
    one: Database,
    then: (db: Parameters<Parameters<Database['inTenant']>[1]>[0]['db']) => Promise<unknown>,
  ) =>
    one.inTenant(TENANT, async ({ db }) => {
      const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db)
      await superuser.query('select pg_terminate_backend($1)', [rows[0]?.pid])
      return then(db)
    })

  /** Nobody listens there. */
  const connecting = async (host: string, port: number) => {
    const client = new Client({ host, port, user: 'x', database: 'x', connectionTimeoutMillis: 300 })
    return client.connect()
  }
  const silent = async (work: (port: number) => Promise<unknown>) => {
    const server = createServer((socket) => socket.on('error', () => {}))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return work((server.address() as AddressInfo).port).finally(() => server.close())
  }
  const viaPool = async (port: number) => {
    const pool = new Pool({ host: '127.0.0.1', port, user: 'x', database: 'x', connectionTimeoutMillis: 300 })
    surviveLostConnections(pool)
    return pool.query('select 1').finally(() => pool.end())
  }

  it.each([
    [
      'whose connection was killed in the middle of a query',
      () =>
        home.database.inTenant(TENANT, async ({ db }) => {
          const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db)
          setTimeout(() => void superuser.query('select pg_terminate_backend($1)', [rows[0]?.pid]), 100)
          await sql`select pg_sleep(5)`.execute(db)
        }),
    ],
    [
      'whose connection was killed between two queries',
      () =>
        killing(home.database, async (db) => {
          await sleep(100)
          await sql`select 1`.execute(db)
        }),
    ],
    ['whose connection was killed before the commit', () => killing(home.database, () => sleep(100))],
    [
      'that took too long for a statement',
      async () =>
        (await withLimits({ statement: 50 })).inTenant(TENANT, ({ db }) =>
          sql`select pg_sleep(5)`.execute(db),
        ),
    ],
    [
      'that ended who did nothing in a transaction',
      async () =>
        (await withLimits({ idle: 50 })).inTenant(TENANT, async ({ db }) => {
          await sleep(200)
          await sql`select 1`.execute(db)
        }),
    ],
    [
      'whose table somebody else holds',
      async () => {
        const one = await withLimits({ lock: 50 })
        await superuser.query('begin; lock table regent.tenant in access exclusive mode')
        return one
          .inTenant(TENANT, ({ db }) => db.selectFrom('tenant').select('slug').execute())
          .finally(() => superuser.query('rollback'))
      },
    ],
    ['where nobody listens', async () => connecting('127.0.0.1', await freePort())],
    [
      'where nobody listens on either address of a name',
      async () => connecting('localhost', await freePort()),
    ],
    ['whose name is not known', () => connecting('database.invalid', 5432)],
    ['that takes the connection and says nothing', () => silent(viaPool)],
    [
      'that has no connections left',
      () => Promise.reject(Object.assign(new Error('too many clients'), { code: '53300' })),
    ],
    ['that is starting up', () => Promise.reject(Object.assign(new Error('starting up'), { code: '57P03' }))],
    [
      'whose name could not be resolved just now',
      () =>
        Promise.reject(
          Object.assign(new Error('getaddrinfo EAI_AGAIN db.example'), {
            code: 'EAI_AGAIN',
            syscall: 'getaddrinfo',
          }),
        ),
    ],
  ] as [string, () => Promise<unknown>][])('%s is unavailable', async (_case, work) => {
    const error = await failureOf(work())
    expect([isUnavailable(error), sqlState(error), Object(error).message]).toEqual([
      true,
      sqlState(error),
      Object(error).message,
    ])
    await expect(home.database.inTenant(TENANT, async () => 'and the next one works')).resolves.toBeDefined()
  })

  it.each([
    [
      'a name is taken',
      '23505',
      `insert into regent.tenant (tenant_id, region, slug) values ('${TENANT}', 'eu', 'x')`,
    ],
    ['a right is missing', '42501', 'set local role regent_runtime; delete from regent.tenant'],
    [
      'a reference leads nowhere',
      '23503',
      `set constraints all immediate; insert into regent.workspace values ('00000000-0000-4000-8000-000000000002', '${TENANT}', 'x', 'https://x.example/x', 600, 900, 86400, false, false)`,
    ],
    [
      'a value is out of bounds',
      '23514',
      `insert into regent.tenant (tenant_id, region, slug) values (gen_random_uuid(), 'mars', 'x')`,
    ],
    ['there is no such table', '42P01', 'select from regent.nothing'],
    ['the statement is wrong', '42601', 'selec'],
  ])('that answers that %s (%s) is not', async (_case, code, statement) => {
    await superuser.query('begin')
    const error = await failureOf(superuser.query(statement).finally(() => superuser.query('rollback')))
    expect([sqlState(error), isUnavailable(error)]).toEqual([code, false])
  })

  it.each([
    ['a bug of ours', new TypeError(`Cannot read properties of undefined (reading 'connection')`)],
    ['an argument that Node refuses', Object.assign(new TypeError('x'), { code: 'ERR_INVALID_ARG_TYPE' })],
    ['nothing', undefined],
    ['a text', 'ECONNREFUSED'],
  ])('is not to blame for %s', (_case, error) => {
    expect(isUnavailable(error)).toBe(false)
  })

  it('leaves neither role nor tenant on a connection that is used again, whatever became of the transaction', async () => {
    const pool = await openPostgres({
      url: home.urls.login,
      variable: 'DATABASE_URL',
      connections: 1,
      connectTimeout: 5000,
    })
    pools.push(pool)
    const one = database(pool, LIMITS)
    const state = async () => {
      const { rows } = await pool.query(
        `select pg_backend_pid() as pid, current_user as who, coalesce(current_setting('regent.tenant', true), '') as tenant,
         current_setting('statement_timeout') as timeout`,
      )
      return rows[0]
    }
    const before = await state()
    expect(before).toMatchObject({ who: 'regent_test_login', tenant: '', timeout: '0' })
    for (const work of [
      () => one.inTenant(TENANT, async () => 'committed'),
      () => one.inTenant(TENANT, ({ db }) => sql`select 1/0`.execute(db)),
      () => one.inTenant(TENANT, () => Promise.reject(new Error('ours'))),
      () => one.inTenant(TENANT, ({ db }) => sql`select 1/0`.execute(db).catch(() => {})),
      () =>
        one.asOperatorAroundTenant(
          TENANT,
          async () => {},
          ({ db }) => sql`select 1/0`.execute(db),
          async () => {},
        ),
      () =>
        one.asOperatorAroundTenant(
          TENANT,
          async () => {},
          async () => {},
          ({ db }) => sql`select 1/0`.execute(db),
        ),
      () =>
        one.beforeThenInTenant(
          async () => TENANT,
          async () => 'committed',
        ),
      () =>
        one.beforeThenInTenant(
          async () => TENANT,
          ({ db }) => sql`select 1/0`.execute(db),
        ),
    ]) {
      await work().catch(() => {})
      expect(await state()).toEqual(before)
    }
  })

  it('sees as a tenant what it wrote as an operator, no more than the tenant, and all as an operator again', async () => {
    const other = '00000000-0000-4000-8000-000000000002' as TenantId
    const slugs = async ({ db }: TenantConnection | OperatorConnection) =>
      (await db.selectFrom('tenant').select('slug').orderBy('slug').execute()).map(({ slug }) => slug)
    const seen = await home.database.asOperatorAroundTenant(
      other,
      async ({ db }) =>
        void (await db
          .insertInto('tenant')
          .values({ tenant_id: other, region: 'eu', slug: 'other' })
          .execute()),
      slugs,
      async (connection, asTenant) => ({ asTenant, asOperator: await slugs(connection) }),
    )
    expect(seen).toEqual({ asTenant: ['other'], asOperator: ['acme', 'other'] })
  })

  it('sees nobody until it is known whose name was asked for, then that tenant', async () => {
    const slugs = async ({ db }: NamelessConnection | TenantConnection) =>
      (await db.selectFrom('tenant').select('slug').execute()).map(({ slug }) => slug)
    let before: readonly string[] | undefined
    const then = await home.database.beforeThenInTenant(async (connection) => {
      before = await slugs(connection)
      return TENANT
    }, slugs)
    expect(before).toEqual([])
    expect(then).toEqual(['acme'])
  })

  it('asks nothing more where the name was nobody', async () => {
    const then = async () => 'asked'
    expect(await home.database.beforeThenInTenant(async () => undefined, then)).toBeUndefined()
  })

  it.each([
    '',
    'ACME',
    TENANT.toUpperCase().replace('0', 'A'),
    `${TENANT} `,
    `${TENANT}'; reset role; --`,
    `\n${TENANT}`,
  ])('is not asked in the name of %j', async (id) => {
    const asking = async () => home.database.inTenant(id as TenantId, async () => 'asked')
    await expect(asking()).rejects.toThrow('a tenant id is a UUID in lower case')
    const making = async () =>
      home.database.asOperatorAroundTenant(
        id as TenantId,
        async () => {},
        async () => 'made',
        async () => 'made',
      )
    await expect(making()).rejects.toThrow('a tenant id is a UUID in lower case')
    const finding = async () =>
      home.database.beforeThenInTenant(
        async () => id as TenantId,
        async () => 'found',
      )
    await expect(finding()).rejects.toThrow('a tenant id is a UUID in lower case')
  })
})
