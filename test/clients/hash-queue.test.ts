/** The line before bcrypt, with comparisons that end when the test says so; and once with bcrypt's own. */
import { compare as bcryptCompare, hash } from 'bcrypt'
import fc from 'fast-check'
import type { PeerNetwork } from '../../src/clients/attempt-key.ts'
import { hashQueue, hashThreads, type Turn } from '../../src/clients/hash-queue.ts'
import type { TenantId } from '../../src/ids.ts'

const turn = (tenant: string | number, network: string | number = 'one'): Turn => ({
  tenantId: `tenant-${tenant}` as TenantId,
  network: `network-${network}` as PeerNetwork,
})
const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

/** A queue whose comparisons are told apart by their secret, and end when they are told to. */
function virtualQueue({ threads = 1, maxWaiting = 1000, maxWaitingPerTenant = 1000 } = {}) {
  const started: string[] = []
  const open = new Map<string, { resolve(right: boolean): void; reject(error: Error): void }>()
  const time = { now: 0 }
  const queue = hashQueue({
    threads,
    maxWaiting,
    maxWaitingPerTenant,
    monotonic: () => time.now,
    compare: (secret) =>
      new Promise<boolean>((resolve, reject) => {
        started.push(secret)
        open.set(secret, { resolve, reject })
      }),
  })
  return {
    ...queue,
    started,
    open,
    time,
    async end(secret: string, outcome: boolean | Error = true) {
      const job = open.get(secret)
      if (job === undefined) throw new Error(`${secret} does not run`)
      open.delete(secret)
      if (typeof outcome === 'boolean') job.resolve(outcome)
      else job.reject(outcome)
      await settled()
    },
  }
}

describe('hashThreads', () => {
  it.each([
    [1, 4, 1],
    [2, 4, 1],
    [4, 4, 3],
    [16, 4, 3],
    [16, 64, 15],
    [4, 1, 1],
  ])('of %i cores and a pool of %i are %i', (cores, pool, threads) => {
    expect(hashThreads(cores, pool)).toBe(threads)
  })
})

