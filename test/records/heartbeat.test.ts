/** Heartbeats: who lives, how far each node has read, and whose clock is wrong. */
import { setClientState } from '../../src/changes/client-changes.ts'
import type { ClientId } from '../../src/ids.ts'
import { awaitConfirmation } from '../../src/records/confirmation.ts'
import { nodeStore } from '../../src/records/node-store.ts'
import { pruneNodes } from '../../src/records/prune-nodes.ts'
import { watchConnections } from '../../src/chores/watch-connections.ts'
import type { Observation } from '../../src/observe/observation.ts'
import { assembleServer } from '../../src/server/assemble.ts'
import type { ServerParts, TokenServer } from '../../src/server/server-parts.ts'
import { sqlState } from '../../src/storage/transaction.ts'
import { openTcpProxy } from '../support/tcp-proxy.ts'
import { openWorld, type World } from '../support/world.ts'

const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

describe('heartbeats', () => {
  let world: World
  let skew = 0
  let proxy: Awaited<ReturnType<typeof openTcpProxy>>

  beforeAll(async () => {
    world = await openWorld({
      regions: ['eu'],
      parts: { wallClock: () => Date.now() + skew },
      async route(text) {
        const url = new URL(text)
        proxy = await openTcpProxy({ host: url.hostname, port: Number(url.port) })
        url.port = String(proxy.port)
        return url.href
      },
    })
  })
  afterAll(async () => {
    await world.close()
    await proxy.cut()
  })

  const live = () => world.database.asOperator((connection) => nodeStore(connection, 'eu').listLiveNodes())
  const another = async (parts: Partial<ServerParts> = {}): Promise<TokenServer> => {
    const node = assembleServer({ ...world.parts, wallClock: Date.now, ...parts })
    await node.start()
    return node
  }

  it('come by themselves, each second, and say what a node is', async () => {
    const seen = async () =>
      (await world.superuser<{ at: Date }>('select seen_at as at from regent.node')).rows[0]?.at.getTime() ??
      0
    const before = await seen()
    expect(before).toBeGreaterThan(0)
    while ((await seen()) === before) await sleep(50)
    expect(await live()).toEqual([
      expect.objectContaining({ connections: 4, masterKeyIds: ['test'], version: '0.1.0' }),
    ])
  }, 15_000)

  it('say at once that a change was read, so that it can be waited for (RFC 7240 §4.3)', async () => {
    const orders = await world.workspace('https://acme.eu.token.example/orders')
    await orders.client('robot')
    const other = await another()
    try {
      const { feedNumber } = await setClientState(
        { ...orders.change, database: world.database },
        orders.workspace,
        'robot' as ClientId,
        'disabled',
      )
      const confirmation = await awaitConfirmation(world.database, 'eu', feedNumber, 10)
      expect(confirmation.missing).toEqual([])
      expect(confirmation.confirmed).toHaveLength(2)
    } finally {
      await other.stop()
    }
  }, 20_000)

  it('end with the node: one that stops says so, one that died is waited for three seconds at the most', async () => {
    const other = await another()
    expect(await live()).toHaveLength(2)
    await other.stop()
    expect(await live()).toHaveLength(1)

    await world.superuser(
      `insert into regent.node (region, node_id, feed_number, connections, master_key_ids, version, seen_at)
       values ('eu', '00000000-0000-4000-8000-000000000001', 0, 4, '{}', '0', clock_timestamp())`,
    )
    const first = await awaitConfirmation(world.database, 'eu', 1, 0)
    expect(first.missing).toEqual(['00000000-0000-4000-8000-000000000001'])
    const patient = await awaitConfirmation(world.database, 'eu', 1, 10)
    expect(patient.missing).toEqual([])
    expect(patient.confirmed).toHaveLength(1)
    await pruneNodes(world.database, 'eu')
    const rows = async () => (await world.superuser('select from regent.node')).rowCount
    expect(await rows()).toBe(2)
    await world.superuser(
      `update regent.node set seen_at = now() - interval '1 day 1 second' where version = '0'`,
    )
    await pruneNodes(world.database, 'eu')
    expect(await rows()).toBe(1)
  }, 20_000)

  it('T75 take a node out whose clock differs from the database by more than five seconds, and bring it back', async () => {
    const orders = await world.workspace('https://late.eu.token.example/orders')
    const robot = await orders.client('robot')
    const node = world.node.nodes.get('eu')
    if (node === undefined) throw new Error('eu is not served')
    const beatWith = async (milliseconds: number) => {
      skew = milliseconds
      node.heartbeat.beatNow()
      const wanted = Math.abs(milliseconds) > 5000
      while ((node.heartbeat.clockFault() === 'wrong') !== wanted) await sleep(10)
      await sleep(20)
    }
    const states = () =>
      world.seen.flatMap((observation) => (observation.type === 'clock_compared' ? [observation.state] : []))

    await orders.token(robot).expect(200)
    for (const wrong of [300_000, -300_000, 5600]) {
      await beatWith(wrong)
      const response = await orders.token(robot).expect(503)
      expect(response.headers['retry-after']).toBe('5')
      expect(world.lastRefusal()).toMatchObject({ reason: 'clock_wrong' })
      expect(world.node.readiness()).toEqual({ ready: false, reason: expect.stringContaining('clock') })
      await orders.get(`${orders.path}/.well-known/jwks.json`).expect(200)
      await beatWith(0)
      await orders.token(robot).expect(200)
    }
    const count = states().length
    skew = 3000
    while (states().length === count) await sleep(50)
    expect(states().at(-1)).toBe('suspicious')
    await orders.token(robot).expect(200)
    skew = 0
    while (states().at(-1) !== 'right') await sleep(50)
  }, 40_000)

  it('T75 take a node out whose clock jumps while the database is away, until that confirms it', async () => {
    const orders = await world.workspace('https://away.eu.token.example/orders')
    const robot = await orders.client('robot')
    const jumps = () => world.seen.filter(({ type }) => type === 'clock_jumped').length
    const refused = async () => {
      await orders.token(robot).expect(503)
      expect(world.lastRefusal()).toMatchObject({ reason: 'clock_wrong' })
      expect(world.node.readiness()).toEqual({ ready: false, reason: 'region eu: clock jumped' })
    }
    const before = jumps()
    await orders.token(robot).expect(200)
    for (const [jump, small] of [
      [6000, 4000],
      [-3_600_000, -4000],
    ] as const) {
      const count = jumps()
      await proxy.cut()
      // Small ones are within what clocks may differ.
      skew = small
      await orders.token(robot).expect(200)
      skew = jump
      await refused()
      // Put right again, but nobody has said so yet: the machine may have slept meanwhile.
      skew = 0
      await sleep(1500)
      await refused()
      expect(jumps()).toBe(count + 1)
      await proxy.mend()
      while (!world.node.readiness().ready) await sleep(20)
      await orders.token(robot).expect(200)
    }
    expect(jumps()).toBe(before + 2)
  }, 40_000)

  it('T75 take a node out that has not compared its clock yet, and say once why they fail', async () => {
    const seen: Observation[] = []
    const faults = () =>
      seen.filter((one) => one.type === 'server_error' && one.requestId === 'heartbeat of eu')
    const failing = async (count: number) => {
      while (faults().length < count) await sleep(20)
      // Others fail in the same way meanwhile.
      await sleep(2500)
      expect(faults()).toHaveLength(count)
      expect(faults().at(-1)).toMatchObject({ error: { code: '42501' } })
    }
    const rights = 'select, insert, update, delete on regent.node'
    await world.superuser(`revoke ${rights} from regent_operator`)
    const other = await another({ observe: (observation) => seen.push(observation) })
    try {
      await failing(1)
      expect(other.readiness()).toEqual({ ready: false, reason: 'region eu: clock not compared' })
      await world.superuser(`grant ${rights} to regent_operator`)
      while (!other.readiness().ready) await sleep(20)
      await world.superuser(`revoke ${rights} from regent_operator`)
      await failing(2)
      // It was compared: the monotonic clock says the rest.
      expect(other.readiness()).toEqual({ ready: true })
    } finally {
      await world.superuser(`grant ${rights} to regent_operator`)
      await other.stop()
    }
    while ((await live()).length === 0) await sleep(50)
  }, 40_000)

  it('are reckoned against what the server takes, with a warning over four fifths', async () => {
    const seen: Observation[] = []
    await watchConnections(world.database, 'eu', (observation) => seen.push(observation))
    expect(seen.at(-1)).toMatchObject({
      type: 'connections_counted',
      connections: 4,
      nodes: 1,
      tooMany: false,
    })
    // Another node's: its own would be written anew by its next heartbeat.
    await world.superuser(
      `insert into regent.node (region, node_id, feed_number, connections, master_key_ids, version, seen_at)
       values ('eu', '00000000-0000-4000-8000-000000000002', 0, 186, '{}', '0', now() + interval '1 minute')`,
    )
    await watchConnections(world.database, 'eu', (observation) => seen.push(observation))
    expect(seen.at(-1)).toMatchObject({ connections: 190, tooMany: true })
  })

  it('are no right of whoever serves requests', async () => {
    const state = await world.database
      .beforeTenant(({ db }) => db.selectFrom('node').selectAll().execute())
      .then(() => 'read', sqlState)
    expect(state).toBe('42501')
  })
})
