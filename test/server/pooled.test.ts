/**
 * T71 `regent serve` and `regent migrate` behind PgBouncer in transaction mode, configured as docs/guides/behind-a-pooler.md
 * says: what works, and what is refused in a sentence rather than at the first token.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { runCommand, startCommand } from '../support/command.ts'
import {
  describeBehindPgBouncer,
  describeBehindPreparingPgBouncer,
  startPgBouncer,
  type PgBouncer,
} from '../support/pgbouncer.ts'
import { createDatabase, freePort } from '../support/postgres.ts'

type Client = { issuer: string; clientId: string; secret: string }
type Environment = Readonly<Record<string, string>>

let place: Place

/** A migrated database with the demo's tenants, and a pooler before it. */
async function openPlace() {
  const home = await createDatabase()
  const pooler = await startPgBouncer(home.superuserUrl)
  const [port, opsPort] = [await freePort(), await freePort()]
  const environment: Environment = {
    PORT: String(port),
    REGENT_OPS_PORT: String(opsPort),
    DATABASE_URL: pooler.through(home.url),
    DATABASE_ADMIN_URL: home.adminUrl,
    REGENT_MASTER_KEYS: `test:${Buffer.alloc(32, 3).toString('base64')}`,
    REGENT_BCRYPT_COST: '4',
    REGENT_DRAIN: '0',
    REGENT_DB_PREPARE: 'off',
  }
  for (const command of ['roles', 'up'])
    expect((await runCommand(['migrate', command], environment)).code).toBe(0)
  const [client] = JSON.parse((await runCommand(['demo', '--json'], environment)).out) as Client[]
  if (client === undefined) throw new Error('the demo made no client')
  return {
    home,
    pooler,
    environment,
    ops: `http://127.0.0.1:${opsPort}`,

    async ask(clientId = client.clientId): Promise<number> {
      const body = new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: clientId,
        client_secret: client.secret,
      })
      const response = await fetch(`${client.issuer}/oauth2/token`, { method: 'POST', body })
      await response.arrayBuffer()
      return response.status
    },

    async close() {
      await pooler.stop()
      await home.drop()
    },
  }
}

type Place = Awaited<ReturnType<typeof openPlace>>

beforeAll(async () => {
  place = await openPlace()
}, 240_000)
afterAll(() => place.close())

/** Runs a server until the work is done. @returns what it logged, without what went as it should */
async function whileServing(more: Environment, work: () => Promise<void>) {
  const regent = startCommand(['serve'], { ...place.environment, ...more })
  await regent.says('"listening"')
  await regent.says('server_started')
  await work().finally(() => regent.kill('SIGTERM'))
  expect(await regent.ended).toBe(0)
  return regent.said.out
    .trim()
    .split('\n')
    .map(
      (line) => JSON.parse(line) as { event: string; level: number; message?: string; listening?: boolean },
    )
    .filter(({ level }) => level > 30)
}

const until = async (reached: () => Promise<boolean>) => {
  while (!(await reached())) await sleep(50)
}

describeBehindPgBouncer('T71 behind a PgBouncer that knows no prepared statements', () => {
  it.each([
    ['refuses startup options', {}],
    ['ignores them', { ignore_startup_parameters: 'options' }],
  ])('migrations are refused through one that %s, and go past it', async (_case, settings) => {
    const pooler: PgBouncer = await startPgBouncer(place.home.superuserUrl, settings)
    const wrong = { ...place.environment, DATABASE_ADMIN_URL: pooler.through(place.home.adminUrl) }
    const { code, err } = await runCommand(['migrate', 'status'], wrong)
    await pooler.stop()
    expect([code, err]).toEqual([
      1,
      expect.stringMatching(/^DATABASE_ADMIN_URL leads through a pooler.*DATABASE_ADMIN_URL/m),
    ])
    expect(err).not.toMatch(/^ +at /m)
    const right = await runCommand(['migrate', 'status', '--json'], place.environment)
    expect([right.code, JSON.parse(right.out)]).toEqual([0, [expect.objectContaining({ pending: [] })]])
  })

  it('a server does not start that would use them, and says what to set', async () => {
    const { code, err, out } = await runCommand(['serve'], { ...place.environment, REGENT_DB_PREPARE: 'on' })
    expect([code, err]).toEqual([1, expect.stringMatching(/DATABASE_URL leads .*REGENT_DB_PREPARE=off/)])
    expect(out).not.toContain('server_started')
  })

  it('a server works that has no way past it, and says so', async () => {
    const troubles = await whileServing({}, async () => {
      expect([await place.ask(), await place.ask('nobody')]).toEqual([200, 401])
    })
    expect(troubles.map(({ event }) => event)).toEqual(['listening', 'warning'])
    expect(troubles[1]?.message).toContain('DATABASE_DIRECT_URL ')
  })

  it('a server works that does without, listens past it, and outlives a pooler that ends every connection', async () => {
    const database = new URL(place.home.url).pathname.slice(1)
    const troubles = await whileServing({ DATABASE_DIRECT_URL: place.home.url }, async () => {
      expect([await place.ask(), await place.ask('nobody')]).toEqual([200, 401])
      expect(await (await fetch(`${place.ops}/metrics`)).text()).toContain(
        'regent_listening{region="none"} 1',
      )
      expect(place.pooler.said()).not.toMatch(/pooler error|when not linked/)
      await place.pooler.ask(`KILL ${database}`)
      await until(async () => (await place.ask('nobody-1')) === 503)
      expect(await place.ask()).toBe(200)
      await place.pooler.ask(`RESUME ${database}`)
      await until(async () => (await place.ask('nobody-2')) === 401)
      expect(await place.ask()).toBe(200)
    })
    const known = [
      'request_refused',
      'server_error',
      'refusals_not_logged',
      'server_errors_not_logged',
      'database_lost',
      'database_found',
    ]
    expect(troubles.filter(({ event }) => !known.includes(event))).toEqual([])
    const refused = troubles.filter(({ event }) => event === 'request_refused')
    for (const one of refused) expect(one).toMatchObject({ reason: 'database_unavailable' })
  })
})

describeBehindPreparingPgBouncer('T71 behind a PgBouncer that keeps prepared statements', () => {
  let pooler: PgBouncer
  beforeAll(async () => {
    pooler = await startPgBouncer(place.home.superuserUrl, { max_prepared_statements: 100 })
  })
  afterAll(() => pooler.stop())

  it('a server works that uses them', async () => {
    const [url, direct] = [pooler.through(place.home.url), place.home.url]
    const more = { REGENT_DB_PREPARE: 'on', DATABASE_URL: url, DATABASE_DIRECT_URL: direct }
    const troubles = await whileServing(more, async () => {
      for (let n = 0; n < 5; n++)
        expect([await place.ask(), await place.ask(`nobody-${n}`)]).toEqual([200, 401])
    })
    expect(troubles).toEqual([])
    expect(pooler.said()).not.toMatch(/pooler error|when not linked/)
  })
})