describe('hashQueue (T17)', () => {
  it('says what bcrypt says', async () => {
    const queue = hashQueue({
      threads: 2,
      maxWaiting: 10,
      maxWaitingPerTenant: 10,
      compare: bcryptCompare,
      monotonic: () => performance.now(),
    })
    const right = await hash('right', 4)
    const asked = ['right', 'wrong', 'right', 'Right'].map((secret) =>
      queue.compare(turn('acme'), secret, right),
    )
    expect(await Promise.all(asked)).toEqual([true, false, true, false])
    expect([queue.waiting(), queue.running()]).toEqual([0, 0])
  })

  it('lets a tenant that comes newly wait for one comparison of a flood, not for the flood', async () => {
    const queue = virtualQueue()
    for (let job = 0; job < 20; job++) void queue.compare(turn('flood'), `flood-${job}`, '')
    void queue.compare(turn('shy'), 'shy-0', '')
    void queue.compare(turn('shy'), 'shy-1', '')
    for (let job = 0; job < 5; job++) await queue.end(queue.started.at(-1) ?? '')
    expect(queue.started).toEqual(['flood-0', 'flood-1', 'shy-0', 'flood-2', 'shy-1', 'flood-3'])
  })

  it('lets a network that comes newly wait for one comparison of each other network of its tenant', async () => {
    const queue = virtualQueue()
    for (let job = 0; job < 20; job++)
      void queue.compare(turn('acme', `flood-${job % 2}`), `flood-${job}`, '')
    void queue.compare(turn('acme', 'shy'), 'shy-0', '')
    void queue.compare(turn('acme', 'shy'), 'shy-1', '')
    void queue.compare(turn('other'), 'other-0', '')
    for (let job = 0; job < 8; job++) await queue.end(queue.started.at(-1) ?? '')
    const order = ['flood-1', 'other-0', 'flood-2', 'shy-0', 'flood-3', 'flood-4', 'shy-1', 'flood-5']
    expect(queue.started.slice(1)).toEqual(order)
  })

  it.each([
    ['of all tenants, from the tenant that has most', { maxWaiting: 4 }, turn('shy')],
    ['of one tenant, from the network that has most', { maxWaitingPerTenant: 4 }, turn('flood', 'shy')],
  ])('takes room, where there is none %s', async (_case, bound, shy) => {
    const queue = virtualQueue(bound)
    void queue.compare(turn('flood'), 'running', '')
    const flood = [0, 1, 2, 3].map((job) => queue.compare(turn('flood'), `flood-${job}`, ''))
    const asked = [queue.compare(shy, 'shy-0', '')]
    await expect(flood[3]).rejects.toMatchObject({ reason: 'hash_queue_full', status: 429 })
    // Three wait there and one here: a second one may come, and a third one would only take the other's place.
    asked.push(queue.compare(shy, 'shy-1', ''))
    await expect(flood[2]).rejects.toMatchObject({ reason: 'hash_queue_full' })
    await expect(queue.compare(shy, 'shy-2', '')).rejects.toMatchObject({ reason: 'hash_queue_full' })
    await expect(queue.compare(turn('flood'), 'flood-4', '')).rejects.toMatchObject({
      reason: 'hash_queue_full',
    })
    expect(queue.waiting()).toBe(4)
    while (queue.open.size > 0) await queue.end(queue.started.at(-1) ?? '')
    expect(await Promise.all([flood[0], flood[1], ...asked])).toEqual([true, true, true, true])
    expect(queue.started).toHaveLength(5)
    expect([queue.waiting(), queue.running()]).toEqual([0, 0])
  })

  it.each([
    ['for all tenants', { maxWaiting: 3 }, [1, 2, 3, 4]],
    ['for one tenant', { maxWaitingPerTenant: 3 }, [1, 1, 1, 1]],
  ])('refuses with 429 what comes beyond its bound %s, and goes on', async (_case, bound, tenants) => {
    const queue = virtualQueue(bound)
    void queue.compare(turn(0), 'running', '')
    const asked = tenants.map((name, job) => queue.compare(turn(name), `job-${job}`, ''))
    await expect(asked[3]).rejects.toMatchObject({
      code: 'temporarily_unavailable',
      reason: 'hash_queue_full',
      status: 429,
      headers: { 'Retry-After': '1' },
    })
    if ('maxWaitingPerTenant' in bound) void queue.compare(turn(2), 'of another', '')
    await queue.end('running')
    for (const job of ['job-0', 'job-1', 'job-2']) {
      if (!queue.open.has(job)) await queue.end('of another')
      await queue.end(job, job !== 'job-1')
    }
    expect(await Promise.all(asked.slice(0, 3))).toEqual([true, false, true])
    expect([queue.waiting(), queue.running()]).toEqual([0, 0])
  })

  it('computes Retry-After from what waits and how long comparisons take', async () => {
    const queue = virtualQueue({ threads: 2, maxWaiting: 60 })
    void queue.compare(turn(0), 'first', '')
    queue.time.now += 100
    await queue.end('first')
    for (let job = 0; job < 62; job++) void queue.compare(turn(job), `job-${job}`, '')
    // 60 wait, 100 ms each, on two threads.
    await expect(queue.compare(turn(0), 'more', '')).rejects.toMatchObject({
      headers: { 'Retry-After': '3' },
    })
  })

  it.each([
    ['rejects', () => Promise.reject(new Error('broken'))],
    [
      'throws',
      () => {
        throw new Error('broken')
      },
    ],
  ])('leaves other jobs alone when a comparison %s', async (_case, fail) => {
    const queue = hashQueue({
      threads: 1,
      maxWaiting: 10,
      maxWaitingPerTenant: 10,
      monotonic: () => 0,
      compare: (secret) => (secret === 'bad' ? fail() : Promise.resolve(true)),
    })
    const asked = ['good', 'bad', 'good'].map((secret) => queue.compare(turn('acme'), secret, ''))
    expect((await Promise.allSettled(asked)).map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
    ])
    expect([queue.waiting(), queue.running()]).toEqual([0, 0])
  })

  it('whatever happens: bounded, in turn, first in first out, fair where there is no room, and every job ends', async () => {
    const step = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({ ask: fc.integer({ min: 0, max: 3 }), from: fc.integer({ min: 0, max: 2 }) }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ end: fc.nat(), outcome: fc.constantFrom(true, false, 'error' as const) }),
      },
    )
    const bounds = fc.record({
      threads: fc.integer({ min: 1, max: 3 }),
      maxWaiting: fc.integer({ min: 1, max: 12 }),
      maxWaitingPerTenant: fc.integer({ min: 1, max: 6 }),
    })
    await fc.assert(
      fc.asyncProperty(bounds, fc.array(step, { maxLength: 60 }), async (limits, steps) => {
        const queue = virtualQueue(limits)
        type Job = { name: string; of: number; from: number; startedBefore: number; outcome?: unknown }
        const jobs: Job[] = []
        const expected = new Map<string, unknown>()
        const waiting = () =>
          jobs.filter(({ name, outcome }) => !queue.started.includes(name) && outcome !== 'refused')
        const lineOf = (of: number, from?: number) =>
          waiting().filter((job) => job.of === of && (from === undefined || job.from === from))

        /** Who goes: the last of the longest line, of the tenant that is full or of all; else whoever comes. */
        const whoGoes = (of: number, from: number): readonly string[] | undefined => {
          const isTenantFull = lineOf(of).length >= limits.maxWaitingPerTenant
          if (!isTenantFull && waiting().length < limits.maxWaiting) return undefined
          const lines = (isTenantFull ? [0, 1, 2] : [0, 1, 2, 3]).map((other) =>
            isTenantFull ? lineOf(of, other) : lineOf(other),
          )
          const own = isTenantFull ? lineOf(of, from) : lineOf(of)
          const most = Math.max(...lines.map(({ length }) => length))
          if (most <= own.length + 1) return []
          const longest = lines.filter(({ length }) => length === most)
          return longest.flatMap((line) => {
            const parts = [0, 1, 2].map((other) => line.filter((job) => job.from === other))
            const longestPart = Math.max(...parts.map(({ length }) => length))
            return parts.filter(({ length }) => length === longestPart).map((part) => part.at(-1)?.name ?? '')
          })
        }
        const ask = async (of: number, from: number, name: string) => {
          const free = limits.threads - queue.open.size
          const going = free > 0 ? undefined : whoGoes(of, from)
          const before = waiting()
          const job: Job = { name, of, from, startedBefore: queue.started.length }
          jobs.push(job)
          void queue.compare(turn(of, from), name, '').then(
            (right) => (job.outcome = right),
            (error: Error) =>
              (job.outcome = Object(error).reason === 'hash_queue_full' ? 'refused' : error.message),
          )
          await settled()
          const refused = [...before, job]
            .filter(({ outcome }) => outcome === 'refused')
            .map((gone) => gone.name)
          if (going === undefined) expect(refused).toEqual([])
          else expect(going.length === 0 ? [name] : going).toEqual(expect.arrayContaining(refused))
          expect(refused).toHaveLength(going === undefined ? 0 : 1)
          for (const gone of refused) expected.set(gone, 'refused')
        }
        const end = async (index: number, outcome: boolean | 'error') => {
          const names = [...queue.open.keys()]
          const name = names[index % names.length]
          if (name === undefined) return
          expected.set(name, outcome === 'error' ? name : outcome)
          await queue.end(name, outcome === 'error' ? new Error(name) : outcome)
        }
        const check = () => {
          expect(queue.running()).toBe(queue.open.size)
          expect(queue.running()).toBeLessThanOrEqual(limits.threads)
          expect(queue.waiting()).toBe(waiting().length)
          expect(queue.waiting()).toBeLessThanOrEqual(limits.maxWaiting)
          if (queue.waiting() > 0) expect(queue.running()).toBe(limits.threads)
        }

        for (const [index, one] of steps.entries()) {
          await ('ask' in one ? ask(one.ask, one.from, `job-${index}`) : end(one.end, one.outcome))
          check()
        }
        while (queue.open.size > 0) {
          await end(0, true)
          check()
        }

        const byName = new Map(jobs.map((job) => [job.name, job]))
        const started = queue.started.map((name) => byName.get(name) as Job)
        for (const of of [0, 1, 2, 3])
          for (const from of [0, 1, 2]) {
            const isOwn = (job: Job) => job.of === of && job.from === from && job.outcome !== 'refused'
            expect(started.filter(isOwn)).toEqual(jobs.filter(isOwn))
          }
        for (const job of started) {
          const between = started.slice(job.startedBefore, started.indexOf(job))
          const countOf = (is: (other: Job) => boolean) => between.filter(is).length
          const ownTenant = countOf(({ of }) => of === job.of)
          const ownNetwork = countOf(({ of, from }) => of === job.of && from === job.from)
          for (const of of [0, 1, 2, 3].filter((other) => other !== job.of))
            expect(countOf((other) => other.of === of)).toBeLessThanOrEqual(ownTenant + 1)
          for (const from of [0, 1, 2].filter((other) => other !== job.from))
            expect(countOf((other) => other.of === job.of && other.from === from)).toBeLessThanOrEqual(
              ownNetwork + 1,
            )
        }
        expect(jobs.map(({ outcome }) => outcome)).toEqual(jobs.map(({ name }) => expected.get(name)))
      }),
      { numRuns: 300 },
    )
  })

  it('does spare work while nothing waits, on a thread that is free, and no other', async () => {
    const queue = virtualQueue()
    const done: string[] = []
    const spare = (name: string) => queue.spare(async () => void done.push(name))
    expect(await spare('idle')).toBe(true)
    const compared = queue.compare(turn('acme'), 'first', '')
    expect(await spare('while one runs')).toBe(false)
    const waited = queue.compare(turn('acme'), 'second', '')
    await queue.end('first')
    await queue.end('second')
    await Promise.all([compared, waited])
    expect(await spare('idle again')).toBe(true)
    expect(done).toEqual(['idle', 'idle again'])
    // A comparison that comes meanwhile has its turn when it ends, well or not.
    await expect(queue.spare(async () => Promise.reject(new Error('spare')))).rejects.toThrow('spare')
    expect([queue.waiting(), queue.running()]).toEqual([0, 0])
  })
})
