/**
 * T71 Behind PgBouncer in transaction mode, whose one session serves everybody in turn: nothing of a transaction is left for
 * the next one, prepared statements are known or are not used, and changes are hinted at past it.
 */
import { Client, type Pool } from 'pg'
import { setClientState } from '../../src/changes/client-changes.ts'
import type { ClientId } from '../../src/ids.ts'
import { assembleServer } from '../../src/server/assemble.ts'
import type { ServedRegion } from '../../src/server/served-region.ts'
import { connectionTo } from '../../src/storage/connection.ts'
import { openPostgres } from '../../src/storage/open-postgres.ts'
import { requirePreparedStatements } from '../../src/storage/pooler.ts'
import { database, sqlState, type DatabaseSettings } from '../../src/storage/transaction.ts'
import type { Observation } from '../../src/observe/observation.ts'
import {
  describeBehindPgBouncer,
  describeBehindPreparingPgBouncer,
  startPgBouncer,
  type PgBouncer,
} from '../support/pgbouncer.ts'
import { LIMITS, openWorld, type WorldWorkspace } from '../support/world.ts'

const until = async (reached: () => boolean) => {
  while (!reached()) await new Promise((resolve) => setTimeout(resolve, 10))
}

let place: Place

/** One world for all; its pooler has one session for it. */
async function openPlace() {
  let pooler: PgBouncer | undefined
  const world = await openWorld({
    regions: ['eu'],
    async route(url) {
      pooler = await startPgBouncer(url, { default_pool_size: 1 })
      return pooler.through(url)
    },
  })
  if (pooler === undefined) throw new Error('the world did not ask for the way')
  const [acme, rival] = [
    await world.workspace('https://acme.eu.token.example/orders'),
    await world.workspace('https://rival.eu.token.example/orders'),
  ]
  return { world, pooler, acme, rival, robots: [await acme.client('robot'), await rival.client('robot')] }
}

type Place = Awaited<ReturnType<typeof openPlace>>

beforeAll(async () => {
  place = await openPlace()
}, 120_000)
afterAll(async () => {
  await place.world.close()
  await place.pooler.stop()
})

/** All that a session keeps of whoever had it, as the login sees it there. */
async function sessionState(url: string) {
  const client = new Client({ connectionString: url, application_name: 'regent' })
  await client.connect()
  const { rows } = await client
    .query(
      `select current_user, nullif(current_setting('regent.tenant', true), '') as tenant,
         (select array_agg(name || '=' || setting order by name) from pg_settings
          where name = 'role' or name like '%timeout' or name = 'synchronous_commit') as settings,
         array(select pg_listening_channels()) as channels`,
    )
    .finally(() => client.end())
  return rows[0] as unknown
}

/** Both tenants at once, each time anew from the database. */
async function askBoth({ world, acme, rival, robots: [own, others] }: Place, rounds: number) {
  const issuer = async (workspace: WorldWorkspace, robot: typeof own) => {
    const { body, text } = await workspace.token(robot)
    const { access_token: token } = (body.access_token ? body : JSON.parse(text)) as { access_token: string }
    return (await workspace.verify(token)).payload.iss
  }
  for (let round = 0; round < rounds; round++) {
    world.node.nodes.get('eu')?.directory.forgetAll()
    const issuers = Promise.all([issuer(acme, own), issuer(rival, others)])
    const strangers = Promise.all([acme.token(others), rival.token(own)])
    expect(await issuers).toEqual([acme.workspace.issuer, rival.workspace.issuer])
    expect((await strangers).map(({ status }) => status)).toEqual([401, 401])
  }
}

describeBehindPgBouncer('T71 one session of PgBouncer for all', () => {
  let through: string
  const sessions = async () =>
    (await place.pooler.ask('SHOW SERVERS')).filter(({ user }) => user === 'regent_test_login')

  beforeAll(() => {
    through = place.pooler.through(place.world.urls.login)
  })

  it('gives each tenant its own, though their transactions share it', async () => {
    await askBoth(place, 10)
    expect(await sessions()).toHaveLength(1)
  })

  it('is left by each transaction as it was: no role, no tenant, no limit', async () => {
    const fresh = await sessionState(place.world.urls.login)
    const [session] = await sessions()
    expect(await sessionState(through)).toEqual(fresh)
    const { database: home } = place.world
    const { tenant } = place.acme.workspace
    const failing = home.inTenant(tenant.id, ({ db }) => db.selectFrom('node').selectAll().execute())
    expect(await failing.catch(sqlState)).toBe('42501')
    expect(await sessionState(through)).toEqual(fresh)
    expect((await sessions()).map(({ remote_pid: pid }) => pid)).toEqual([session?.remote_pid])
  })

  it('is not handed on where whoever had it vanished inside a transaction', async () => {
    const [before] = await sessions()
    const { pool } = place.world
    const hurried = database(pool, { ...LIMITS, deadline: 200 })
    const { tenant } = place.acme.workspace
    const stalled = hurried.inTenant(tenant.id, () => new Promise((resolve) => setTimeout(resolve, 600)))
    expect(await stalled.catch(sqlState)).toBe('ETIMEDOUT')
    expect(await sessionState(through)).toEqual(await sessionState(place.world.urls.login))
    expect((await sessions()).map(({ remote_pid: pid }) => pid)).not.toContain(before?.remote_pid)
  })

  it('lets nobody do anything who says no role', async () => {
    const client = new Client({ connectionString: through })
    await client.connect()
    const tables = ['client', 'tenant', 'signing_key', 'change_counter']
    for (const table of tables)
      expect(await client.query(`select from regent.${table}`).then(String, sqlState)).toBe('42501')
    await client.end()
  })
})

