/** Limits of failing attempts, by a clock that the test sets. */
import fc from 'fast-check'
import { attemptKey, peerNetwork, type AttemptKey } from '../../src/clients/attempt-key.ts'
import { ATTEMPTS, attemptLimits, PER_SECONDS, type Learned } from '../../src/clients/attempt-limits.ts'
import type { ClientId, CredentialId, TenantId, WorkspaceId } from '../../src/ids.ts'
import type { Region } from '../../src/tenancy/region.ts'

const SECOND = 1000
const DAY = 86_400 * SECOND
const FIRST = 'first-credential' as CredentialId
const SECOND_ONE = 'other-credential' as CredentialId

function key({
  region = 'eu',
  tenant = 'acme',
  workspace = 'orders',
  client = 'robot',
  peer = '192.0.2.1',
} = {}) {
  return attemptKey(region as Region, tenant as TenantId, workspace as WorkspaceId, client as ClientId, peer)
}

function limits({ maxEntries = 1000 } = {}) {
  const time = { now: 5_000_000 }
  const present = new Set([FIRST, SECOND_ONE])
  const isPresent = (id: CredentialId) => present.has(id)
  const { mayTry, failed, succeeded, retryAfter, size } = attemptLimits({
    monotonic: () => time.now,
    maxEntries,
    attempts: ATTEMPTS,
    perSeconds: PER_SECONDS,
  })
  return {
    time,
    present,
    succeeded,
    retryAfter,
    size,
    mayTry: (of: AttemptKey) => mayTry(of, isPresent),
    failed: (of: AttemptKey) => failed(of, isPresent),
    /** @returns how many of so many failing attempts were over the limit */
    fail: (of: AttemptKey, times: number) =>
      Array.from({ length: times }, () => failed(of, isPresent)).filter((over) => over).length,
  }
}

describe('attemptLimits (T16)', () => {
  it('remembers the last minute of guesses, not all that were ever made', () => {
    const { time, size, fail, mayTry } = limits({ maxEntries: 100_000 })
    for (let index = 0; index < 5000; index += 1) {
      fail(key({ client: `nobody-${index}` }), index % 100 === 0 ? ATTEMPTS : 1)
      time.now += SECOND / 10
    }
    expect(size()).toBeLessThanOrEqual(10 * PER_SECONDS + 1)
    expect(mayTry(key({ client: 'nobody-4900' }))).toBe(false)
    expect(mayTry(key({ client: 'nobody-4300' }))).toBe(true)
  })

  it('answers the eleventh failing attempt within a minute otherwise, and asks no slow check for it', () => {
    const { mayTry, failed, fail } = limits()
    expect(fail(key(), ATTEMPTS - 1)).toBe(0)
    expect([mayTry(key()), failed(key()), mayTry(key()), failed(key())]).toEqual([true, false, false, true])
  })

  it('lets a pair try again a minute after its first failure, however often it was refused since', () => {
    const { mayTry, failed, fail, time, retryAfter } = limits()
    fail(key(), 1)
    time.now += 50 * SECOND
    fail(key(), 100)
    expect([mayTry(key()), retryAfter(key())]).toEqual([false, 10])
    time.now += 10 * SECOND - 1
    expect([mayTry(key()), retryAfter(key())]).toEqual([false, 1])
    time.now += 1
    expect(retryAfter(key())).toBe(1)
    expect([mayTry(key()), failed(key()), retryAfter(key())]).toEqual([true, false, PER_SECONDS])
  })

  it.each([
    ['peer', { peer: '192.0.2.2' }],
    ['client id', { client: 'robot2' }],
    ['workspace', { workspace: 'billing' }],
    ['tenant', { tenant: 'rival' }],
    ['region', { region: 'us' }],
  ])('from another %s, no attempts of an attacker count', (_case, other) => {
    const { mayTry, failed, fail } = limits()
    expect(fail(key(other), 10_000)).toBe(10_000 - ATTEMPTS)
    expect([mayTry(key()), failed(key())]).toEqual([true, false])
  })

  it('never limits a pair that succeeded within a day, and counts nothing for it', () => {
    const { mayTry, failed, fail, succeeded, time } = limits()
    fail(key(), 100)
    succeeded(key(), FIRST)
    expect([mayTry(key()), fail(key(), 100)]).toEqual([true, 0])
    time.now += DAY - 1
    expect([mayTry(key()), fail(key(), 100)]).toEqual([true, 0])
    time.now += 1
    expect([mayTry(key()), failed(key())]).toEqual([true, false])
  })

  it('limits a pair again whose success is a day and a second ago', () => {
    const { mayTry, fail, succeeded, time } = limits()
    succeeded(key(), FIRST)
    time.now += DAY + SECOND
    expect([fail(key(), 100), mayTry(key())]).toEqual([100 - ATTEMPTS, false])
  })

  it('counts the day from the last success', () => {
    const { fail, succeeded, time } = limits()
    succeeded(key(), FIRST)
    time.now += DAY - 1
    succeeded(key(), FIRST)
    time.now += DAY - 1
    expect(fail(key(), 100)).toBe(0)
  })

  it('ends what a success gave when its credential is gone, until the next one', () => {
    const { mayTry, fail, succeeded, present } = limits()
    succeeded(key(), FIRST)
    present.delete(FIRST)
    expect([fail(key(), 100), mayTry(key())]).toEqual([100 - ATTEMPTS, false])
    succeeded(key(), SECOND_ONE)
    expect([mayTry(key()), fail(key(), 100)]).toEqual([true, 0])
    present.add(FIRST)
    present.delete(SECOND_ONE)
    expect(mayTry(key())).toBe(false)
  })

  it('gives a success at one peer to no other peer', () => {
    const { fail, succeeded } = limits()
    succeeded(key(), FIRST)
    expect(fail(key({ peer: '192.0.2.2' }), 100)).toBe(100 - ATTEMPTS)
  })

  it('locks nobody out by forgetting: a counter that is driven out begins anew, a success stays', () => {
    const { mayTry, failed, fail, succeeded } = limits({ maxEntries: 10 })
    succeeded(key({ client: 'good' }), FIRST)
    fail(key(), 100)
    for (let other = 0; other < 10; other++) failed(key({ client: `other-${other}` }))
    expect([mayTry(key()), failed(key())]).toEqual([true, false])
    expect(fail(key({ client: 'good' }), 100)).toBe(0)
    for (let other = 0; other < 10; other++) succeeded(key({ client: `other-${other}` }), FIRST)
    expect([mayTry(key({ client: 'good' })), failed(key({ client: 'good' }))]).toEqual([true, false])
  })

  it('holds a million keys in the memory of its bound', () => {
    const { failed, mayTry } = limits({ maxEntries: 10_000 })
    const fill = (from: number, to: number) => {
      for (let other = from; other < to; other++) failed(key({ client: `${'x'.repeat(2000)}${other}` }))
      globalThis.gc?.()
      return process.memoryUsage().heapUsed
    }
    const before = fill(0, 50_000)
    // Each of these 950,000 is 2 kB as it was presented; kept, they would be 2 GB.
    expect(fill(50_000, 1_000_000) - before).toBeLessThan(700_000_000)
    expect(mayTry(key())).toBe(true)
  })
})

