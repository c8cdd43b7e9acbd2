/** The durable issuance log of a real process: no token leaves without its row, whatever becomes of process and database. */
import { decodeJwt } from 'jose'
import pg from 'pg'
import { runCommand, startCommand } from '../support/command.ts'
import { createDatabase, freePort } from '../support/postgres.ts'
import { openTcpProxy } from '../support/tcp-proxy.ts'

type Client = { issuer: string; clientId: string; secret: string }

const KEY = `2026:${Buffer.alloc(32, 3).toString('base64')}`

describe('regent serve with REGENT_ISSUANCE_LOG=durable', () => {
  let home: Awaited<ReturnType<typeof createDatabase>>
  let proxy: Awaited<ReturnType<typeof openTcpProxy>>
  let superuser: pg.Pool
  let environment: Record<string, string>
  let client: Client
  let ops: string

  beforeAll(async () => {
    home = await createDatabase()
    superuser = new pg.Pool({ connectionString: home.superuserUrl, max: 1 })
    const url = new URL(home.url)
    proxy = await openTcpProxy({ host: url.hostname, port: Number(url.port) })
    url.host = `127.0.0.1:${proxy.port}`
    const opsPort = await freePort()
    ops = `http://127.0.0.1:${opsPort}`
    environment = {
      PORT: String(await freePort()),
      REGENT_OPS_PORT: String(opsPort),
      DATABASE_URL: url.href,
      DATABASE_ADMIN_URL: home.adminUrl,
      REGENT_MASTER_KEYS: KEY,
      REGENT_BCRYPT_COST: '4',
      REGENT_DRAIN: '0',
      REGENT_ISSUANCE_LOG: 'durable',
    }
    for (const command of ['roles', 'up'])
      expect((await runCommand(['migrate', command], environment)).code).toBe(0)
    const demo = await runCommand(['demo', '--json'], environment)
    client = (JSON.parse(demo.out) as Client[])[0] as Client
  }, 120_000)
  afterAll(async () => {
    await proxy.cut()
    await superuser.end()
    await home.drop()
  })

  const ask = () =>
    fetch(`${client.issuer}/oauth2/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: client.clientId,
        client_secret: client.secret,
      }),
    })
  const jtiOf = async (response: Response) =>
    decodeJwt(((await response.json()) as { access_token: string }).access_token).jti ?? ''
  const rows = async () => {
    const { rows: found } = await superuser.query<{ token: string }>(
      'select token_id as token from regent.issuance',
    )
    return new Set(found.map(({ token }) => token))
  }
  const serve = async (more: Record<string, string> = {}) => {
    const regent = startCommand(['serve'], { ...environment, ...more })
    await regent.says('server_started')
    return regent
  }

  it('has the row of every token that was answered, after the process was killed under load', async () => {
    const answered: string[] = []
    for (let round = 0; round < 3; round++) {
      const regent = await serve()
      let gone = false
      const load = Array.from({ length: 16 }, async () => {
        while (!gone) {
          const response = await ask().catch(() => undefined)
          if (response?.status !== 200) continue
          const jti = await jtiOf(response).catch(() => undefined)
          if (jti !== undefined) answered.push(jti)
        }
      })
      const wanted = answered.length + 50
      while (answered.length < wanted) await new Promise((resolve) => setTimeout(resolve, 5))
      regent.kill('SIGKILL')
      await regent.ended
      gone = true
      await Promise.all(load)
    }
    const found = await rows()
    expect(answered.length).toBeGreaterThanOrEqual(150)
    expect(answered.filter((token) => !found.has(token))).toEqual([])
  }, 120_000)

  it.each([
    ['is gone', () => proxy.cut()],
    ['hangs', async () => proxy.freeze()],
    ['resets connections', async () => proxy.reset()],
  ])(
    'answers 503 and no token while its database %s, and tokens again when it is back',
    async (_case, disturb) => {
      const regent = await serve()
      expect((await ask()).status).toBe(200)
      await disturb()
      try {
        const refused = await Promise.all(Array.from({ length: 8 }, ask))
        for (const response of refused) {
          expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1'])
          expect(await response.json()).toEqual({
            error: 'temporarily_unavailable',
            error_description: expect.any(String),
          })
        }
      } finally {
        await proxy.mend()
      }
      let again = await ask()
      for (let tries = 0; tries < 100 && again.status !== 200; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 100))
        again = await ask()
      }
      expect(await rows()).toContain(await jtiOf(again))
      regent.kill('SIGTERM')
      expect(await regent.ended).toBe(0)
      expect(regent.said.out).toContain('"reason":"issuance_not_recorded"')
    },
    60_000,
  )

  it('in async, goes on while its database hangs, writes at the stop what waited, and tells how much it wrote', async () => {
    const regent = await serve({ REGENT_ISSUANCE_LOG: 'async' })
    const tokens = [await jtiOf(await ask())]
    proxy.freeze()
    for (let n = 0; n < 5; n++) {
      const response = await ask()
      expect(response.status).toBe(200)
      tokens.push(await jtiOf(response))
    }
    const waiting = await (await fetch(`${ops}/metrics`)).text()
    expect(waiting).toMatch(/^regent_issuance_dropped_total\{region="none"\} 0$/m)
    await proxy.mend()
    tokens.push(await jtiOf(await ask()))
    regent.kill('SIGTERM')
    expect(await regent.ended).toBe(0)
    const found = await rows()
    expect(tokens.filter((token) => !found.has(token))).toEqual([])
    const { rows: uses } = await superuser.query<{ uses: string }>(
      'select sum(uses) as uses from regent.credential_use',
    )
    expect(Number(uses[0]?.uses)).toBeGreaterThanOrEqual(tokens.length)
  }, 60_000)
})
