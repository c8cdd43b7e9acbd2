/** What only reads survives the end of its connection, and nothing else does; the database sees to it that it only reads. */
import { sql } from 'kysely'
import { Client, type Pool } from 'pg'
import type { TenantId } from '../../src/ids.ts'
import { breaker, guarded } from '../../src/storage/breaker.ts'
import { openPostgres } from '../../src/storage/open-postgres.ts'
import { database, isUnavailable, sqlState, type Database } from '../../src/storage/transaction.ts'
import { openTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'
import { LIMITS, openMigratedDatabase } from '../support/world.ts'

const TENANT = '00000000-0000-4000-8000-000000000001' as TenantId
const CONNECTIONS = 3

describe('a connection that is lost (T68)', () => {
  let home: Awaited<ReturnType<typeof openMigratedDatabase>>
  let superuser: Client
  let proxy: TcpProxy
  let pool: Pool
  let reads: Database
  let writes: Database

  beforeAll(async () => {
    home = await openMigratedDatabase()
    superuser = new Client({ connectionString: home.urls.superuser })
    await superuser.connect()
    await superuser.query(
      `insert into regent.tenant (tenant_id, region, slug) values ('${TENANT}', 'eu', 'acme')`,
    )
    const url = new URL(home.urls.login)
    proxy = await openTcpProxy({ host: url.hostname, port: Number(url.port) })
    url.port = String(proxy.port)
    pool = await openPostgres({
      url: url.href,
      variable: 'DATABASE_URL',
      connections: CONNECTIONS,
      connectTimeout: 5000,
    })
    reads = database(pool, LIMITS, { readOnly: true })
    writes = database(pool, LIMITS)
  })
  afterAll(async () => {
    await pool.end()
    await superuser.end()
    await proxy.cut()
    await home.drop()
  })

  const terminate = (pid: number | undefined) =>
    superuser.query('select pg_terminate_backend($1, 5000)', [pid])
  const ownPid = async (db: Parameters<Parameters<Database['inTenant']>[1]>[0]['db']) => {
    const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db)
    return rows[0]?.pid
  }

  /** Each of the first so many attempts has its connection ended while it works. */
  async function attempts(one: Database, killed: number) {
    let count = 0
    const outcome = await one
      .inTenant(TENANT, async ({ db }) => {
        count += 1
        if (count <= killed) await terminate(await ownPid(db))
        const { slug } = await db.selectFrom('tenant').select('slug').executeTakeFirstOrThrow()
        return slug
      })
      .catch((error: unknown) => (isUnavailable(error) ? 'unavailable' : error))
    return { count, outcome }
  }

  it('costs a reading nothing, once', async () => {
    expect(await attempts(reads, 1)).toEqual({ count: 2, outcome: 'acme' })
    expect(await attempts(reads, 2)).toEqual({ count: 2, outcome: 'unavailable' })
  })

  it('ends what may have written: whether it was committed is not known', async () => {
    expect(await attempts(writes, 1)).toEqual({ count: 1, outcome: 'unavailable' })
  })

  it('is no failure to a breaker where the reading came through', async () => {
    const one = breaker({ monotonic: () => performance.now() })
    for (let n = 0; n < 5; n++)
      expect(await attempts(guarded(reads, one), 1)).toEqual({ count: 2, outcome: 'acme' })
    expect(one.isOpen()).toBe(false)
  })

  it('costs readings nothing when all of the pool end at once, idle and in use', async () => {
    const ask = async () => {
      let asked = false
      const slug = await reads.inTenant(TENANT, async ({ db }) => {
        if (!asked) await sql`select pg_sleep(0.05)`.execute(db)
        asked = true
        return (await db.selectFrom('tenant').select('slug').executeTakeFirstOrThrow()).slug
      })
      return slug
    }
    for (let n = 0; n < 10; n++) {
      // As many as there are connections, then fewer: the others lie idle.
      const asked = Promise.all(Array.from({ length: 1 + (n % CONNECTIONS) }, ask))
      await superuser.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where usename = 'regent_test_login' and datname = $1`,
        [new URL(home.urls.login).pathname.slice(1)],
      )
      expect([n, new Set(await asked)]).toEqual([n, new Set(['acme'])])
    }
  })

  it('is asked once more only where it was there: one that cannot be made is asked for once', async () => {
    await reads.inTenant(TENANT, async () => {})
    proxy.reset()
    const before = proxy.opened()
    const failure = await reads.inTenant(TENANT, async () => {}).catch((error: unknown) => error)
    expect(isUnavailable(failure)).toBe(true)
    // Those that lay idle were reset as well, and the pool has noticed or notices now; then one was opened, in vain.
    expect(proxy.opened() - before).toBeLessThanOrEqual(2)
    const again = proxy.opened()
    await reads.inTenant(TENANT, async () => {}).catch(() => {})
    expect(proxy.opened() - again).toBe(1)
    await proxy.mend()
  })

  it('is no way to write: the database refuses it', async () => {
    const written = reads.asOperator(({ db }) =>
      db
        .insertInto('tenant')
        .values({ tenant_id: '00000000-0000-4000-8000-000000000002' as TenantId, region: 'eu', slug: 'b' })
        .execute(),
    )
    expect(await written.then(() => 'written', sqlState)).toBe('25006')
  })
})
