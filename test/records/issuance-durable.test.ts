/** The durable issuance log of a real process: no token leaves without its row, whatever becomes of process and database. */
import { decodeJwt } from 'jose'
import pg from 'pg'
import { createDemo, type DemoClient } from '../../src/cli/demo.ts'
import { keyring } from '../../src/keys/keyring.ts'
import { deriveKeys } from '../../src/sealing/derive.ts'
import { parseMasterKeys } from '../../src/sealing/master-keys.ts'
import { sealing } from '../../src/sealing/seal.ts'
import { parseOrigin } from '../../src/tenancy/origin.ts'
import { startCommand } from '../support/command.ts'
import { noteSecret } from '../support/noted-secrets.ts'
import { freePort } from '../support/postgres.ts'
import { openTcpProxy } from '../support/tcp-proxy.ts'
import { openMigratedDatabase } from '../support/world.ts'

const KEY = `2026:${Buffer.alloc(32, 3).toString('base64')}`

describe('regent serve with REGENT_ISSUANCE_LOG=durable', () => {
  let home: Awaited<ReturnType<typeof openMigratedDatabase>>
  let proxy: Awaited<ReturnType<typeof openTcpProxy>>
  let superuser: pg.Pool
  let environment: Record<string, string>
  let client: DemoClient
  let ops: string

  beforeAll(async () => {
    home = await openMigratedDatabase()
    superuser = new pg.Pool({ connectionString: home.urls.superuser, max: 1 })
    const url = new URL(home.urls.login)
    proxy = await openTcpProxy({ host: url.hostname, port: Number(url.port) })
    url.host = `127.0.0.1:${proxy.port}`
    const [port, opsPort] = [await freePort(), await freePort()]
    ops = `http://127.0.0.1:${opsPort}`
    environment = {
      PORT: String(port),
      REGENT_OPS_PORT: String(opsPort),
      DATABASE_URL: url.href,
      DATABASE_URL_EU: 'default',
      REGENT_REGIONS: 'eu',
      REGENT_MASTER_KEYS: KEY,
      REGENT_BCRYPT_COST: '4',
      REGENT_DRAIN: '0',
      // On a busy machine a database that is there takes its time.
      REGENT_DB_TIMEOUT: '4000',
      REGENT_ISSUANCE_LOG: 'durable',
    }
    const masterKeys = parseMasterKeys(KEY)
    const origin = parseOrigin(`http://localhost:${port}`)
    if (typeof masterKeys === 'string' || origin === undefined) throw new Error('the story cannot begin')
    const needs = {
      region: 'eu',
      database: home.database,
      origin,
      keyring: keyring(sealing(masterKeys)),
      bcryptCost: 4,
      digestKeys: deriveKeys(masterKeys, 'credential digest'),
      maxStale: 3600,
      actor: 'test',
    } as const
    client = await createDemo(needs, undefined)
    noteSecret('client secret', client.secret)
  }, 60_000)
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
    for (let round = 0; round < 2; round++) {
      const regent = await serve()
      const state = { gone: false }
      const load = Array.from({ length: 16 }, async () => {
        while (!state.gone) {
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
      state.gone = true
      await Promise.all(load)
    }
    const found = await rows()
    expect(answered.length).toBeGreaterThanOrEqual(100)
    expect(answered.filter((token) => !found.has(token))).toEqual([])
  }, 300_000)

  it('answers 503 and no token while its database is gone, hangs or resets, and tokens again when it is back', async () => {
    const regent = await serve()
    const faults = { gone: () => proxy.cut(), hangs: () => proxy.freeze(), resets: () => proxy.reset() }
    for (const [fault, disturb] of Object.entries(faults)) {
      expect([fault, (await ask()).status]).toEqual([fault, 200])
      await disturb()
      try {
        for (const response of await Promise.all(Array.from({ length: 8 }, ask))) {
          expect([fault, response.status, response.headers.get('retry-after')]).toEqual([fault, 503, '1'])
          expect(await response.json()).toEqual({
            error: 'temporarily_unavailable',
            error_description: expect.any(String),
          })
        }
      } finally {
        await proxy.mend()
      }
      let again = await ask()
      for (let tries = 0; tries < 200 && again.status !== 200; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 100))
        again = await ask()
      }
      expect(await rows()).toContain(await jtiOf(again))
    }
    regent.kill('SIGTERM')
    expect(await regent.ended).toBe(0)
    expect(regent.said.out).toContain('"reason":"issuance_not_recorded"')
  }, 300_000)

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
    expect(waiting).toMatch(/^regent_issuance_dropped_total\{region="eu"\} 0$/m)
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
  }, 300_000)
})
