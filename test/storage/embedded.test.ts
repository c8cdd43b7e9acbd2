import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { runInThisContext } from 'node:vm'
import { EMBEDDED_MAJOR, openEmbedded, type Embedded } from '../../src/storage/embedded.ts'
import { OperatorError } from '../../src/storage/operator-error.ts'

// PGlite imports parts of Node at run time, which jest's sandbox refuses: Node itself loads it, outside.
let mockLoads = 0
function mockOutside(name: string): unknown {
  mockLoads++
  const outside: NodeJS.Process = runInThisContext('process')
  return outside.getBuiltinModule('node:module').createRequire(resolve('package.json'))(name)
}
jest.mock('@electric-sql/pglite', () => mockOutside('@electric-sql/pglite'))
jest.mock('@electric-sql/pglite/node-postgres', () => mockOutside('@electric-sql/pglite/node-postgres'))

const MODULE = JSON.stringify(resolve('src/storage/embedded.ts'))

const text = (embedded: Embedded, sql: string) =>
  embedded.pool.query<Record<string, unknown>>(sql).then(({ rows }) => rows)

async function refusal(folder: string) {
  const error: unknown = await openEmbedded(folder).catch((reason: unknown) => reason)
  if (error instanceof OperatorError) return error.message
  throw new Error('was not refused by an OperatorError', { cause: error })
}

