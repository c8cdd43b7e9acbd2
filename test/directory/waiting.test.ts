/** Who waits is counted, and whoever comes on top of too many is sent away with 429; who is known needs to wait for nobody. */
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { monotonic } from '../../src/clock.ts'
import type { FollowingDirectory } from '../../src/directory/directory.ts'
import type { ClientId } from '../../src/ids.ts'
import type { WorkspaceAddress } from '../../src/tenancy/address.ts'
import type { Database } from '../../src/storage/transaction.ts'
import { openWorld, type World, type WorldWorkspace } from '../support/world.ts'

/** Longer than it takes to ask a few questions. */
const TURN = 10_000
/** That may wait; and so many that there is no bound. */
const MOST = 5000
const MANY = 20_000

describe('a node where too many wait', () => {
  let world: World
  let orders: WorldWorkspace
  let others: WorldWorkspace
  let robot: { id: string; secret: string }
  let directory: FollowingDirectory
  let count = 0
  const gate: { held?: Promise<void> | undefined } = {}

  /** Its readings wait while the gate is shut; the feed is read. */
  const gated = (home: Database): Database => ({
    ...home,
    inTenant: async (tenantId, work) => {
      await gate.held
      return home.inTenant(tenantId, work)
    },
    beforeThenInTenant: async (find, then) => {
      await gate.held
      return home.beforeThenInTenant(find, then)
    },
  })
  async function whileHeld(work: () => Promise<void>) {
    let release = () => {}
    gate.held = new Promise((resolve) => (release = resolve))
    await work().finally(() => {
      gate.held = undefined
      release()
    })
  }

  beforeAll(async () => {
    world = await openWorld({
      regions: ['eu'],
      parts: { memory: { confirmInterval: TURN } },
      asSeen: gated,
    })
    orders = await world.workspace('https://acme.eu.token.example/orders')
    others = await world.workspace('https://acme.eu.token.example/others')
    robot = await orders.client('robot')
    const node = world.node.nodes.get('eu')
    if (node === undefined) throw new Error('eu is not served')
    directory = node.directory
    await orders.token(robot).expect(200)
    await others.token(await others.client('robot')).expect(200)
  })
  afterAll(() => world.close())

  const waiting: Promise<unknown>[] = []
  const refused = { all: 0 }
  /** Asks until no more are taken, though those that could begin have begun. @returns how many were taken */
  async function fill(ask: (n: number) => Promise<unknown>): Promise<number> {
    const [asked, before] = [count, refused.all]
    for (let round = 0; round < 3; round++) {
      const known = refused.all
      while (refused.all === known && count - asked < MANY) {
        for (let n = 0; n < 1000; n++) waiting.push(ask((count += 1)).catch(() => (refused.all += 1)))
        await sleep(50)
      }
    }
    return count - asked - (refused.all - before)
  }
  const expectSentAway = async (asked: ReturnType<WorldWorkspace['token']>, reason: string) => {
    const response = await asked.expect(429)
    expect(response.body.error).toBe('temporarily_unavailable')
    expect(response.headers['retry-after']).toBe('1')
    expect(world.lastRefusal()).toMatchObject({ reason })
  }

  it('for the clients of one workspace: more of it get 429, and other workspaces their turn', async () => {
    const cold = await others.client('cold')
    let served: Promise<{ status: number }> | undefined
    await whileHeld(async () => {
      const taken = await fill((n) => directory.findClient(orders.workspace, `nobody-${n}` as ClientId))
      // Beside those whom each of three readings is about, 500 at the most.
      expect(taken).toBeLessThanOrEqual(MOST + 3 * 500)
      await expectSentAway(orders.token({ ...robot, id: 'stranger' }), 'too_many_waiting')
      await orders.token(robot).expect(200)
      served = others.token(cold).then((response) => response)
    })
    expect((await served)?.status).toBe(200)
    await Promise.all(waiting.splice(0))
    await orders.token({ ...robot, id: 'another-stranger' }).expect(401)
  }, 60_000)

  it('for their turn to fail: more at one workspace get 429, elsewhere 401, and a right secret its token', async () => {
    const nothing = { value: undefined, asOf: Number.NEGATIVE_INFINITY, fromPrimary: false }
    const fail = () => directory.confirmClient(orders.workspace, 'nobody' as ClientId, monotonic(), nothing)
    await fail()
    const turns = Array.from({ length: 1000 }, fail)
    await expectSentAway(orders.token({ ...robot, id: 'nobody' }), 'too_many_failing')
    await orders.token(robot).expect(200)
    await others.token({ ...robot, id: 'nobody' }).expect(401)
    await Promise.all(turns)
    await orders.token({ ...robot, id: 'nor-such' }).expect(401)
  }, 60_000)

  it('for addresses: more get 429, also after a change, and a workspace that is known is served', async () => {
    const at = (n: number) => ({ tenant: `t-${n}`, workspace: 'w' }) as WorkspaceAddress
    const elsewhere = (name: string) =>
      orders.postTo(`/acme/${name}/oauth2/token`, 'grant_type=client_credentials')
    await whileHeld(async () => {
      const taken = await fill((n) => directory.locate(at(n)))
      expect(taken).toBeLessThanOrEqual(MOST)
      await expectSentAway(elsewhere('nowhere'), 'too_many_waiting')
      await orders.token(robot).expect(200)
      // Whoever comes after a change joins nobody who came before it; not many more wait for all that.
      const { number } = await appendToFeed()
      while (directory.feed.number() < number) await sleep(20)
      const more = await fill((n) => directory.locate(at(n)))
      // Three of them are being read.
      expect(taken + more).toBeLessThanOrEqual(MOST + 3)
      await expectSentAway(elsewhere('nowhere'), 'too_many_waiting')
    })
    expect(await waiting[0]).toBeUndefined()
    await orders.token(robot).expect(200)
  }, 60_000)

  /** A change of a kind that this release does not know, which concerns all of the tenant's. */
  async function appendToFeed(): Promise<{ number: number }> {
    const client = new pg.Client({ connectionString: world.urls.superuser })
    await client.connect()
    const { rows } = await client.query<{ number: string }>(
      `with next as (update regent.change_counter set number = number + 1 where region = 'eu' returning number)
       insert into regent.change_feed (region, number, entry_id, kind, tenant_id)
         select 'eu', number, gen_random_uuid(), 'limit_set_by_hand', '00000000-0000-4000-8000-000000000009' from next
         returning number`,
    )
    await client.end()
    return { number: Number(rows[0]?.number) }
  }
})
