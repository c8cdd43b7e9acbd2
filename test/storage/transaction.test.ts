import { sql } from 'kysely'
import { Client } from 'pg'
import type { TenantId } from '../../src/ids.ts'
import { openPostgres } from '../../src/storage/open-postgres.ts'
import {
  database,
  isUnavailable,
  sqlState,
  withRetry,
  type Database,
  type TenantConnection,
} from '../../src/storage/transaction.ts'
import { freePort } from '../support/postgres.ts'
import { openTcpProxy } from '../support/tcp-proxy.ts'
import { LIMITS, openMigratedDatabase } from '../support/world.ts'

const TENANT = '00000000-0000-4000-8000-000000000001' as TenantId

describe('a transaction', () => {
  let home: Awaited<ReturnType<typeof openMigratedDatabase>>
  beforeAll(async () => {
    home = await openMigratedDatabase()
  })
  afterAll(() => home.drop())

  const failure = (work: Promise<unknown>) =>
    work.then(
      () => undefined,
      (error: unknown) => error,
    )

  it('is run again when the database asks for it: serialization failure and deadlock, and no more than five times', async () => {
    for (const code of ['40001', '40P01']) {
      let attempts = 0
      const work = async () => {
        attempts += 1
        if (attempts < 3) throw Object.assign(new Error('again'), { code })
        return attempts
      }
      expect(await withRetry(work)).toBe(3)
    }
    let attempts = 0
    const never = () => {
      attempts += 1
      return Promise.reject(Object.assign(new Error('again'), { code: '40001' }))
    }
    expect(sqlState(await failure(withRetry(never)))).toBe('40001')
    expect(attempts).toBe(5)
  })

  it('survives a real deadlock with another one', async () => {
    await home.database.asOperator(async ({ db }) => {
      for (const slug of ['a', 'b']) {
        const id = `00000000-0000-4000-8000-00000000000${slug}` as TenantId
        await db.insertInto('tenant').values({ tenant_id: id, region: 'eu', slug }).execute()
      }
    })
    const superuser = new Client({ connectionString: home.urls.superuser })
    await superuser.connect()
    await superuser.query('grant update on regent.tenant to regent_operator')
    await superuser.end()
    let attempts = 0
    let meet = () => {}
    const met = new Promise<void>((resolve) => {
      meet = resolve
    })
    const both = (first: string, second: string) =>
      home.database.asOperator(async ({ db }) => {
        await sql`update regent.tenant set created_at = now() where slug = ${first}`.execute(db)
        attempts += 1
        if (attempts === 2) meet()
        await met
        await sql`update regent.tenant set created_at = now() where slug = ${second}`.execute(db)
        return 'done'
      })
    expect(await Promise.all([both('a', 'b'), both('b', 'a')])).toEqual(['done', 'done'])
    expect(attempts).toBeGreaterThan(2)
  })

  it('fails alone when its connection is killed while checked out, and the next one works (T68)', async () => {
    const superuser = new Client({ connectionString: home.urls.superuser })
    await superuser.connect()
    const lost = await failure(
      home.database.inTenant(TENANT, async ({ db }) => {
        const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db)
        await superuser.query('select pg_terminate_backend($1)', [rows[0]?.pid])
        await sql`select pg_sleep(5)`.execute(db)
      }),
    )
    await superuser.end()
    expect(isUnavailable(lost)).toBe(true)
    await expect(home.database.inTenant(TENANT, async () => 'fine')).resolves.toBe('fine')
  })

  describe('that only reads', () => {
    const slugs = async ({ db }: TenantConnection) =>
      (await db.selectFrom('tenant').select('slug').execute()).map(({ slug }) => slug)
    let superuser: Client
    let reads: Database
    const rename = (slug: string) =>
      superuser.query(
        `insert into regent.tenant (tenant_id, region, slug) values ($1, 'eu', $2)
           on conflict (tenant_id) do update set slug = excluded.slug`,
        [TENANT, slug],
      )

    beforeAll(async () => {
      superuser = new Client({ connectionString: home.urls.superuser })
      await superuser.connect()
      reads = database(home.pool, LIMITS, { readOnly: true })
    })
    afterAll(() => superuser.end())

    it.each(['by its id', 'by its name'])(
      'sees a tenant, found %s, as of one moment: no change comes between two statements',
      async (how) => {
        await rename('before')
        const twice = async (connection: TenantConnection) => {
          const first = await slugs(connection)
          await rename('after')
          return [first, await slugs(connection)]
        }
        const seen =
          how === 'by its id'
            ? await reads.inTenant(TENANT, twice)
            : await reads.beforeThenInTenant(async () => TENANT, twice)
        expect(seen).toEqual([['before'], ['before']])
        expect(await reads.inTenant(TENANT, slugs)).toEqual(['after'])
      },
    )

    it('writes nothing', async () => {
      const writing = reads.asOperator(({ db }) => sql`delete from regent.node`.execute(db))
      await expect(writing).rejects.toMatchObject({ code: '25006' })
    })
  })

  it('does not commit around a failed statement that was swallowed', async () => {
    const work = home.database.inTenant(TENANT, async ({ db }) => failure(sql`select 1/0`.execute(db)))
    await expect(work).rejects.toThrow('was swallowed')
  })

  it('refuses a tenant id that is no UUID before it reaches the database', () => {
    const id = `${TENANT}'; drop schema regent cascade; --` as TenantId
    expect(() => home.database.inTenant(id, async () => 'never')).toThrow('a tenant id is a UUID')
  })

  it('gives up at its deadline when the database falls silent, and says that the outcome is not known', async () => {
    const url = new URL(home.urls.login)
    const proxy = await openTcpProxy({ host: url.hostname, port: Number(url.port) })
    url.port = String(proxy.port)
    const pool = await openPostgres({
      url: url.href,
      variable: 'DATABASE_URL',
      connections: 1,
      connectTimeout: 1000,
    })
    const silent = database(pool, { ...LIMITS, deadline: 200 })
    const error = await failure(
      silent.inTenant(TENANT, async ({ db }) => {
        proxy.freeze()
        await sql`select 1`.execute(db)
      }),
    )
    expect(error).toMatchObject({ code: 'ETIMEDOUT', message: expect.stringContaining('is not known') })
    expect(isUnavailable(error)).toBe(true)
    await proxy.cut()
    await pool.end()
  })

  it('is unavailable when nobody can be asked, and not when the answer is an error', async () => {
    const nobody = database(
      await openPostgres({
        url: home.urls.login,
        variable: 'DATABASE_URL',
        connections: 1,
        connectTimeout: 100,
      }),
      LIMITS,
    )
    const [, waiting] = await Promise.all([
      nobody.inTenant(TENANT, () => new Promise((resolve) => setTimeout(resolve, 400))),
      failure(nobody.inTenant(TENANT, async () => 'never')),
    ])
    expect(isUnavailable(waiting)).toBe(true) // no connection came free in time

    const gone = new Client({ connectionString: `postgres://x@127.0.0.1:${await freePort()}/x` })
    expect(isUnavailable(await failure(gone.connect()))).toBe(true)
    for (const statement of ['select 1/0', 'select * from nowhere', 'select * from regent.migration']) {
      expect(isUnavailable(await failure(home.pool.query(statement)))).toBe(false)
    }
  })
})
