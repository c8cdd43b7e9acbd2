import { Client } from 'pg'
import { migrations } from '../../migrations/index.ts'
import { runCommand } from '../support/command.ts'
import { createDatabase } from '../support/postgres.ts'

describe('regent migrate', () => {
  let home: Awaited<ReturnType<typeof createDatabase>>
  let environment: Record<string, string>

  beforeAll(async () => {
    home = await createDatabase()
    environment = { DATABASE_URL: home.url, DATABASE_ADMIN_URL: home.adminUrl, DATABASE_URL_EU: 'default' }
  })
  afterAll(() => home.drop())

  it('prints the SQL of the roles for whoever may run it, and changes nothing', async () => {
    const { code, out } = await runCommand(['migrate', 'roles', '--print'], environment)
    expect(code).toBe(0)
    expect(out).toContain('create role regent_owner nologin;')
    expect(out).toContain('grant regent_owner to "regent_test_migrator";')
    expect(out).toContain('grant regent_runtime to "regent_test_login";')
  })

  it('says that a login is missing before it makes anything', async () => {
    const unknown = {
      DATABASE_URL: home.url.replace('regent_test_login', 'regent_test_stranger'),
      DATABASE_ADMIN_URL: home.adminUrl,
    }
    const { code, err } = await runCommand(['migrate', 'roles'], unknown)
    expect([code, err]).toEqual([
      1,
      expect.stringContaining("The login 'regent_test_stranger' of DATABASE_URL does not exist"),
    ])
  })

  it('makes roles, then the schema, says what it will do and did, and stamps the regions', async () => {
    expect((await runCommand(['migrate', 'roles'], environment)).code).toBe(0)
    const pending = await runCommand(['migrate', 'status'], environment)
    expect(pending.out).toContain('DATABASE_URL: pending  0001-foundation')
    expect(pending.out).toContain('stamped for no region')

    const up = await runCommand(['migrate', 'up', '--regions', 'eu'], environment)
    expect(up.code).toBe(0)
    expect(up.err).toMatch(/will run 0001-foundation[^]*ran 0001-foundation[^]*stamped for eu/)

    const again = await runCommand(['migrate', 'up', '--json'], environment)
    expect(JSON.parse(again.out)).toEqual([
      { database: 'DATABASE_URL', regions: ['none', 'eu'], ran: [], stamped: ['eu', 'none'] },
    ])
    expect(again.err).toContain('nothing was pending')
  })

  it('asks before it undoes, and undoes nothing where nobody can answer', async () => {
    const newest = Object.keys(migrations).toReversed()
    const asked = await runCommand(['migrate', 'down'], environment)
    expect(asked.code).toBe(1)
    expect(asked.err).toMatch(new RegExp(`undo ${newest[0]}\\?.*Nothing was done: say --yes`))

    for (const name of newest) {
      const done = await runCommand(['migrate', 'down', '--yes'], environment)
      expect([done.code, done.err]).toEqual([0, expect.stringContaining(`undid ${name}`)])
    }
    const client = new Client({ connectionString: home.superuserUrl })
    await client.connect()
    const { rows } = await client.query(
      `select tablename from pg_tables where schemaname = 'regent' order by 1`,
    )
    await client.end()
    expect(rows.map(({ tablename }) => tablename)).toEqual(['migration', 'migration_lock'])
  })

  it.each([
    ['no database at all', {}, ['status'], /No database is configured: set DATABASE_URL/],
    ['a region that is none', undefined, ['up', '--regions', 'mars'], /--regions takes none, au, eu, us/],
    ['a region without a database', undefined, ['up', '--regions', 'us'], /set DATABASE_URL_US/],
    [
      'a login that is not known',
      { DATABASE_URL: 'LOGIN' },
      ['status'],
      /DATABASE_URL cannot be used \(.*"nobody" does not exist/,
    ],
  ])('refuses %s in a sentence', async (_case, given, args, sentence) => {
    const wrong = home.url.replace(/\/\/[^@]*@/, '//nobody@')
    const used = given === undefined ? environment : JSON.parse(JSON.stringify(given).replace('LOGIN', wrong))
    const { code, err } = await runCommand(['migrate', ...args], used as Record<string, string>)
    expect(code).toBe(1)
    expect(err).toMatch(sentence)
    expect(err).not.toMatch(/^ +at /m)
  })
})
