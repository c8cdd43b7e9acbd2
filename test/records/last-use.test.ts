/** When credentials were used last: written each minute and at the end; and what can be said of one that seems unused. */
import { deleteClient } from '../../src/changes/client-changes.ts'
import type { ClientId, CredentialId } from '../../src/ids.ts'
import { newNodeId } from '../../src/ids.ts'
import type { Observation } from '../../src/observe/observation.ts'
import { lastUse } from '../../src/records/last-use.ts'
import { pruneNodes } from '../../src/records/prune-nodes.ts'
import { judgeUse } from '../../src/records/use-verdict.ts'
import { tenantUseStore } from '../../src/records/use-store.ts'
import { assembleServer } from '../../src/server/assemble.ts'
import type { Database } from '../../src/storage/transaction.ts'
import { openTcpProxy } from '../support/tcp-proxy.ts'
import { openWorld, type Credentials, type World, type WorldWorkspace } from '../support/world.ts'

type Robot = Credentials & { credentialId: string }

describe('lastUse', () => {
  let world: World
  let orders: WorldWorkspace
  let proxy: Awaited<ReturnType<typeof openTcpProxy>>
  let now = Date.parse('2026-11-25T12:00:00Z')
  let clients = 0
  const seen: Observation[] = []

  beforeAll(async () => {
    world = await openWorld({
      regions: ['eu'],
      async route(text) {
        const url = new URL(text)
        proxy = await openTcpProxy({ host: url.hostname, port: Number(url.port) })
        url.host = `127.0.0.1:${proxy.port}`
        return String(url)
      },
    })
    orders = await world.workspace('https://acme.eu.token.example/orders')
  })
  afterAll(async () => {
    await world.close()
    await proxy.cut()
  })

  const robot = () => orders.client(`robot-${clients++}`)
  const open = (more: { database?: Database; maxNoted?: number; wallClock?: () => number } = {}) =>
    lastUse({
      region: 'eu',
      database: world.database,
      observe: (observation) => seen.push(observation),
      wallClock: () => now,
      monotonic: () => performance.now(),
      ...more,
    })
  const note = (uses: ReturnType<typeof open>, { id, credentialId }: Robot, peer = '192.0.2.1') =>
    uses.used(orders.workspace, id as ClientId, credentialId as CredentialId, peer)
  const found = ({ id, credentialId }: Robot) =>
    world.database.inTenant(orders.workspace.tenant.id, (connection) =>
      tenantUseStore(connection, orders.workspace.id).findUse(id as ClientId, credentialId as CredentialId),
    )
  const counts = ({ id }: Robot) =>
    world.database.inTenant(orders.workspace.tenant.id, (connection) =>
      tenantUseStore(connection, orders.workspace.id).listCounts(id as ClientId),
    )
  const judge = (one: Robot, since: Date) =>
    judgeUse(world.database, orders.workspace, one.id as ClientId, one.credentialId as CredentialId, since)
  const databaseTime = async () =>
    (await world.superuser<{ now: Date }>('select clock_timestamp() as now')).rows[0]?.now ?? new Date(0)
  const nodeUses = () => {
    const node = world.node.nodes.get('eu')
    if (node === undefined) throw new Error('eu is not served')
    return node
  }
  /** Up to when heartbeats say that uses are written. */
  const reported = async (atLeast: Date) => {
    for (;;) {
      const { rows } = await world.superuser<{ at: Date | null }>(
        `select min(coalesce(uses_flushed_at, started_at)) as at from regent.node
         where seen_at > clock_timestamp() - interval '3 seconds'`,
      )
      if (rows[0]?.at && rows[0].at >= atLeast) return
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  /** A machine that is so busy that a heartbeat is late makes its node one that ended: it is asked again. */
  const comesTo = async (asking: () => Promise<unknown>, wanted: object) => {
    for (let tries = 0; tries < 200; tries++) {
      const verdict = await asking()
      try {
        expect(verdict).toMatchObject(wanted)
        return
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
    }
    expect(await asking()).toMatchObject(wanted)
  }

  it('keeps from where the newest one came, whatever the order in which nodes write', async () => {
    const one = await robot()
    const earlier = open({ wallClock: () => now - 60_000 })
    const later = open()
    note(earlier, one, '192.0.2.1')
    note(later, one, '2001:db8::2')
    await later.close()
    await earlier.close()
    const { rows } = await world.superuser<{ peer: string }>(
      `select last_used_from as peer from regent.credential_use where credential_id = $1`,
      [one.credentialId],
    )
    expect(rows).toEqual([{ peer: '2001:db8::2' }])
  })

  it('keeps the newest time and the count, and adds to what is there', async () => {
    const [one, other] = [await robot(), await robot()]
    const uses = open()
    const begun = now
    note(uses, one)
    now += 5000
    note(uses, one)
    note(uses, other)
    expect(await found(one)).toBeUndefined()
    expect(await uses.flush()).toBe(true)
    expect(await found(one)).toEqual({ lastUsedAt: new Date(begun + 5000), uses: 2 })
    expect(await found(other)).toEqual({ lastUsedAt: new Date(begun + 5000), uses: 1 })
    // A node whose clock is behind makes nothing older.
    now = begun
    note(uses, one)
    await uses.close()
    expect(await found(one)).toEqual({ lastUsedAt: new Date(begun + 5000), uses: 3 })
  })

  it('counts tokens by client and day, across midnight', async () => {
    const one = await robot()
    const uses = open()
    for (const at of [
      '2026-11-25T23:59:59.999Z',
      '2026-11-26T00:00:00Z',
      '2026-11-26T08:00:00Z',
      '2026-11-25T23:00:00Z',
    ]) {
      now = Date.parse(at)
      uses.issued(orders.workspace, one.id as ClientId)
    }
    await uses.flush()
    uses.issued(orders.workspace, one.id as ClientId)
    await uses.close()
    expect(await counts(one)).toEqual([
      { day: '2026-11-25', issued: 3 },
      { day: '2026-11-26', issued: 2 },
    ])
  })

  it('keeps what it has while the database is away, and claims nothing meanwhile', async () => {
    const one = await robot()
    const uses = open()
    note(uses, one)
    await proxy.cut()
    try {
      expect(await uses.flush()).toBe(false)
      expect(uses.flushedAt()).toBeUndefined()
      note(uses, one)
    } finally {
      await proxy.mend()
    }
    const before = await databaseTime()
    expect(await uses.close()).toBe(true)
    expect(uses.flushedAt()?.getTime()).toBeGreaterThanOrEqual(before.getTime())
    expect(await found(one)).toMatchObject({ uses: 2 })
  })

  it('claims no more than what it had when it began to write', async () => {
    const one = await robot()
    let began: Date | undefined
    const uses = open({
      database: {
        ...world.database,
        async asOperator(work) {
          const result = await world.database.asOperator(work)
          if (began !== undefined) return result
          began = await databaseTime()
          return result
        },
      },
    })
    await uses.flush()
    expect(uses.flushedAt()?.getTime()).toBeLessThanOrEqual(began?.getTime() ?? 0)
    note(uses, one)
    await uses.close()
    expect(await found(one)).toMatchObject({ uses: 1 })
  })

  it('forgets a credential that is gone, with its client', async () => {
    const [gone, other] = [await robot(), await robot()]
    const uses = open()
    for (const one of [gone, other]) note(uses, one)
    await uses.flush()
    expect(await found(gone)).toBeDefined()
    await deleteClient(orders.change, orders.workspace, gone.id as ClientId)
    expect(await found(gone)).toBeUndefined()
    for (const one of [gone, other]) note(uses, one)
    expect(await uses.close()).toBe(true)
    expect([await found(gone), (await found(other))?.uses]).toEqual([undefined, 2])
  })

  it('writes more than one batch', async () => {
    const one = await robot()
    const uses = open()
    for (let n = 0; n < 2500; n++)
      uses.used(orders.workspace, `nobody-${n}` as ClientId, 'x'.repeat(16) as CredentialId, '192.0.2.1')
    note(uses, one)
    expect(await uses.close()).toBe(true)
    expect(await found(one)).toMatchObject({ uses: 1 })
  })

  it('is told by the server of each right credential, whatever became of the request, and of each token', async () => {
    const one = await robot()
    await orders.token(one).expect(200)
    await orders.token(one, { scope: 'nothing' }).expect(400)
    await orders.token({ ...one, secret: 'wrong' }).expect(401)
    await nodeUses().uses.flush()
    expect(await found(one)).toMatchObject({ uses: 2 })
    expect((await counts(one)).map(({ issued }) => issued)).toEqual([1])
  })

  describe('a verdict', () => {
    it('is `used` with the time, `unused` up to when all is written, `unknown` before that', async () => {
      const [used, unused] = [await robot(), await robot()]
      const since = await databaseTime()
      await orders.token(used).expect(200)
      // Its node has not written since.
      await comesTo(() => judge(unused, since), { verdict: 'unknown', because: 'not_written_yet' })
      await comesTo(() => judge(used, since), { verdict: 'unknown', because: 'not_written_yet' })

      await nodeUses().uses.flush()
      await reported(since)
      await comesTo(() => judge(used, since), { verdict: 'used', lastUsedAt: expect.any(Date) })
      const verdict = await judge(unused, since)
      expect(verdict).toEqual({ verdict: 'unused', until: expect.any(Date) })
      expect((verdict as { until: Date }).until > since).toBe(true)
      // It was used before the moment that is asked about.
      const later = new Date((await databaseTime()).getTime() + 6000)
      await comesTo(() => judge(used, later), { verdict: 'unknown', because: 'not_written_yet' })
    }, 120_000)

    it('is `used` in doubt: by a node whose clock is behind', async () => {
      const one = await robot()
      const since = await databaseTime()
      const uses = open()
      now = since.getTime() - 4000
      note(uses, one)
      await uses.close()
      await comesTo(() => judge(one, since), { verdict: 'used' })
    })

    it('is `unknown` after a node that ended without a word, also when its row is pruned, but not of later times', async () => {
      const one = await robot()
      const since = await databaseTime()
      const dead = newNodeId()
      await world.superuser(
        `insert into regent.node (region, node_id, feed_number, connections, master_key_ids, version, max_stale, uses_flushed_at, seen_at)
         values ('eu', $1, 0, 4, '{}', 'x', 60, $2, $2::timestamptz + interval '1 second')`,
        [dead, new Date(since.getTime() - 100_000)],
      )
      await nodeUses().uses.flush()
      await reported(since)
      const asked = new Date(since.getTime() - 90_000)
      await comesTo(() => judge(one, asked), { verdict: 'unknown', because: 'some_uses_lost' })
      // What it may have done without its database ended a minute after its last heartbeat.
      await comesTo(() => judge(one, new Date(since.getTime() - 30_000)), { verdict: 'unused' })

      await world.superuser(
        `update regent.node set seen_at = seen_at - interval '2 days', uses_flushed_at = uses_flushed_at - interval '2 days'
         where node_id = $1`,
        [dead],
      )
      await pruneNodes(world.database, 'eu')
      expect((await world.superuser(`select from regent.node where node_id = $1`, [dead])).rowCount).toBe(0)
      const before = (seconds: number) => new Date(since.getTime() - 2 * 86_400_000 - seconds * 1000)
      await comesTo(() => judge(one, before(90)), { verdict: 'unknown', because: 'some_uses_lost' })
      await comesTo(() => judge(one, before(30)), { verdict: 'unused' })
    }, 120_000)

    it('is `unknown` of a time in which there was no room for a use', async () => {
      const [one, other] = [await robot(), await robot()]
      const since = await databaseTime()
      const uses = open({ maxNoted: 1 })
      note(uses, one)
      note(uses, other)
      expect(await uses.close()).toBe(true)
      await nodeUses().uses.flush()
      await reported(since)
      await comesTo(() => judge(other, since), { verdict: 'unknown', because: 'some_uses_lost' })
    }, 120_000)

    it('is not kept open by a node that stops: its uses are written first, and its row goes', async () => {
      const one = await robot()
      const node = assembleServer(world.parts)
      await node.start()
      const { tenant } = orders.workspace
      node.nodes
        .get(tenant.region)
        ?.uses.used(orders.workspace, one.id as ClientId, one.credentialId as CredentialId, '192.0.2.1')
      await node.stop()
      expect(await found(one)).toMatchObject({ uses: 1 })
      const { rows } = await world.superuser('select from regent.node')
      expect(rows).toHaveLength(1)
    }, 120_000)
  })
})
