/** The line before bcrypt, with comparisons that end when the test says so; and once with bcrypt's own. */
import { compare as bcryptCompare, hash } from 'bcrypt'
import fc from 'fast-check'
import { hashQueue, hashThreads } from '../../src/clients/hash-queue.ts'
import type { TenantId } from '../../src/ids.ts'

const tenant = (name: string | number) => `tenant-${name}` as TenantId
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
      queue.compare(tenant('acme'), secret, right),
    )
    expect(await Promise.all(asked)).toEqual([true, false, true, false])
    expect([queue.waiting(), queue.running()]).toEqual([0, 0])
  })

  it('lets a tenant that comes newly wait for one comparison of a flood, not for the flood', async () => {
    const queue = virtualQueue()
    for (let job = 0; job < 20; job++) void queue.compare(tenant('flood'), `flood-${job}`, '')
    void queue.compare(tenant('shy'), 'shy-0', '')
    void queue.compare(tenant('shy'), 'shy-1', '')
    for (let job = 0; job < 5; job++) await queue.end(queue.started.at(-1) ?? '')
    expect(queue.started).toEqual(['flood-0', 'flood-1', 'shy-0', 'flood-2', 'shy-1', 'flood-3'])
  })

  it.each([
    ['for all tenants', { maxWaiting: 3 }, [1, 2, 3, 4]],
    ['for one tenant', { maxWaitingPerTenant: 3 }, [1, 1, 1, 1]],
  ])('refuses with 429 what comes beyond its bound %s, and goes on', async (_case, bound, tenants) => {
    const queue = virtualQueue(bound)
    void queue.compare(tenant(0), 'running', '')
    const asked = tenants.map((name, job) => queue.compare(tenant(name), `job-${job}`, ''))
    await expect(asked[3]).rejects.toMatchObject({
      code: 'temporarily_unavailable',
      reason: 'hash_queue_full',
      status: 429,
      headers: { 'Retry-After': '1' },
    })
    if ('maxWaitingPerTenant' in bound) void queue.compare(tenant(2), 'of another', '')
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
    void queue.compare(tenant(0), 'first', '')
    queue.time.now += 100
    await queue.end('first')
    for (let job = 0; job < 62; job++) void queue.compare(tenant(job), `job-${job}`, '')
    // 60 wait, 100 ms each, on two threads.
    await expect(queue.compare(tenant(0), 'more', '')).rejects.toMatchObject({
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
    const asked = ['good', 'bad', 'good'].map((secret) => queue.compare(tenant('acme'), secret, ''))
    expect((await Promise.allSettled(asked)).map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
    ])
    expect([queue.waiting(), queue.running()]).toEqual([0, 0])
  })

  it('whatever happens: bounded, in turn, first in first out, and every job ends as its comparison did', async () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ ask: fc.integer({ min: 0, max: 3 }) }) },
      {
        weight: 2,
        arbitrary: fc.record({ end: fc.nat(), outcome: fc.constantFrom(true, false, 'error' as const) }),
      },
    )
    const bounds = fc.record({
      threads: fc.integer({ min: 1, max: 3 }),
      maxWaiting: fc.integer({ min: 1, max: 12 }),
      maxWaitingPerTenant: fc.integer({ min: 1, max: 5 }),
    })
    await fc.assert(
      fc.asyncProperty(bounds, fc.array(step, { maxLength: 60 }), async (limits, steps) => {
        const queue = virtualQueue(limits)
        type Job = { name: string; of: number; ahead: number; startedBefore: number; outcome?: unknown }
        const accepted: Job[] = []
        const expected = new Map<string, unknown>()
        const waits = (of?: number) =>
          accepted.filter(
            ({ name, of: owner }) => !queue.started.includes(name) && (of === undefined || owner === of),
          ).length

        const ask = async (of: number, name: string) => {
          const [all, own, free] = [waits(), waits(of), limits.threads - queue.open.size]
          const asking = queue.compare(tenant(of), name, '')
          if (free <= 0 && (all >= limits.maxWaiting || own >= limits.maxWaitingPerTenant)) {
            await expect(asking).rejects.toMatchObject({ reason: 'hash_queue_full' })
            return
          }
          const job: Job = { name, of, ahead: own, startedBefore: queue.started.length - Number(free > 0) }
          accepted.push(job)
          void (async () => {
            try {
              job.outcome = await asking
            } catch (error) {
              job.outcome = Object(error).message
            }
          })()
          await settled()
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
          expect(queue.waiting()).toBe(waits())
          expect(queue.waiting()).toBeLessThanOrEqual(limits.maxWaiting)
          if (queue.waiting() > 0) expect(queue.running()).toBe(limits.threads)
        }

        for (const [index, one] of steps.entries()) {
          await ('ask' in one ? ask(one.ask, `job-${index}`) : end(one.end, one.outcome))
          check()
        }
        while (queue.open.size > 0) {
          await end(0, true)
          check()
        }

        for (const of of [0, 1, 2, 3]) {
          const own = accepted.filter((job) => job.of === of).map(({ name }) => name)
          expect(queue.started.filter((name) => own.includes(name))).toEqual(own)
        }
        const owner = new Map(accepted.map(({ name, of }) => [name, of]))
        for (const { name, of, ahead, startedBefore } of accepted) {
          const between = queue.started.slice(startedBefore, queue.started.indexOf(name))
          for (const other of [0, 1, 2, 3].filter((one) => one !== of))
            expect(between.filter((one) => owner.get(one) === other).length).toBeLessThanOrEqual(ahead + 1)
        }
        expect(accepted.map(({ outcome }) => outcome)).toEqual(accepted.map(({ name }) => expected.get(name)))
      }),
      { numRuns: 300 },
    )
  })
})
