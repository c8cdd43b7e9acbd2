import { once } from 'node:events'
import { request } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { runCommand, startCommand } from '../support/command.ts'
import { createDatabase, freePort, PASSWORD } from '../support/postgres.ts'

const KEY = `2026:${Buffer.alloc(32, 3).toString('base64')}`

type Client = { issuer: string; clientId: string; secret: string }

describe('regent serve', () => {
  let home: Awaited<ReturnType<typeof createDatabase>>
  let environment: Record<string, string>
  let client: Client
  let ops: string

  beforeAll(async () => {
    home = await createDatabase()
    const [port, opsPort] = [await freePort(), await freePort()]
    ops = `http://127.0.0.1:${opsPort}`
    environment = {
      PORT: String(port),
      REGENT_OPS_PORT: String(opsPort),
      DATABASE_URL: home.url,
      DATABASE_ADMIN_URL: home.adminUrl,
      DATABASE_URL_EU: 'default',
      REGENT_MASTER_KEYS: KEY,
      REGENT_BCRYPT_COST: '4',
      REGENT_DRAIN: '1',
    }
    for (const command of ['roles', 'up'])
      expect((await runCommand(['migrate', command], environment)).code).toBe(0)
    const demo = await runCommand(['demo', '--json'], environment)
    client = (JSON.parse(demo.out) as Client[])[0] as Client
  }, 60_000)
  afterAll(() => home.drop())

  const token = () =>
    fetch(`${client.issuer}/oauth2/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: client.clientId,
        client_secret: client.secret,
      }),
    })

  it('issues tokens for the demo, which is made once and keeps its secret', async () => {
    const again = await runCommand(['demo', '--json'], environment)
    expect([again.code, again.out]).toEqual([0, '[]\n'])
    expect(again.err).toContain('the demo is there already')

    const regent = startCommand(['serve'], environment)
    await regent.says('server_started')
    expect((await token()).status).toBe(200)
    expect(await (await fetch(`${ops}/livez`)).json()).toEqual({ live: true })
    expect(await (await fetch(`${ops}/readyz`)).json()).toEqual({ ready: true })
    const metrics = await fetch(`${ops}/metrics`)
    expect(metrics.headers.get('content-type')).toContain('text/plain; version=0.0.4')
    const text = await metrics.text()
    for (const line of [
      /^regent_tokens_issued_total\{grant_type="client_credentials"\} 1$/m,
      /^regent_memory_clients\{region="\w+"\} 1$/m,
      /^regent_database_answers\{region="eu"\} 1$/m,
      // The pool and the connection that listens.
      /^regent_region_connections\{region="eu"\} 5$/m,
      /^regent_hash_queue_waiting 0$/m,
    ])
      expect(text).toMatch(line)
    expect(text).not.toContain(client.clientId)
    expect((await fetch(`${ops}/elsewhere`)).status).toBe(404)
    regent.kill('SIGTERM')
    expect(await regent.ended).toBe(0)
    const events = regent.said.out
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { event: string }).event)
    // Connections that listen come about by themselves.
    expect(events.filter((event) => event !== 'listening')).toEqual([
      'server_started',
      'server_stopping',
      'tokens_issued',
      'server_stopped',
    ])
  }, 60_000)

  it('stops in order: readiness off and Connection: close at once, then the listener, then what is under way', async () => {
    const regent = startCommand(['serve'], environment)
    await regent.says('server_started')
    const slow = request(`${client.issuer}/oauth2/token`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded', 'Content-Length': 1000 },
    })
    const answered = new Promise((resolve, reject) => {
      slow
        .on('response', ({ statusCode, headers }) => resolve([statusCode, headers.connection]))
        .on('error', reject)
    })
    slow.write('grant_type=client_credentials&')
    await sleep(100)

    regent.kill('SIGTERM')
    regent.kill('SIGTERM') // within a second it is the same signal
    await sleep(300)
    expect(await (await fetch(`${ops}/readyz`)).json()).toEqual({ ready: false, reason: 'stopping' })
    expect((await fetch(`${ops}/livez`)).status).toBe(200)
    const late = await token()
    expect([late.status, late.headers.get('connection')]).toEqual([200, 'close'])

    await sleep(1500)
    await expect(token()).rejects.toThrow('fetch failed')
    slow.end(''.padEnd(1000 - 'grant_type=client_credentials&'.length, 'x'))
    // It came before the signal, and its connection is not kept either.
    expect(await answered).toEqual([401, 'close'])
    expect(await regent.ended).toBe(0)
  }, 60_000)

  it.each([
    ['no master key', { REGENT_MASTER_KEYS: '' }, /- REGENT_MASTER_KEYS is not set/],
    [
      'another master key',
      { REGENT_MASTER_KEYS: KEY.replace('2026', 'other') },
      /does not open the signing keys/,
    ],
    [
      'a region that its database is not stamped for',
      { DATABASE_URL_US: 'default' },
      /not stamped for region us but for eu, none/,
    ],
    [
      'several faults at once',
      { PORT: 'x', REGENT_DRAIN: '99', LOG_LEVEL: 'loud', REGENT_MASTER_KEYS: '' },
      /4 faults:\n {2}- PORT[^]*REGENT_DRAIN[^]*LOG_LEVEL[^]*REGENT_MASTER_KEYS/,
    ],
  ])('does not start with %s, and says so in a sentence', async (_case, more, sentence) => {
    const { code, err } = await runCommand(['serve'], { ...environment, ...more })
    expect(code).toBe(1)
    expect(err).toMatch(sentence)
    expect(err).not.toMatch(/^ +at /m)
  })

  it('serves none of its regions when it cannot serve one of them', async () => {
    const gone = `postgres://regent@127.0.0.1:${await freePort()}/regent`
    const { code, err, out } = await runCommand(['serve'], {
      ...environment,
      DATABASE_URL_US: gone,
      DATABASE_URL_AU: `${home.url}_of_nobody`,
      REGENT_MASTER_KEYS: KEY.replace('2026', 'other'),
    })
    expect(code).toBe(1)
    expect(out).not.toContain('server_started')
    expect(err.split('\n').map((line) => line.slice(0, 70))).toEqual([
      expect.stringContaining('serves all of its regions or none'),
      expect.stringMatching(/^ {2}- au: The database of DATABASE_URL_AU cannot be used/),
      expect.stringMatching(/^ {2}- us: The database of DATABASE_URL_US cannot be used/),
      expect.stringMatching(/^ {2}- none: REGENT_MASTER_KEYS does not open/),
      expect.stringMatching(/^ {2}- eu: REGENT_MASTER_KEYS does not open/),
      '',
    ])
  })

  it('lives and is not ready while it waits for a database', async () => {
    const silent = createServer().listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as AddressInfo
    const regent = startCommand(['serve'], {
      ...environment,
      DATABASE_URL: `postgres://regent@127.0.0.1:${port}/regent`,
      DATABASE_ADMIN_URL: '',
      REGENT_DB_TIMEOUT: '60000',
    })
    await once(silent, 'connection')
    expect((await fetch(`${ops}/livez`)).status).toBe(200)
    const ready = await fetch(`${ops}/readyz`)
    expect([ready.status, await ready.json()]).toEqual([503, { ready: false, reason: 'starting' }])
    regent.kill('SIGKILL')
    await regent.ended
    silent.close()
  })

  it.each([
    ['an address that is not of this machine', { HOST: '192.0.2.1' }, /^Regent cannot listen.*set HOST/m],
    ['a port of health that is taken', {}, /is in use: set REGENT_OPS_HOST.*REGENT_OPS_PORT/],
  ])('does not start on %s', async (_case, more, sentence) => {
    const taken = createServer().listen(Number(environment.REGENT_OPS_PORT), '127.0.0.1')
    await once(taken, 'listening')
    const { code, err } = await runCommand(['serve'], { ...environment, ...more })
    taken.close()
    expect([code, err]).toEqual([1, expect.stringMatching(sentence)])
  })

  it('prints what is in effect, secrets masked', async () => {
    const { out } = await runCommand(['print-config'], environment)
    expect(out).toContain('REGENT_DRAIN=1\n')
    expect(out).toContain('REGENT_MASTER_KEYS=2026:****\n')
    expect(out).toContain('REGENT_REGIONS=none,eu\n')
    expect(out).not.toContain(KEY.slice(5))
    expect(out).not.toContain(PASSWORD)
    const json = await runCommand(['print-config', '--json'], environment)
    expect(JSON.parse(json.out)).toMatchObject({ LOG_LEVEL: 'info', PORT: environment.PORT })
  })
})
