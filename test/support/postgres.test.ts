import { spawn } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { createDatabase, findBinaries, freePort, startPostgres } from './postgres.ts'

const refused = { code: 'ECONNREFUSED' }

async function query(url: string, text: string) {
  const client = new Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(text)).rows
  } finally {
    await client.end()
  }
}

async function dataFolder(url: string) {
  return String((await query(url, 'show data_directory'))[0]?.data_directory)
}

async function until(isSo: () => boolean | Promise<boolean>, what: string) {
  for (const deadline = Date.now() + 10_000; Date.now() < deadline; await sleep(50)) if (await isSo()) return
  throw new Error(`waited ten seconds, and still not: ${what}`)
}

describe('a PostgreSQL for the tests', () => {
  it('starts beside another, answers in UTF-8, and leaves nothing when stopped', async () => {
    const server = await startPostgres()
    const data = await dataFolder(server.url)
    try {
      expect(server.version).toMatch(/^\d+\.\d+$/)
      expect(server.url).not.toBe(process.env.REGENT_TEST_POSTGRES)
      const [row] = await query(
        server.url,
        "select current_user as user, current_setting('server_encoding') as encoding, current_setting('fsync') as fsync",
      )
      expect(row).toEqual({ user: 'postgres', encoding: 'UTF8', fsync: 'off' })
    } finally {
      await server.stop()
    }
    await server.stop() // twice is as good
    await expect(query(server.url, 'select 1')).rejects.toMatchObject(refused)
    expect(fs.existsSync(join(data, '..'))).toBe(false)
  })

  it('tries another port when another server has its own, and gives up after three', async () => {
    const other = await startPostgres()
    const taken = Number(new URL(other.url).port)
    try {
      let calls = 0
      const server = await startPostgres({ findPort: async () => (calls++ === 0 ? taken : freePort()) })
      expect(calls).toBe(2)
      expect(await dataFolder(server.url)).not.toBe(await dataFolder(other.url))
      await server.stop()

      calls = 0
      const always = async () => (calls++, taken)
      await expect(startPostgres({ findPort: always })).rejects.toThrow(/could not create any TCP/)
      expect(calls).toBe(3)
    } finally {
      await other.stop()
    }
  })

  it('does not outlive a process that is killed with -9', async () => {
    const module = resolve('test/support/postgres.ts')
    const script = `
      import { startPostgres } from ${JSON.stringify(module)}
      console.log((await startPostgres()).url)
      setInterval(() => {}, 1000)`
    const parent = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    try {
      const url = String(await once(parent.stdout, 'data')).trim()
      const data = await dataFolder(url)
      const server = Number(fs.readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0])
      expect(() => process.kill(server, 0)).not.toThrow()

      parent.kill('SIGKILL')
      await until(() => !fs.existsSync(join(data, '..')), 'the data folder is gone')
      expect(() => process.kill(server, 0)).toThrow(/ESRCH/)
    } finally {
      parent.kill('SIGKILL')
    }
  })

  describe('the copy of the binaries', () => {
    let folder: string

    beforeAll(() => {
      folder = fs.mkdtempSync(join(tmpdir(), 'regent-test-tmp-'))
      fs.chmodSync(folder, 0o777) // like /tmp: the server runs as another user when we are root
    })
    afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

    const start = async () => (await startPostgres({ folder })).stop()
    const find = () => findBinaries({ folder })
    const cache = () => join(folder, String(fs.readdirSync(folder).find((name) => /-postgres-\d/.test(name))))

    it('is made once, with its links, readable for all, writable for us only', async () => {
      await start()
      expect(fs.readdirSync(folder)).toHaveLength(1)
      const made = fs.statSync(cache())
      expect(made.mode & 0o777).toBe(0o755)
      const links: { target: string }[] = JSON.parse(
        fs.readFileSync(join(cache(), 'native/pg-symlinks.json'), 'utf8'),
      )
      for (const { target } of links) expect(fs.readlinkSync(join(cache(), target))).toMatch(/^[^/]+$/)
      find()
      expect(fs.statSync(cache()).ino).toBe(made.ino)
    })

    it.each([
      [
        'a file was swept away',
        () => fs.rmSync(join(cache(), 'native/share/postgresql/postgresql.conf.sample')),
      ],
      ['a file was cut short', () => fs.truncateSync(join(cache(), 'native/bin/postgres'), 9)],
      ['others may write to it', () => fs.chmodSync(cache(), 0o777)],
      ['it has no stamp', () => fs.rmSync(join(cache(), 'stamp'))],
    ])('is made anew when %s', (_case, damage) => {
      const { ino } = fs.statSync(cache())
      damage()
      find()
      expect(fs.statSync(cache()).ino).not.toBe(ino)
    })
  })
})

describe('a database for one test file', () => {
  it('is empty, and made for several files at once', async () => {
    const databases = await Promise.all(Array.from({ length: 4 }, () => createDatabase()))
    expect(new Set(databases.map(({ name }) => name)).size).toBe(4)
    for (const { superuserUrl, name } of databases) {
      const [row] = await query(
        superuserUrl,
        "select current_database() as name, (select count(*) from pg_tables where schemaname = 'public') as tables",
      )
      expect(row).toEqual({ name, tables: '0' })
    }
    await Promise.all(databases.map((database) => database.drop()))
  })

  it('makes its logins where there are none yet, while another does the same', async () => {
    const server = await startPostgres()
    const shared = process.env.REGENT_TEST_POSTGRES
    process.env.REGENT_TEST_POSTGRES = server.url
    const other = new Client({ connectionString: server.url })
    try {
      await other.connect()
      await other.query('BEGIN; create role regent_test_migrator login createrole')
      const database = createDatabase()
      const waiting = "select 1 from pg_stat_activity where wait_event_type = 'Lock'"
      await until(async () => (await query(server.url, waiting)).length === 1, 'it waits for the other')
      await other.query('COMMIT')
      await expect(query((await database).url, 'select 1')).resolves.toHaveLength(1)
    } finally {
      await other.end()
      process.env.REGENT_TEST_POSTGRES = shared
      await server.stop()
    }
  })

  it('belongs to a login that may make tables and roles, and is no superuser', async () => {
    const database = await createDatabase()
    const attributes =
      'select rolname as login, rolsuper as super, rolbypassrls as bypass, rolcreaterole as create, rolinherit as inherit ' +
      'from pg_roles where rolname = current_user'
    expect(await query(database.adminUrl, attributes)).toEqual([
      { login: 'regent_test_migrator', super: false, bypass: false, create: true, inherit: true },
    ])
    await query(database.adminUrl, 'create table note (id int)')

    expect(await query(database.url, attributes)).toEqual([
      { login: 'regent_test_login', super: false, bypass: false, create: false, inherit: false },
    ])
    await expect(query(database.url, 'select * from note')).rejects.toMatchObject({ code: '42501' })
    await expect(query(database.url, 'create table mine (id int)')).rejects.toMatchObject({ code: '42501' })
    await database.drop()
  })

  it('is dropped although someone is connected', async () => {
    const database = await createDatabase()
    const client = new Client({ connectionString: database.url })
    client.on('error', () => {})
    await client.connect()
    await database.drop()
    await database.drop() // twice is as good
    await expect(query(database.url, 'select 1')).rejects.toMatchObject({ code: '3D000' })
    await client.end().catch(() => {})
  })
})
