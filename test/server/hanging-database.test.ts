/**
 * T61 to T63: `regent serve` and a database that hangs, is slow, resets or refuses connections: known clients get their
 * tokens, documents are served, nobody is told a lie, few attempts are made, and all is as before when it is over.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { runCommand, startCommand } from '../support/command.ts'
import { createDatabase, freePort, startPostgres, type TestServer } from '../support/postgres.ts'
import { openTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'

type Client = { issuer: string; clientId: string; secret: string }
type Answer = { status: number; retryAfter: string | null; error: string | undefined }

const ASKERS = 10
/** Milliseconds for which strangers are sent, and the shortest pause between two attempts of an open breaker. */
const FLOOD = 3000
const SHORTEST_PAUSE = 500

describe('a server whose database', () => {
  let postgres: TestServer
  let home: Awaited<ReturnType<typeof createDatabase>>
  let superuser: pg.Client
  let proxy: TcpProxy
  let regent: ReturnType<typeof startCommand>
  let client: Client
  let ops: string

  beforeAll(async () => {
    postgres = await startPostgres()
    home = await createDatabase(postgres.url)
    const url = new URL(home.url)
    proxy = await openTcpProxy({ host: url.hostname, port: Number(url.port) })
    url.port = String(proxy.port)
    const [port, opsPort] = [await freePort(), await freePort()]
    ops = `http://127.0.0.1:${opsPort}`
    const environment = {
      PORT: String(port),
      REGENT_OPS_PORT: String(opsPort),
      DATABASE_URL: url.href,
      // Past the proxy: what is counted there is the pool's.
      DATABASE_DIRECT_URL: home.url,
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
    expect((await askKnown()).status).toBe(200)
    expect(await askDocument()).toBe(200)
  }, 300_000)

  afterAll(async () => {
    regent.kill('SIGTERM')
    await regent.ended
    await superuser.end()
    await proxy.cut()
    await home.drop()
    await postgres.stop()
  }, 60_000)

  async function ask(issuer: string, clientId: string): Promise<Answer> {
    const body = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: clientId,
      client_secret: client.secret,
    })
    const response = await fetch(`${issuer}/oauth2/token`, { method: 'POST', body })
    const { error } = (await response.json()) as { error?: string }
    return { status: response.status, retryAfter: response.headers.get('retry-after'), error }
  }
  let strangers = 0
  const askKnown = () => ask(client.issuer, client.clientId)
  const askUnknown = () => ask(client.issuer, `nobody-${(strangers += 1)}`)
  const askNowhere = () => ask(`${client.issuer}-${(strangers += 1)}`, client.clientId)
  const askDocument = async () => {
    const response = await fetch(`${client.issuer}/.well-known/jwks.json`)
    await response.arrayBuffer()
    return response.status
  }
  const metrics = async () => (await fetch(`${ops}/metrics`)).text()
  const isGivenUp = async () => (await metrics()).includes('regent_database_answers{region="none"} 0')

  /** The server with all of its processes; what is connected stays so, and new connections are taken in by the kernel. */
  async function signalPostgres(signal: NodeJS.Signals, pids: number[]): Promise<void> {
    if (signal === 'SIGSTOP') {
      const { rows: at } = await superuser.query<{ folder: string }>(
        `select current_setting('data_directory') as folder`,
      )
      const file = readFileSync(join(at[0]?.folder ?? '', 'postmaster.pid'), 'utf8')
      pids.push(Number(file.split('\n')[0]))
      process.kill(pids[0] as number, signal)
      const { rows } = await superuser.query<{ pid: number }>('select pid from pg_stat_activity')
      pids.push(...rows.map(({ pid }) => pid))
    }
    for (const pid of pids) process.kill(pid, signal)
  }
  const stopped: number[] = []

  it.each<[string, () => unknown, () => unknown]>([
    ['T61 refuses connections', () => proxy.cut(), () => proxy.mend()],
    ['T61 resets connections', () => proxy.reset(), () => proxy.mend()],
    ['T62 is a black hole', () => proxy.freeze(), () => proxy.mend()],
    ['T62 is gone without a word', () => proxy.halfOpen(), () => proxy.mend()],
    [
      'T62 is stopped (SIGSTOP)',
      () => signalPostgres('SIGSTOP', stopped),
      () => signalPostgres('SIGCONT', stopped),
    ],
    ['T63 takes 600 ms each way', () => proxy.slow({ latency: 600 }), () => proxy.mend()],
    ['T63 trickles', () => proxy.slow({ bytesPerSecond: 100 }), () => proxy.mend()],
  ])(
    '%s',
    async (_case, disturb, mend) => {
      const known = new Set<number>()
      const unknown = new Map<string, number>()
      const askAll = async (until: () => boolean | Promise<boolean>) => {
        while (!(await until())) {
          known.add((await askKnown()).status).add(await askDocument())
          for (const { status, retryAfter, error } of [await askUnknown(), await askNowhere()]) {
            const answer = `${status} ${error} ${retryAfter}`
            unknown.set(answer, (unknown.get(answer) ?? 0) + 1)
          }
        }
      }
      try {
        await disturb()
        // From the first moment on, while it is still asked and waited for.
        await askAll(isGivenUp)

        const [begun, opened] = [performance.now(), proxy.opened()]
        await Promise.all(
          Array.from({ length: ASKERS }, () => askAll(() => performance.now() - begun > FLOOD)),
        )
        const attempts = proxy.opened() - opened
        const elapsed = performance.now() - begun
        process.stderr.write(
          `${_case}: ${attempts} connections opened for ${JSON.stringify([...unknown])} in ${Math.round(elapsed)} ms\n`,
        )
        expect(attempts).toBeLessThanOrEqual(1 + elapsed / SHORTEST_PAUSE)
        expect([...known]).toEqual([200])
        // Never invalid_client, nor 404: that is the database's to say.
        expect([...unknown.keys()]).toEqual(['503 temporarily_unavailable 5'])
        expect((await fetch(`${ops}/readyz`)).status).toBe(200)
        // What was refused without asking is no fault of its own: that the database was given up was said once.
        expect(regent.said.out).not.toContain('EHOSTDOWN')
      } finally {
        await mend()
      }
      while ((await askUnknown()).status !== 401) await sleep(100)
      expect((await askNowhere()).status).toBe(404)
      expect((await askKnown()).status).toBe(200)
      expect(await isGivenUp()).toBe(false)
      // One line for each time, with the cause.
      const lost = regent.said.out.split('\n').filter((line) => line.includes('"database_lost"'))
      expect(lost.every((line) => line.includes('"error":{'))).toBe(true)
    },
    120_000,
  )
})