describe('attemptKey', () => {
  it('is another one for every other list of parts', () => {
    const part = fc.oneof(
      fc.string({ maxLength: 4, unit: fc.constantFrom('a', ',', ':', '1', '\n') }),
      fc.string(),
    )
    const parts = fc.tuple(part, part, part, part, part)
    const make = ([region, tenant, workspace, client, peer]: readonly string[] = []) =>
      key({
        region: region ?? '',
        tenant: tenant ?? '',
        workspace: workspace ?? '',
        client: client ?? '',
        peer: peer ?? '',
      })
    fc.assert(
      fc.property(parts, parts, (one, other) => {
        expect(make(one) === make(other)).toBe(JSON.stringify(one) === JSON.stringify(other))
      }),
      { numRuns: 2000 },
    )
    expect(make(['', '1', 'a', '', ''])).not.toBe(make(['', '', '1a', '', '']))
  })

  it('is short whatever was presented, and tells long ids apart', () => {
    const long = key({ client: 'x'.repeat(16_000) })
    expect(long.length).toBeLessThan(200)
    expect(key({ client: `${'x'.repeat(15_999)}y` })).not.toBe(long)
    const [, hash = ''] = /orders(.{43})192/.exec(long) ?? []
    expect(hash).toHaveLength(43)
    expect(key({ client: hash })).not.toBe(long)
  })

  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::', '2001:db8:1:2::/64'],
    ['2001:db8:0001:0002::9', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['1::', '1:0:0:0::/64'],
    ['fe80::1:2:3:4%eth0', 'fe80:0:0:0::/64'],
    ['2001:db8:1:2:3:4:192.0.2.1', '2001:db8:1:2::/64'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:201', '192.0.2.1'],
    ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1'],
    ['64:ff9b::192.0.2.1', '192.0.2.1'],
    ['64:ff9b:1::192.0.2.1', '64:ff9b:1:0::/64'],
    ['', ''],
  ])('counts %s by %s', (peer, network) => {
    expect(peerNetwork(peer)).toBe(network)
    expect(key({ peer })).toBe(
      key({ peer: network.endsWith('/64') ? network.replace('::/64', '::') : network }),
    )
  })

  it('are the same in two processes that tell each other what they learned', () => {
    const heard: Learned[] = []
    const here = (onLearned?: (learned: Learned) => void) =>
      attemptLimits({ monotonic: () => 0, maxEntries: 10, attempts: 3, perSeconds: 60, onLearned })
    const [one, other] = [here((learned) => heard.push(learned)), here()]
    const nobody = () => false
    for (let count = 0; count < 3; count++) one.failed(key(), nobody)
    expect(other.mayTry(key(), nobody)).toBe(true)
    for (const learned of heard.splice(0)) other.learn(learned)
    expect(other.mayTry(key(), nobody)).toBe(false)
    one.succeeded(key(), FIRST)
    one.succeeded(key(), FIRST)
    // Once a day and credential, not at every token.
    expect(heard).toEqual([{ type: 'attempt_succeeded', key: key(), credentialId: FIRST }])
    for (const learned of heard) other.learn(learned)
    expect(other.mayTry(key(), (id) => id === FIRST)).toBe(true)
    expect(other.mayTry(key(), nobody)).toBe(false)
  })
})
