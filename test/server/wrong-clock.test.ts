/**
 * T75, G20 `regent serve` on a machine whose wall clock is wrong, is set while it runs, and is set while the database is away.
 * Somebody asks for tokens all the time: whatever happens, each says when it was issued, to five seconds, and none says that
 * it was issued before the one before.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { decodeJwt } from 'jose'
import request from 'supertest'
import { startCommand } from '../support/command.ts'
import { describeWithFaketime, openFakeClock, type FakeClock } from '../support/faketime.ts'
import { freePort } from '../support/postgres.ts'
import { openTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'
import {
  encodeForm,
  MASTER_KEYS,
  openWorld,
  type Credentials,
  type World,
  type WorldWorkspace,
} from '../support/world.ts'

type Answer = { status: number; iat?: number; before: number; after: number }

const HOUR = 3600
/** Seconds that the clocks of a node and its database may differ. */
const TOLERANCE = 5

describeWithFaketime('T75 G20 a server whose clock', () => {
  let world: World
  let acme: WorldWorkspace
  let robot: Credentials
  let proxy: TcpProxy
  let environment: Record<string, string>
  let ops: string
  let port: number

  beforeAll(async () => {
    world = await openWorld({ regions: ['eu'] })
    acme = await world.workspace('https://acme.eu.token.example/orders')
    robot = await acme.client('robot')
    const { hostname, port: databasePort } = new URL(world.urls.login)
    proxy = await openTcpProxy({ host: hostname, port: Number(databasePort) })
    port = await freePort()
    const opsPort = await freePort()
    ops = `http://127.0.0.1:${opsPort}`
    environment = {
      PORT: String(port),
      REGENT_OPS_PORT: String(opsPort),
      REGENT_ORIGIN: 'https://token.example',
      DATABASE_URL_EU: Object.assign(new URL(world.urls.login), { port: proxy.port }).href,
      REGENT_DB_TIMEOUT: '10000',
      REGENT_MASTER_KEYS: MASTER_KEYS,
      REGENT_BCRYPT_COST: '4',
      REGENT_DRAIN: '0',
    }
  }, 120_000)
  afterAll(async () => {
    await proxy.cut()
    await world.close()
  })

  async function ask(): Promise<Answer> {
    const before = Date.now() / 1000
    const { status, text } = await request(`http://127.0.0.1:${port}`)
      .post(`${acme.path}/oauth2/token`)
      .set({ Host: acme.host, 'Content-Type': 'application/x-www-form-urlencoded' })
      .send(
        encodeForm({ grant_type: 'client_credentials', client_id: robot.id, client_secret: robot.secret }),
      )
    const { access_token: token } = JSON.parse(text) as { access_token?: string }
    const answer = { status, before, after: Date.now() / 1000 }
    return token === undefined ? answer : { ...answer, iat: decodeJwt(token).iat ?? 0 }
  }
  const readiness = async () =>
    (await (await fetch(`${ops}/readyz`)).json()) as { ready: boolean; reason?: string }
  const until = async (reason: string | undefined) => {
    while ((await readiness()).reason !== reason) await sleep(20)
  }

  async function serve(ahead: number, work: (clock: FakeClock) => Promise<void>) {
    const clock = openFakeClock(ahead)
    const regent = startCommand(['serve'], { ...environment, ...clock.environment })
    try {
      await regent.says('server_started')
      await work(clock)
    } finally {
      regent.kill('SIGTERM')
      await regent.ended
      clock.close()
    }
    return regent.said.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: string; state?: string; reason?: string })
  }

  it.each([10, -10])(
    'is %d seconds off at its start issues nothing until it is right',
    async (ahead) => {
      const log = await serve(ahead, async (clock) => {
        expect(await readiness()).toEqual({ ready: false, reason: 'region eu: clock wrong' })
        expect(await ask()).toMatchObject({ status: 503 })
        clock.set(0)
        await until(undefined)
        expect(await ask()).toMatchObject({ status: 200 })
      })
      expect(log.flatMap(({ state }) => state ?? [])).toEqual(['wrong', 'right'])
      expect(log.filter(({ event }) => event === 'request_refused')).toEqual([
        expect.objectContaining({ reason: 'clock_wrong' }),
      ])
    },
    120_000,
  )

  it('is set again and again, with the database and without, issues no token of a wrong time', async () => {
    const answers: Answer[] = []
    const log = await serve(3, async (clock) => {
      expect(await readiness()).toEqual({ ready: true })
      const load = { over: false }
      const asking = (async () => {
        while (!load.over) {
          answers.push(await ask())
          await sleep(5)
        }
      })()
      const issued = async () => {
        const count = answers.length
        while (!answers.slice(count + 1).some(({ status }) => status === 200)) await sleep(10)
      }
      const refused = async () => {
        const count = answers.length
        while (answers.length < count + 5) await sleep(10)
        expect(answers.slice(count + 1).map(({ status }) => status)).not.toContain(200)
      }
      try {
        await issued()
        clock.set(0)
        await issued()
        for (const wrong of [10, -10, HOUR, -HOUR]) {
          clock.set(wrong)
          await until('region eu: clock wrong')
          await refused()
          clock.set(0)
          await until(undefined)
          await issued()
        }
        for (const jump of [-HOUR, HOUR]) {
          await proxy.cut()
          await issued()
          clock.set(jump)
          await until('region eu: clock jumped')
          await refused()
          await proxy.mend()
          await until('region eu: clock wrong')
          await refused()
          clock.set(0)
          await until(undefined)
          await issued()
        }
      } finally {
        load.over = true
        await asking
      }
    })
    const states = log.flatMap(({ state }) => state ?? [])
    expect(states[0]).toBe('suspicious')
    expect(states).toEqual(expect.arrayContaining(['right', 'wrong']))
    expect(log.filter(({ event }) => event === 'clock_jumped').length).toBeGreaterThanOrEqual(2)
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 503]))
    const tokens = answers.flatMap(({ iat, before, after }) =>
      iat === undefined ? [] : [{ iat, before, after }],
    )
    const wrong = tokens.filter(
      ({ iat, before, after }) => iat > after + TOLERANCE || iat < Math.floor(before) - TOLERANCE,
    )
    const backwards = tokens.filter(({ iat }, index) => iat < (tokens[index - 1]?.iat ?? 0))
    process.stderr.write(`T75: ${tokens.length} tokens, ${answers.length - tokens.length} refused\n`)
    expect({ wrong, backwards }).toEqual({ wrong: [], backwards: [] })
  }, 240_000)
})