/** A process that runs the script, and stays until it is killed. */
async function run(script: string) {
  const source = `import { openEmbedded } from ${MODULE}\n${script}\nsetInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return { child, said: Promise.race([once(child.stdout, 'data'), once(child, 'exit')]).then(String) }
}

async function kill(child: ChildProcess) {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
}

describe('the embedded database', () => {
  let root: string
  let made: string // a folder with a database, closed; making one takes seconds, so tests copy it
  let told: string[]
  let version: string

  beforeAll(async () => {
    root = fs.mkdtempSync(join(tmpdir(), 'regent-test-embedded-'))
    made = join(root, 'made')
    told = []
    const embedded = await openEmbedded(made, { onProgress: (sentence) => told.push(sentence) })
    version = embedded.version
    await embedded.close()
  })
  afterAll(() => fs.rmSync(root, { recursive: true }))

  function copy() {
    const folder = fs.mkdtempSync(join(root, 'copy-'))
    fs.cpSync(made, folder, { recursive: true })
    return folder
  }

  describe('its folder', () => {
    it('is made once, said aloud, for its owner only, and holds nothing but the database', async () => {
      expect(told).toEqual([expect.stringContaining(join(made, 'postgres'))])
      expect(version).toMatch(new RegExp(`^${EMBEDDED_MAJOR}\\.`))
      expect(fs.readFileSync(join(made, 'postgres', 'PG_VERSION'), 'utf8').trim()).toBe(EMBEDDED_MAJOR)
      expect(fs.statSync(join(made, 'postgres')).mode & 0o777).toBe(0o700)
      expect(fs.readdirSync(made)).toEqual(['postgres'])

      const embedded = await openEmbedded(copy(), { onProgress: (sentence) => told.push(sentence) })
      expect(told).toHaveLength(1)
      await embedded.close()
    })

    it('keeps what was committed, and is locked while open', async () => {
      const folder = copy()
      const first = await openEmbedded(folder)
      await text(first, 'create table note (id int); insert into note values (7)')
      expect(await refusal(folder)).toContain(`in use by process ${process.pid}`)
      await first.close()

      const second = await openEmbedded(folder)
      expect(await text(second, 'select id from note')).toEqual([{ id: 7 }])
      await second.close()
    })

    it('loses nothing that was committed by a process killed with -9', async () => {
      const folder = copy()
      const { child, said } = await run(`
        const { pool } = await openEmbedded(${JSON.stringify(folder)})
        await pool.query('create table note (id int)')
        for (let id = 1; id <= 500; id++) await pool.query('insert into note values ($1)', [id])
        await pool.query('BEGIN; insert into note values (0)')
        console.log('committed')`)
      try {
        expect(await said).toContain('committed')
      } finally {
        await kill(child)
      }
      const embedded = await openEmbedded(folder)
      expect(await text(embedded, 'select count(*)::int, min(id) from note')).toEqual([
        { count: 500, min: 1 },
      ])
      await embedded.close()
    })

    it('is made again when the first start was killed in its middle', async () => {
      const folder = join(root, 'killed')
      const { child } = await run(`await openEmbedded(${JSON.stringify(folder)})`)
      const attempt = () =>
        fs.existsSync(folder) && fs.readdirSync(folder).find((name) => name.includes('.new-'))
      try {
        for (const deadline = Date.now() + 20_000; Date.now() < deadline; await sleep(10)) {
          const name = attempt()
          if (name && fs.existsSync(join(folder, name, 'PG_VERSION'))) break
        }
      } finally {
        await kill(child)
      }
      expect(attempt()).toBe(`postgres.new-${child.pid}`)
      expect(fs.existsSync(join(folder, 'postgres'))).toBe(false)

      const embedded = await openEmbedded(folder)
      expect(await text(embedded, 'select 1 as one')).toEqual([{ one: 1 }])
      expect(fs.readdirSync(folder).toSorted()).toEqual(['lock', 'postgres'])
      await embedded.close()
    })

    it.each([
      ['another major version', () => '17', /made by PostgreSQL 17, .* those of 18/],
      ['no version', () => undefined, /not a whole database/],
      ['an unreadable version', () => '', /not a whole database/],
    ])('is refused and left alone when it has %s', async (_case, content, message) => {
      const folder = copy()
      const file = join(folder, 'postgres', 'PG_VERSION')
      fs.rmSync(file)
      if (content() !== undefined) fs.writeFileSync(file, `${content()}\n`)
      const before = fs.readdirSync(join(folder, 'postgres'), { recursive: true })

      const said = await refusal(folder)
      expect(said).toMatch(message)
      expect(said).toContain(join(folder, 'postgres'))
      expect(fs.readdirSync(join(folder, 'postgres'), { recursive: true })).toEqual(before)
      expect(fs.readdirSync(folder)).toEqual(['postgres']) // and not locked
    })

    it.each([
      ['is cut short', (path: string) => fs.truncateSync(join(path, 'global', 'pg_control'), 10)],
      [
        'holds nothing',
        (path: string) => fs.writeFileSync(join(path, 'global', 'pg_control'), Buffer.alloc(8192)),
      ],
      ['is missing', (path: string) => fs.rmSync(join(path, 'global', 'pg_control'))],
    ])('is refused and left alone when damaged: its control file %s', async (_case, damage) => {
      const folder = copy()
      const path = join(folder, 'postgres')
      damage(path)
      const before = fs.readdirSync(join(path, 'base'), { recursive: true })
      expect(await refusal(folder)).toMatch(/cannot be opened, it may be damaged; nothing in it was deleted/)
      expect(fs.readdirSync(join(path, 'base'), { recursive: true })).toEqual(before)
      expect(await refusal(folder)).toMatch(/damaged/) // and not locked
    })
  })

  it('loads no PGlite before it is opened', async () => {
    const before = mockLoads
    await jest.isolateModulesAsync(async () => {
      await import('../../src/storage/embedded.ts')
    })
    expect(mockLoads).toBe(before)
  })

  describe('its pool', () => {
    let embedded: Embedded

    beforeAll(async () => {
      embedded = await openEmbedded(copy())
      await embedded.pool.query(`
        create role keeper; create role reader nologin;
        create table note (tenant uuid, id int, primary key (tenant, id));
        alter table note owner to keeper; alter table note enable row level security; alter table note force row level security;
        grant select, insert on note to reader;
        create policy of_tenant on note to reader using (tenant = nullif(current_setting('regent.tenant', true), '')::uuid)`)
    })
    afterAll(() => embedded.close())

    it('takes several statements in one message, and keeps row-level security by them', async () => {
      const [mine, other] = [randomUUID(), randomUUID()]
      await embedded.pool.query('insert into note values ($1, 1), ($2, 1)', [mine, other])
      const client = await embedded.pool.connect()
      try {
        await client.query(
          `BEGIN; SET LOCAL ROLE reader; SET LOCAL regent.tenant = '${mine}'; SET LOCAL statement_timeout = 1000`,
        )
        expect((await client.query('select tenant, id from note')).rows).toEqual([{ tenant: mine, id: 1 }])
        await expect(client.query('insert into note values ($1, 2)', [other])).rejects.toMatchObject({
          code: '42501',
        })
        await expect(client.query('select 1')).rejects.toMatchObject({ code: '25P02' })
        await client.query('ROLLBACK')

        await client.query('BEGIN; SET LOCAL ROLE reader')
        expect((await client.query('select * from note')).rows).toEqual([])
        await client.query('ROLLBACK; BEGIN; SET LOCAL ROLE keeper') // its owner, without a policy
        expect((await client.query('select * from note')).rows).toEqual([])
        await client.query('ROLLBACK')
        expect((await client.query('select current_user as user')).rows).toEqual([{ user: 'postgres' }])
      } finally {
        client.release()
      }
    })

    it.each([
      ['uuid', '5f2b3c1e-0000-4000-8000-0123456789ab', undefined],
      ['bytea', randomBytes(10_000), undefined],
      ['bytea', Buffer.alloc(0), undefined],
      ['jsonb', { a: [1, "it's", null], 'b"': 'ä\\' }, undefined],
      ['text[]', ['a b', 'c,"d"', '', 'NULL'], undefined],
      ['timestamptz', new Date('2026-11-24T01:02:03.456Z'), undefined],
      ['bigint', 9_007_199_254_740_993n, '9007199254740993'], // pg reads it as text, so that nothing is lost
      ['boolean', true, undefined],
      ['text', 'ünïcode 🗝', undefined],
      ['text', null, undefined],
    ])('carries %s in and out', async (type, value, read) => {
      const { rows } = await embedded.pool.query(`select $1::${type} as value`, [value])
      expect(rows).toEqual([{ value: read ?? value }])
    })

    it('goes on after an error, with code and position', async () => {
      await expect(embedded.pool.query('selec 1')).rejects.toMatchObject({ code: '42601', position: '1' })
      await expect(embedded.pool.query('select $1::int', ['x'])).rejects.toMatchObject({ code: '22P02' })
      expect(await text(embedded, 'select 1 as one')).toEqual([{ one: 1 }])
    })

    it('rolls back and forgets what a broken connection had begun', async () => {
      const client = await embedded.pool.connect()
      await client.query("set regent.tenant = 'left'; set role reader; select pg_advisory_lock(5)")
      await client.query(`BEGIN; reset role; create table half (id int)`)
      client.release(new Error('broken'))

      expect(
        await text(
          embedded,
          "select current_setting('regent.tenant', true) as tenant, current_user as user, to_regclass('half') as half, " +
            "(select count(*)::int from pg_locks where locktype = 'advisory') as locks",
        ),
      ).toEqual([{ tenant: '', user: 'postgres', half: null, locks: 0 }])
    })

    it('serves those who ask at once, one after the other', async () => {
      const asked = [1, 2, 3, 4, 5].map((id) => embedded.pool.query('select $1::int as id', [id]))
      expect((await Promise.all(asked)).map(({ rows }) => Object(rows[0]).id)).toEqual([1, 2, 3, 4, 5])
    })

    it('never commits what a broken connection left half-said', async () => {
      await embedded.pool.query('create table said (id int)')
      for (let round = 0; round < 60; round++) {
        const client = await embedded.pool.connect()
        await client.query('BEGIN')
        const broken = client.query('insert into said values ($1)', [round]).catch(() => {})
        for (let turn = 0; turn < round; turn++) await Promise.resolve()
        client.release(new Error('broken'))
        expect(await text(embedded, 'select * from said')).toEqual([])
        await broken
      }
    })

    it('cleans the session only when the broken connection has said all it had begun to say', async () => {
      const order: string[] = []
      const { PGlite } = await import('@electric-sql/pglite')
      const exec = jest.spyOn(PGlite.prototype, 'exec')
      const client = await embedded.pool.connect()
      const broken = client.query('select $1::int', [1]).catch(() => {})
      Object(client).connection.once('end', () => order.push('ended'))
      exec.mockImplementationOnce(async () => (order.push('ROLLBACK'), []))
      client.release(new Error('broken'))
      await embedded.pool.query('select 1')
      await broken
      expect(exec.mock.calls).toEqual([['ROLLBACK'], ['DISCARD ALL']])
      expect(order).toEqual(['ended', 'ROLLBACK'])
      exec.mockRestore()
    })

    it('fails the query of a connection that breaks, and answers the next one with its own rows', async () => {
      for (let round = 0; round < 50; round++) {
        const client = await embedded.pool.connect()
        const broken = client.query('select $1::int as value', [-1]).catch((error: unknown) => error)
        for (let turn = 0; turn < round % 7; turn++) await Promise.resolve()
        client.release(new Error('broken'))
        const { rows } = await embedded.pool.query('select $1::int as value', [round])
        expect(rows).toEqual([{ value: round }])
        expect(await broken).toMatchObject({ message: 'Connection terminated' })
      }
    })
  })

  describe('closing it', () => {
    it('may be done twice, also at once, and after the pool was ended', async () => {
      const folder = copy()
      const embedded = await openEmbedded(folder)
      await text(embedded, 'select 1')
      await embedded.pool.end()
      await Promise.all([embedded.close(), embedded.close()])
      await embedded.close()
      expect(fs.readdirSync(folder)).toEqual(['postgres'])
      await expect(embedded.pool.query('select 1')).rejects.toThrow(/after calling end/)
    })

    it('waits for what is in flight', async () => {
      const folder = copy()
      const embedded = await openEmbedded(folder)
      await text(embedded, 'create table note (id int)')
      const client = await embedded.pool.connect()
      const written = client.query('insert into note select generate_series(1, $1::int)', [20_000])
      const given = written.finally(() => client.release())
      await embedded.close()
      await given
      await expect(written).resolves.toMatchObject({ rowCount: 20_000 })

      const again = await openEmbedded(folder)
      expect(await text(again, 'select count(*)::int from note')).toEqual([{ count: 20_000 }])
      await again.close()
    })

    it('ends a connection that is never given back, after a while, and what it had begun', async () => {
      const folder = copy()
      const embedded = await openEmbedded(folder)
      await text(embedded, 'create table note (id int)')
      const client = await embedded.pool.connect()
      await client.query('BEGIN; insert into note values (1)')
      const started = Date.now()
      await embedded.close()
      expect(Date.now() - started).toBeLessThan(10_000)
      await expect(client.query('select 1')).rejects.toThrow(/closed|ended|not queryable/i)
      client.release()

      const again = await openEmbedded(folder)
      expect(await text(again, 'select count(*)::int from note')).toEqual([{ count: 0 }])
      await again.close()
    })
  })
})
