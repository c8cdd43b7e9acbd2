/** Limits of issuance that the nodes of a region count together, in a real Redis. */
import { Redis } from 'ioredis'
import type { ClientId, TenantId, WorkspaceId } from '../../src/ids.ts'
import type { Observation } from '../../src/observe/observation.ts'
import { issuanceLimits, type IssuanceLimits } from '../../src/records/issuance-limits.ts'
import { openRedis } from '../../src/records/open-redis.ts'
import { leaseOf } from '../../src/records/permits.ts'
import type { Region } from '../../src/tenancy/region.ts'
import { describeWithRedis, openRedisServer } from '../support/redis.ts'

const AWAY = /^region eu: Redis does not answer/
const BACK = /^region eu: Redis answers again/

describeWithRedis('issuanceLimits, nodes that share a Redis', () => {
  let server: Awaited<ReturnType<typeof openRedisServer>>
  let looking: Redis
  const opened: { redis: Redis; limits: IssuanceLimits }[] = []
  let clients = 0

  beforeAll(async () => {
    server = await openRedisServer()
    looking = new Redis(server.url)
    looking.on('error', () => {})
  })
  afterEach(() => {
    for (const { redis, limits } of opened.splice(0)) {
      limits.close()
      redis.disconnect()
    }
  })
  afterAll(async () => {
    looking.disconnect()
    await server.stop()
  })

  /** @param commandTimeout long: a busy machine is no Redis that hangs */
  async function node(region: Region = 'eu', url = server.url, commandTimeout = 20_000) {
    const redis = await openRedis(url, commandTimeout)
    const time = { skipped: 0 }
    const seen: Observation[] = []
    const limits = issuanceLimits({
      region,
      redis,
      monotonic: () => performance.now() + time.skipped,
      observe: (observation) => seen.push(observation),
    })
    opened.push({ redis, limits })
    return {
      ...limits,
      redis,
      time,
      messages: () => seen.map((one) => (one.type === 'warning' ? one.message : one.type)),
    }
  }
  type Node = Awaited<ReturnType<typeof node>>

  /** Of a client that nobody has counted yet. */
  function limited(tokensPerMinute: number) {
    return {
      client: { id: `client-${clients++}` as ClientId, tokensPerMinute },
      workspace: { id: 'workspace-id' as WorkspaceId },
      tenant: { id: 'tenant-id' as TenantId },
    }
  }
  type Limited = ReturnType<typeof limited>
  const keyOf = ({ client }: Limited, region = 'eu') => `${region}:tenant-id:workspace-id:issued:${client.id}`
  const counted = async (of: Limited) => Number(await looking.get(keyOf(of)))

  const take = ({ take: takeOne }: Node, of: Limited, times = 1) =>
    Array.from({ length: times }, () => takeOne(of)).filter(({ allowed }) => allowed).length
  const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))
  const until = async (isSo: () => boolean | Promise<boolean>) => {
    for (let tries = 0; tries < 600 && !(await isSo()); tries++) await pause(50)
    expect(await isSo()).toBe(true)
  }
  /** Asks until the minute is used up, in gulps of so many without a pause. @returns how many were allowed */
  async function exhaust(nodes: readonly Node[], of: Limited, gulp: number) {
    let allowed = 0
    const over = (one: Node) => {
      const status = one.take(of)
      if (status.allowed) allowed += 1
      return !status.allowed && status.retryAfter > 1
    }
    for (let rounds = 0; rounds < 3000; rounds++) {
      for (const one of nodes) allowed += take(one, of, gulp)
      await pause(1)
      if (nodes.map(over).every(Boolean)) return allowed
    }
    throw new Error('the limit was never reached')
  }

  it.each([
    [1, 1, 3],
    [2, 1, 1],
    [60, 2, 1],
    [100, 2, 100],
    [2000, 2, 7],
    [2000, 2, 5000],
    [2000, 5, 300],
  ])(
    'of %i a minute, %i nodes that gulp %i issue the limit, and less than a lease each beyond it',
    async (limit, count, gulp) => {
      const nodes = await Promise.all(Array.from({ length: count }, () => node()))
      const of = limited(limit)
      const allowed = await exhaust(nodes, of, gulp)
      expect(allowed).toBeGreaterThanOrEqual(limit)
      expect(allowed).toBeLessThan(limit + count * leaseOf(limit))
      await until(async () => (await counted(of)) === allowed)
    },
  )

  it('does not allow one node alone, which asks in peace, more than the limit', async () => {
    const one = await node()
    const of = limited(40)
    let allowed = 0
    for (let tries = 0; tries < 60; tries++) {
      allowed += take(one, of)
      await pause(5)
    }
    expect(allowed).toBe(40)
  })

  it('knows on one node what another has issued, within a lease', async () => {
    const [first, second] = [await node(), await node()]
    const of = limited(60)
    await exhaust([first], of, 1)
    expect(take(second, of, 100)).toBeLessThanOrEqual(leaseOf(60))
    const refused = () => {
      const status = second.take(of)
      return !status.allowed && status.retryAfter > 1
    }
    await until(refused)
    expect(take(second, of, 100)).toBe(0)
  })

  it('refuses for a second what would go beyond the lease of a node that was not answered yet', async () => {
    const one = await node()
    const of = limited(100)
    expect(take(one, of, 100)).toBe(leaseOf(100))
    expect(one.take(of)).toMatchObject({
      allowed: false,
      retryAfter: 1,
      headers: { RateLimit: '"client";r=0;t=1' },
    })
    await until(() => one.take(of).allowed)
  })

  it("begins anew with the region's minute, whatever the node's", async () => {
    const one = await node()
    const of = limited(20)
    await exhaust([one], of, 1)
    expect(take(one, of)).toBe(0)
    const rest = await looking.pttl(keyOf(of))
    expect(rest).toBeGreaterThan(0)
    expect(rest).toBeLessThanOrEqual(60_000)
    await looking.del(keyOf(of))
    one.time.skipped += rest
    expect(await exhaust([one], of, 1)).toBe(20)
  })

  it('keeps regions, tenants and workspaces apart by the beginnings of its keys, and lets every key expire', async () => {
    const [eu, us] = [await node('eu'), await node('us')]
    await looking.flushall()
    const of = {
      client: { id: 'robot' as ClientId, tokensPerMinute: 5 },
      workspace: { id: 'workspace-id' as WorkspaceId, tokensPerMinute: 5 },
      tenant: { id: 'tenant-id' as TenantId, tokensPerMinute: 5 },
    }
    eu.take(of)
    us.take(of)
    await until(async () => (await looking.dbsize()) === 6)
    const keys = (await looking.keys('*')).toSorted()
    expect(keys).toEqual([
      'eu:tenant-id:-:issued',
      'eu:tenant-id:workspace-id:issued',
      'eu:tenant-id:workspace-id:issued:robot',
      'us:tenant-id:-:issued',
      'us:tenant-id:workspace-id:issued',
      'us:tenant-id:workspace-id:issued:robot',
    ])
    for (const key of keys) expect(await looking.pttl(key)).toBeGreaterThan(0)
  })

  it('asks about a key that it does not know at once', async () => {
    const one = await node()
    const of = limited(1000)
    take(one, of)
    await one.redis.ping()
    expect(await counted(of)).toBe(1)
  })

  it('reports by itself what was used while a report was under way, and knows it meanwhile', async () => {
    const one = await node()
    const of = limited(2000)
    take(one, of, 10)
    await one.redis.ping()
    await pause(0)
    expect(one.take(of).headers).toMatchObject({ RateLimit: expect.stringMatching(/^"client";r=1989;/) })

    const other = limited(2000)
    take(one, other, 10)
    await until(async () => (await counted(other)) === 10)
  })

  it("ends its window with the region's", async () => {
    const [first, second] = [await node(), await node()]
    const of = limited(20)
    await exhaust([first], of, 1)
    await looking.pexpire(keyOf(of), 20_000)
    await until(() => {
      const status = second.take(of)
      return !status.allowed && status.retryAfter > 1 && status.retryAfter <= 20
    })
  })

  it('asks Redis much less often than it issues', async () => {
    const one = await node()
    const of = limited(100_000)
    take(one, of)
    await until(async () => (await counted(of)) === 1)
    await looking.config('RESETSTAT')
    let allowed = 0
    for (let gulp = 0; gulp < 100; gulp++) {
      allowed += take(one, of, 50)
      await pause(1)
    }
    await until(async () => (await counted(of)) === allowed + 1)
    expect(allowed).toBe(5000)
    const scripts = /cmdstat_evalsha:calls=(\d+)/.exec(await looking.info('commandstats'))
    expect(Number(scripts?.[1])).toBeLessThan(50)
  })

  describe('when Redis is gone', () => {
    it('counts alone, says so once, and comes back by itself', async () => {
      const one = await node()
      const of = limited(30)
      take(one, of)
      await until(async () => (await counted(of)) === 1)
      await server.stop()
      for (const other of [limited(5), limited(5), limited(5)]) take(one, other)
      let allowed = 1
      for (let tries = 0; tries < 50; tries++) {
        allowed += take(one, of)
        await pause(10)
      }
      expect(allowed).toBe(30)
      expect(one.messages()).toEqual([expect.stringMatching(AWAY)])

      await server.restart()
      await until(() => one.messages().length === 2)
      expect(one.messages()[1]).toMatch(BACK)
      const next = limited(30)
      take(one, next)
      await until(async () => (await counted(next)) === 1)
    })

    it('starts without it, alone, and finds it later', async () => {
      await server.stop()
      const one = await node()
      const of = limited(10)
      take(one, of)
      await until(() => one.messages().length === 1)
      expect(take(one, of, 20)).toBe(9)
      await server.restart()
      await until(() => one.messages().length === 2)
    })

    it('does not wait for one that hangs: every answer is there before the next turn of the event loop', async () => {
      const one = await node('eu', server.url, 250)
      const of = limited(1000)
      take(one, of)
      await until(async () => (await counted(of)) === 1)
      server.freeze()
      try {
        let allowed = 1
        for (let tries = 0; tries < 200; tries++) {
          const status = one.take(of)
          // No promise, so nothing that could be waited for. What is beyond the lease is refused until Redis counts as gone.
          if (status.allowed) allowed += 1
          else expect(status.retryAfter).toBe(1)
          await pause(5)
        }
        expect(allowed).toBeGreaterThan(leaseOf(1000))
        expect(one.messages()).toEqual([expect.stringMatching(AWAY)])
        expect(take(one, of, 2000)).toBe(1000 - allowed)
      } finally {
        server.thaw()
      }
      await until(() => one.messages().length === 2)
    })

    it('loses no Redis of another region', async () => {
      const other = await openRedisServer()
      try {
        const [eu, us] = [await node('eu'), await node('us', other.url)]
        const of = limited(30)
        await server.stop()
        take(eu, of)
        take(us, of)
        await until(() => eu.messages().length === 1)
        expect(us.messages()).toEqual([])
        const there = new Redis(other.url)
        await until(async () => (await there.get(keyOf(of, 'us'))) === '1')
        there.disconnect()
      } finally {
        await other.stop()
        await server.restart()
      }
    })
  })

  it('runs nothing after its end', async () => {
    const one = await node()
    await server.stop()
    one.take(limited(30))
    await until(() => one.messages().length === 1)
    one.close()
    await server.restart()
    await until(() => one.redis.status === 'ready')
    await pause(1500)
    expect(one.messages()).toHaveLength(1)
    expect(await looking.info('commandstats')).not.toContain('cmdstat_ping')
  })
})
