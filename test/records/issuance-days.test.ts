/** Days of the issuance log: made ahead, past midnight without the chore, and dropped while tokens are issued. */
import { decodeJwt } from 'jose'
import pg from 'pg'
import type { ClientId, CredentialId } from '../../src/ids.ts'
import { issuanceLog } from '../../src/records/issuance-log.ts'
import { tendIssuance } from '../../src/records/tend-issuance.ts'
import { openWorld, type Credentials, type World, type WorldWorkspace } from '../support/world.ts'

const DAY = 24 * 60 * 60 * 1000

describe('days of the issuance log', () => {
  let world: World
  let orders: WorldWorkspace
  let robot: Credentials

  beforeAll(async () => {
    world = await openWorld({
      regions: ['eu'],
      parts: { issuance: { mode: 'durable', keepDays: 7 } },
    })
    orders = await world.workspace('https://acme.eu.token.example/orders')
    robot = await orders.client('robot')
  })
  afterAll(() => world.close())
  afterEach(async () => {
    await world.superuser('delete from regent.issuance')
    await tendIssuance(world.database, 7)
  })

  const today = () => Math.floor(Date.now() / DAY)
  const nameOf = (day: number) =>
    `issuance_${new Date(day * DAY).toISOString().slice(0, 10).replaceAll('-', '')}`
  /** Tokens by the partition that holds their row. */
  const places = async () => {
    const { rows } = await world.superuser<{ token: string; place: string }>(
      `select token_id as token, tableoid::regclass::text as place from regent.issuance`,
    )
    return new Map(rows.map(({ token, place }) => [token, place.replace('regent.', '')]))
  }
  const partitions = async () => {
    const { rows } = await world.superuser<{ name: string }>(
      `select relname as name from pg_inherits join pg_class c on c.oid = inhrelid
       where inhparent = 'regent.issuance'::regclass order by 1`,
    )
    return rows.map(({ name }) => name)
  }
  const tables = async () => {
    const { rows } = await world.superuser<{ name: string }>(
      `select relname as name from pg_class where relnamespace = 'regent'::regnamespace and relkind = 'r'
         and relname ~ '^issuance_[0-9]{8}$' order by 1`,
    )
    return rows.map(({ name }) => name)
  }
  /** Records a token as of so many days from now: a node whose clock is so far off issues none. */
  const issueAt = async (days: number) => {
    const log = issuanceLog({
      region: 'eu',
      mode: 'durable',
      database: world.database,
      observe: () => {},
      wallClock: () => Date.now() + days * DAY,
    })
    const tokenId = `of-day-${days}`
    await log.record({
      workspace: orders.workspace,
      clientId: robot.id as ClientId,
      credentialId: 'credential' as CredentialId,
      scope: 'read',
      resources: ['https://api.example'],
      tokenId,
      peer: '192.0.2.1',
      requestId: 'request',
    })
    await log.close()
    return tokenId
  }

  it('are there from yesterday to a week ahead, and are made again by whoever looks after them', async () => {
    const wanted = [
      ...Array.from({ length: 9 }, (_, index) => nameOf(today() - 1 + index)),
      'issuance_default',
    ]
    expect(await partitions()).toEqual(wanted.toSorted())
    await world.superuser(`drop table regent.${nameOf(today() + 7)}`)
    expect(await tendIssuance(world.database, 7)).toEqual({ strays: 0, detached: 0, dropped: 0 })
    expect(await partitions()).toEqual(wanted.toSorted())
  })

  it('are made once by ten nodes at once', async () => {
    await world.superuser(`drop table regent.${nameOf(today() + 7)}, regent.${nameOf(today() + 6)}`)
    await Promise.all(Array.from({ length: 10 }, () => tendIssuance(world.database, 7)))
    expect(await partitions()).toHaveLength(10)
  })

  it('catch every row past midnight with the chore stopped: for a week in its day, then in the default, with an alert', async () => {
    const tokens = new Map<string, string>()
    for (const days of [0, 1, 2, 6, 7, 8, 9]) {
      tokens.set(await issueAt(days), days <= 7 ? nameOf(today() + days) : 'issuance_default')
    }
    expect(await places()).toEqual(tokens)

    const { strays } = await tendIssuance(world.database, 7)
    expect(strays).toBe(2)
  })

  it('take in rows that lie in the default, however many, when they come to be made', async () => {
    const day = today() - 3
    await world.superuser(
      `insert into regent.issuance select tenant_id, workspace_id, to_timestamp($1) + n * interval '1 second', 1, n::text, 'c', 'c',
         's', 'a', 'p', 'r', 'issued' from regent.workspace, generate_series(1, 45000) n where not built_in`,
      [(day * DAY) / 1000],
    )
    expect(new Set((await places()).values())).toEqual(new Set(['issuance_default']))
    expect(await tendIssuance(world.database, 7)).toEqual({ strays: 0, detached: 0, dropped: 0 })
    const found = await places()
    expect(found.size).toBe(45_000)
    expect(new Set(found.values())).toEqual(new Set([nameOf(day)]))
    await world.superuser(`drop table regent.${nameOf(day)}`)
  })

  it('are taken off and dropped when they are over, and only those, while tokens are issued', async () => {
    const old = [today() - 20, today() - 9, today() - 8, today() - 7].map(
      (day) => [day, nameOf(day)] as const,
    )
    for (const [day, name] of old) {
      await world.superuser(
        `create table regent.${name} partition of regent.issuance for values from ('${new Date(day * DAY).toISOString()}')
           to ('${new Date((day + 1) * DAY).toISOString()}')`,
      )
      await world.superuser(`alter table regent.${name} owner to regent_owner`)
      await world.superuser(
        `insert into regent.issuance select tenant_id, workspace_id, to_timestamp($1), 1, 'old', 'c', 'c', 's', 'a', 'p', 'r',
           'issued' from regent.workspace where not built_in`,
        [(day * DAY) / 1000 + 1],
      )
    }
    const issued: string[] = []
    const state = { stop: false }
    const load = Array.from({ length: 4 }, async () => {
      while (!state.stop) {
        const { body } = await orders.token(robot).expect(200)
        issued.push(decodeJwt((body as { access_token: string }).access_token).jti ?? '')
      }
    })
    let detached = 0
    let dropped = 0
    // A moment in which nobody holds the log is found in one of some attempts.
    for (let tries = 0; tries < 20 && dropped < 3; tries++) {
      const tended = await tendIssuance(world.database, 7)
      detached += tended.detached
      dropped += tended.dropped
    }
    state.stop = true
    await Promise.all(load)

    expect([detached, dropped]).toEqual([3, 3])
    const kept = nameOf(today() - 7)
    expect((await tables()).filter((name) => old.some(([, one]) => one === name))).toEqual([kept])
    const found = await places()
    expect(found.get('old')).toBe(kept)
    expect(issued.length).toBeGreaterThan(0)
    expect(issued.filter((token) => !found.has(token))).toEqual([])
    await world.superuser(`drop table regent.${kept}`)
  }, 60_000)

  it('wait for nobody: while somebody reads the log for long, tokens go on, and the day is dropped another time', async () => {
    const day = today() - 9
    await world.superuser(
      `create table regent.${nameOf(day)} partition of regent.issuance for values from ('${new Date(day * DAY).toISOString()}')
         to ('${new Date((day + 1) * DAY).toISOString()}')`,
    )
    await world.superuser(`alter table regent.${nameOf(day)} owner to regent_owner`)
    const reader = new pg.Client({ connectionString: world.urls.superuser })
    await reader.connect()
    try {
      await reader.query('begin; select count(*) from regent.issuance')
      const tending = tendIssuance(world.database, 7)
      await orders.token(robot).expect(200)
      expect(await tending).toEqual({ strays: 0, detached: 0, dropped: 0 })
      expect(await tables()).toContain(nameOf(day))
    } finally {
      await reader.end()
    }
    expect(await tendIssuance(world.database, 7)).toEqual({ strays: 0, detached: 1, dropped: 1 })
  }, 30_000)

  it('keep at least today, whatever an operator asks for', async () => {
    await tendIssuance(world.database, 1)
    await tendIssuance(world.database, -30)
    expect(await partitions()).toContain(nameOf(today()))
    expect(await partitions()).toContain(nameOf(today() - 1))
  })
})