describeBehindPgBouncer('T71 changes behind PgBouncer', () => {
  /** A node that listens that way. */
  async function another(listening: Pick<ServedRegion, 'listen' | 'directVariable'>) {
    const seen: Observation[] = []
    const { parts, database: home, connections } = place.world
    const node = assembleServer({
      ...parts,
      regions: new Map([
        ['eu', { database: home, reads: parts.regions.get('eu')?.reads ?? home, connections, ...listening }],
      ]),
      observe: (observation) => seen.push(observation),
    })
    await node.start()
    const feed = node.nodes.get('eu')?.directory.feed
    if (feed === undefined) throw new Error('eu is not served')
    return { node, feed, seen }
  }
  const change = async (state: 'enabled' | 'disabled') => {
    const { acme, world } = place
    const needs = { ...acme.change, database: world.database }
    return (await setClientState(needs, acme.workspace, 'robot' as ClientId, state)).feedNumber
  }
  const saysListening = (seen: readonly Observation[], wanted: boolean) =>
    seen.some((one) => one.type === 'listening' && one.listening === wanted)

  it('are hinted at where LISTEN goes past it (DATABASE_DIRECT_URL)', async () => {
    const { node, feed, seen } = await another({
      listen: connectionTo(place.world.urls.login, 'DATABASE_DIRECT_URL'),
    })
    await until(() => saysListening(seen, true))
    let hints = 0
    const own = feed.hint
    Object.assign(feed, {
      hint() {
        hints += 1
        own()
      },
    })
    const number = await change('disabled')
    await until(() => hints > 0 && feed.number() >= number)
    await node.stop()
    expect(seen.filter(({ type }) => type === 'warning' || type === 'server_error')).toEqual([])
  })

  it('are found by asking where it does not, and the operator is told what to set', async () => {
    const { world, pooler } = place
    const listen = connectionTo(pooler.through(world.urls.login), 'DATABASE_URL')
    const { node, feed, seen } = await another({ listen, directVariable: 'DATABASE_DIRECT_URL_EU' })
    await until(() => saysListening(seen, false))
    expect(seen.filter(({ type }) => type === 'warning')).toEqual([
      { type: 'warning', message: expect.stringContaining('DATABASE_DIRECT_URL_EU') },
    ])
    const number = await change('enabled')
    await until(() => feed.number() >= number)
    expect(saysListening(seen, true)).toBe(false)
    // LISTEN on a session that is handed on would make PgBouncer end it, or tell others.
    expect(await sessionState(listen.connectionString ?? '')).toMatchObject({ channels: [] })
    expect(pooler.said()).not.toContain('when not linked')
    await node.stop()
  })
})

async function withPool(url: string, work: (pool: Pool) => Promise<void>) {
  const pool = await openPostgres({ url, variable: 'DATABASE_URL', connections: 4, connectTimeout: 10_000 })
  await work(pool).finally(() => pool.end())
}

/** On several connections at once. */
function readOften(pool: Pool, settings: DatabaseSettings) {
  const one = database(pool, LIMITS, settings)
  const read = () =>
    one.asOperator(({ db }) => db.selectFrom('change_counter').select(['region', 'number']).execute())
  return Promise.all(Array.from({ length: 40 }, read))
}

const statements = async (pool: Pool) =>
  (await pool.query(`select from pg_prepared_statements where name not like 'regent_probe%'`)).rowCount ?? 0

describeBehindPgBouncer('T71 a PgBouncer without prepared statements', () => {
  let pooler: PgBouncer
  beforeAll(async () => {
    pooler = await startPgBouncer(place.world.urls.login)
  })
  afterAll(() => pooler.stop())

  it('is found out, and works where they are off (REGENT_DB_PREPARE)', async () => {
    await withPool(pooler.through(place.world.urls.login), async (pool) => {
      await expect(requirePreparedStatements(pool, 'DATABASE_URL_EU')).rejects.toThrow(
        /^DATABASE_URL_EU .*REGENT_DB_PREPARE=off/,
      )
      expect(await readOften(pool, { prepare: false })).toHaveLength(40)
      expect(await statements(pool)).toBe(0)
      expect(await readOften(pool, { prepare: true }).catch(sqlState)).toMatch(/^(?:42P05|26000)$/)
    })
  })

  it('is no fault of the server behind it', async () => {
    await withPool(place.world.urls.login, (pool) => requirePreparedStatements(pool, 'DATABASE_URL'))
  })
})

describeBehindPreparingPgBouncer('T71 a PgBouncer that keeps prepared statements', () => {
  let pooler: PgBouncer
  beforeAll(async () => {
    pooler = await startPgBouncer(place.world.urls.login, { max_prepared_statements: 100 })
  })
  afterAll(() => pooler.stop())

  it('serves whoever uses them', async () => {
    await withPool(pooler.through(place.world.urls.login), async (pool) => {
      await requirePreparedStatements(pool, 'DATABASE_URL')
      for (let n = 0; n < 5; n++) expect(await readOften(pool, { prepare: true })).toHaveLength(40)
      expect(await statements(pool)).toBeGreaterThan(0)
    })
  })
})
