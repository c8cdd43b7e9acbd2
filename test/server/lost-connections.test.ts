/**
 * `regent serve` and a database that ends its connections, or has none left: known clients get their tokens, nobody is
 * told a lie, the process lives, and goes on as before. REGENT_TERMINATIONS=1000 makes it longer.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { runCommand, startCommand } from '../support/command.ts'
import { createDatabase, freePort, startPostgres, type TestServer } from '../support/postgres.ts'

const TERMINATIONS = Number(process.env.REGENT_TERMINATIONS ?? 100)
const OURS = `usename = 'regent_test_login' and application_name <> 'hog' and backend_type = 'client backend'`

type Client = { issuer: string; clientId: string; secret: string }

describe('a server whose database', () => {
  let postgres: TestServer
  let home: Awaited<ReturnType<typeof createDatabase>>
  let superuser: pg.Client
  let regent: ReturnType<typeof startCommand>
  let client: Client
  let ops: string
  const hogs: pg.Client[] = []

  beforeAll(async () => {
    postgres = await startPostgres({ settings: { max_connections: '20' } })
    home = await createDatabase(postgres.url)
    const [port, opsPort] = [await freePort(), await freePort()]
    ops = `http://127.0.0.1:${opsPort}`
    const environment = {
      PORT: String(port),
      REGENT_OPS_PORT: String(opsPort),
      DATABASE_URL: home.url,
      DATABASE_ADMIN_URL: home.adminUrl,
      REGENT_MASTER_KEYS: `test:${Buffer.alloc(32, 3).toString('base64')}`,
      REGENT_BCRYPT_COST: '4',
    }
    for (const command of ['roles', 'up'])
      expect((await runCommand(['migrate', command], environment)).code).toBe(0)
    client = (JSON.parse((await runCommand(['demo', '--json'], environment)).out) as Client[])[0] as Client
    superuser = new pg.Client({ connectionString: home.superuserUrl })
    await superuser.connect()
    regent = startCommand(['serve'], environment)
    await regent.says('server_started')
    expect(await ask(client.clientId)).toBe(200)
  }, 300_000)

  afterAll(async () => {
    for (const hog of hogs) await hog.end()
    regent.kill('SIGTERM')
    await regent.ended
    await superuser.end()
    await home.drop()
    await postgres.stop()
  }, 60_000)

  /** @returns the status of a token request */
  async function ask(clientId: string): Promise<number> {
    const body = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: clientId,
      client_secret: client.secret,
    })
    const response = await fetch(`${client.issuer}/oauth2/token`, { method: 'POST', body })
    await response.arrayBuffer()
    return response.status
  }

  async function terminateOurs(): Promise<number> {
    const { rowCount } = await superuser.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where ${OURS}`,
    )
    return rowCount ?? 0
  }

  /** As many as the server gives. */
  async function takeAll(): Promise<string> {
    for (;;) {
      const one = new pg.Client({ connectionString: home.url, application_name: 'hog' })
      one.on('error', () => {})
      try {
        await one.connect()
        hogs.push(one)
      } catch (error) {
        return Object(error).code as string
      }
    }
  }

  let unknown = 0
  const askUnknown = () => ask(`nobody-${(unknown += 1)}`)
  async function until(reached: () => Promise<boolean>) {
    while (!(await reached())) await sleep(100)
  }
  const metrics = async () => (await fetch(`${ops}/metrics`)).text()

  /** A 503 for want of the database leaves a fault, which is its cause, unless nobody was asked. */
  async function expectNoOtherFaults() {
    const text = await metrics()
    const counts = text.matchAll(
      /^regent_requests_total\{.*status="503",reason="database_unavailable"\} (\d+)$/gm,
    )
    const unavailable = [...counts].reduce((sum, [, count]) => sum + Number(count), 0)
    expect(Number(/^regent_server_errors_total (\d+)$/m.exec(text)?.[1])).toBeLessThanOrEqual(unavailable)
    expect(regent.said.out).not.toContain('EHOSTDOWN')
  }

  it('T68 ends connections again and again, idle and in use, lives and serves', async () => {
    const answers = { known: new Map<number, number>(), unknown: new Map<number, number>() }
    const count = (counts: Map<number, number>, status: number) =>
      counts.set(status, (counts.get(status) ?? 0) + 1)
    const load = { over: false }
    const life = { over: false }
    void regent.ended.then(() => (life.over = true))
    const loops = [
      async () => count(answers.known, await ask(client.clientId)),
      async () => count(answers.unknown, await askUnknown()),
      async () => count(answers.unknown, await askUnknown()),
    ].map(async (one) => {
      while (!load.over) {
        await one()
        await sleep(5)
      }
    })
    let terminated = 0
    try {
      while (terminated < TERMINATIONS) {
        if (life.over) throw new Error(`the server ended after ${terminated} terminations`)
        terminated += await terminateOurs()
        await sleep(20)
      }
    } finally {
      load.over = true
      await Promise.allSettled(loops)
    }
    process.stderr.write(
      `T68: ${terminated} connections terminated; known ${JSON.stringify([...answers.known])}, unknown ${JSON.stringify([...answers.unknown])}\n`,
    )
    expect([...answers.known.keys()]).toEqual([200])
    // 429: too many that nobody knows.
    expect([...answers.unknown.keys()].filter((status) => ![401, 429, 503].includes(status))).toEqual([])
    await until(async () => (await askUnknown()) === 401)
    expect(await (await fetch(`${ops}/readyz`)).json()).toEqual({ ready: true })
    await expectNoOtherFaults()
  }, 600_000)

  it('T66 has no connections left (53300) serves whom it knows, denies nobody, and recovers by itself', async () => {
    expect(await takeAll()).toBe('53300')
    await until(async () => {
      const before = await terminateOurs()
      await takeAll()
      return before === 0
    })
    await until(async () => (await metrics()).includes('regent_database_answers{region="none"} 0'))
    for (let n = 0; n < 20; n++) expect([await ask(client.clientId), await askUnknown()]).toEqual([200, 503])
    expect((await fetch(`${ops}/readyz`)).status).toBe(200)

    for (const one of hogs.splice(0)) await one.end()
    await until(async () => (await askUnknown()) === 401)
    expect(await ask(client.clientId)).toBe(200)
    await until(async () => (await metrics()).includes('regent_listening{region="none"} 1'))
    await expectNoOtherFaults()
  }, 300_000)
})
