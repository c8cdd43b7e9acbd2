/** The moments in which the feed has no position yet, or fails to be read; and how many readings run at a time. */
import { setClientState } from '../../src/changes/client-changes.ts'
import { changeFeed } from '../../src/directory/change-feed.ts'
import type { Found } from '../../src/directory/found.ts'
import { freshness } from '../../src/directory/freshness.ts'
import type { KnownWorkspace } from '../../src/directory/known-workspace.ts'
import { workspaceLoads } from '../../src/directory/workspace-loads.ts'
import type { ClientId } from '../../src/ids.ts'
import type { Database } from '../../src/storage/transaction.ts'
import type { WorkspaceAddress } from '../../src/tenancy/address.ts'
import { openWorld, type World } from '../support/world.ts'

const ROBOT = 'robot' as ClientId

/** What operators ask is held before it begins, while `hold` says so. */
function gated(home: Database) {
  const state = { hold: () => undefined as Promise<void> | undefined, reached: () => {} }
  const database: Database = {
    ...home,
    async asOperator(work) {
      const hold = state.hold()
      if (hold !== undefined) {
        state.reached()
        await hold
      }
      return home.asOperator(work)
    },
  }
  return { state, database }
}

describe('a feed that begins anew', () => {
  let world: World
  let gate: ReturnType<typeof gated>

  beforeAll(async () => {
    world = await openWorld({
      regions: ['eu'],
      asSeen(home) {
        gate = gated(home)
        return gate.database
      },
    })
  })
  afterAll(() => world.close())
  const feed = () => {
    const node = world.node.nodes.get('eu')
    if (node === undefined) throw new Error('eu is not served')
    return node.directory.feed
  }

  it('forgets what was loaded after memory was emptied, and before it knows where it begins', async () => {
    const orders = await world.workspace('https://acme.eu.token.example/orders')
    const robot = await orders.client('robot')
    await orders.token(robot).expect(200)
    await world.superuser(
      `update regent.change_feed set entry_id = gen_random_uuid()
         where number = (select number from regent.change_counter where region = 'eu')`,
    )
    const times = () => world.seen.filter(({ type }) => type === 'memory_emptied').length
    const before = times()
    let release = () => {}
    const released = new Promise<void>((resolve) => (release = resolve))
    const reached = new Promise<void>((resolve) => (gate.state.reached = resolve))
    gate.state.hold = () => (times() > before ? released : undefined)
    const polled = feed().poll()
    await reached
    // Loaded now, and changed before the feed says where it begins: no entry that is read later names the client.
    await orders.token(robot).expect(200)
    await setClientState({ ...orders.change, database: world.database }, orders.workspace, ROBOT, 'disabled')
    gate.state.hold = () => undefined
    release()
    await polled
    await orders.token(robot).expect(401)
  })
})

describe('a feed that cannot be read', () => {
  const open = (database: Database, observed: unknown[]) =>
    changeFeed({
      region: 'eu',
      database,
      fresh: freshness({ maxStale: 3600, monotonic: () => performance.now() }),
      observe: (observation) => observed.push(observation),
      monotonic: () => performance.now(),
      random: () => 0,
      onChange() {},
      onEmpty() {},
      onAdvance() {},
    })

  it('says why, where it is no absence of the database', async () => {
    const world = await openWorld({ regions: ['eu'] })
    const observed: unknown[] = []
    const feed = open(world.database, observed)
    try {
      await feed.start()
      await world.superuser('revoke select on regent.change_feed from regent_operator')
      feed.hint()
      await feed.poll().catch(() => {})
      expect(observed).toContainEqual(
        expect.objectContaining({ type: 'server_error', requestId: 'change feed of eu' }),
      )
    } finally {
      await feed.stop()
      await world.close()
    }
  })

  it('is not asked again once it was stopped, even while it started', async () => {
    const world = await openWorld({ regions: ['eu'] })
    let asked = 0
    const counted: Database = {
      ...world.database,
      asOperator(work) {
        asked += 1
        return world.database.asOperator(work)
      },
    }
    const feed = open(counted, [])
    try {
      const started = feed.start()
      await feed.stop()
      await started
      const before = asked
      feed.hint()
      // Longer than the longest pause between two polls.
      await new Promise((resolve) => setTimeout(resolve, 700))
      expect(asked).toBe(before)
    } finally {
      await feed.stop()
      await world.close()
    }
  })
})

it('as many workspaces are read at a time as may be, and never one more', async () => {
  const ends: (() => void)[] = []
  let running = 0
  let most = 0
  const loads = workspaceLoads({
    region: 'eu',
    concurrency: 2,
    interval: 0,
    monotonic: () => 0,
    readWorkspace: () => {
      running += 1
      most = Math.max(most, running)
      return new Promise<Found<KnownWorkspace>>((resolve) =>
        ends.push(() => {
          running -= 1
          resolve({ value: undefined, asOf: 0, fromPrimary: true })
        }),
      )
    },
  })
  const all: Promise<unknown>[] = []
  const ask = (n: number) =>
    all.push(loads.load({ tenant: 'acme', workspace: `w${n}` } as unknown as WorkspaceAddress))
  for (let n = 0; n < 5; n++) ask(n)
  await new Promise(setImmediate)
  for (let n = 5; n < 50; n++) {
    // One reading ends, and in the same breath another question comes.
    ends.shift()?.()
    ask(n)
    await new Promise(setImmediate)
  }
  while (ends.length > 0) {
    ends.shift()?.()
    await new Promise(setImmediate)
  }
  await Promise.all(all)
  expect(most).toBe(2)
})
