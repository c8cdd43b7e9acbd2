import fc from 'fast-check'
import type { Kid } from '../../src/ids.ts'
import { isPublic, keySteps, mayGoAt, type KeyStep } from '../../src/keys/life-cycle.ts'
import type { PublicJwk, SigningKey } from '../../src/keys/signing-key.ts'

type Key = { -readonly [Field in keyof SigningKey]: SigningKey[Field] } & {
  bornAt: number
  mayWaive: boolean
}

/** A workspace's keys of one algorithm over virtual time: the steps are taken as the changes take them. */
function virtualKeys(settings: { lead: number; maxStale: number; lifetime: number; maxAge: number }) {
  const keys: Key[] = []
  const take = (step: KeyStep, now: number, mayWaive: boolean) => {
    if (step.do === 'publish') {
      keys.push({
        kid: `kid-${keys.length}` as Kid,
        algorithm: 'ES256',
        state: step.activate ? 'active' : 'published',
        publicJwk: {} as PublicJwk,
        maySignAt: step.maySignAt,
        activatedAt: step.activate ? now : undefined,
        retiredAt: undefined,
        maxTokenLifetime: settings.lifetime,
        maxJwksAge: settings.maxAge,
        maxStale: settings.maxStale,
        bornAt: now,
        mayWaive: step.activate && mayWaive,
      })
      return
    }
    const key = keys.find(({ kid }) => kid === step.kid)
    if (key === undefined) throw new Error('a step for a key that is not there')
    if (step.do === 'activate') Object.assign(key, { state: 'active', activatedAt: now })
    if (step.do === 'retire') Object.assign(key, { state: 'retired', retiredAt: now })
    if (step.do === 'remove') Object.assign(key, { state: 'gone' })
  }
  const run = (now: number, rotate: boolean, firstSignsAtOnce = false, mayWaive = false) => {
    const wanted = { signingLead: settings.lead, maxStale: settings.maxStale }
    for (const step of keySteps('ES256', keys, now, wanted, { rotate, firstSignsAtOnce }))
      take(step, now, mayWaive)
    return keySteps('ES256', keys, now, wanted, { rotate: false, firstSignsAtOnce })
  }
  return { keys, run }
}

const settings = fc
  .record({
    maxAge: fc.integer({ min: 60, max: 86_400 }),
    more: fc.integer({ min: 0, max: 500_000 }),
    maxStale: fc.integer({ min: 0, max: 604_800 }),
    lifetime: fc.integer({ min: 60, max: 86_400 }),
  })
  .map(({ maxAge, more, ...rest }) => ({ maxAge, lead: 2 * maxAge + more, ...rest }))
const events = fc.array(
  fc.record({
    wait: fc.integer({ min: 0, max: 1_000_000 }),
    what: fc.constantFrom('maintain', 'rotate', 'revoke'),
  }),
  { maxLength: 60 },
)

describe('the life of signing keys, over virtual years (T51, T52, T54)', () => {
  it('keeps both promises whatever happens when', () => {
    fc.assert(
      fc.property(settings, events, (given, story) => {
        const { keys, run } = virtualKeys(given)
        let now = 1_000_000_000
        expect(run(now, false, true, true)).toEqual([])
        for (const { wait, what } of story) {
          now += wait
          if (what === 'revoke') {
            const active = keys.find(({ state }) => state === 'active')
            if (active) active.state = 'revoked'
          }
          const goneBefore = keys.filter(({ state }) => state === 'gone').length
          // Steps are idempotent: when they were taken, nothing is due.
          expect(run(now, what === 'rotate', false, what === 'revoke')).toEqual([])

          expect(keys.filter(({ state }) => state === 'active')).toHaveLength(1)
          expect(keys.filter(({ state }) => state === 'published')).toHaveLength(1)
          for (const key of keys) {
            const lead = given.lead + given.maxStale
            if (key.activatedAt !== undefined && !key.mayWaive)
              expect(key.activatedAt - key.bornAt).toBeGreaterThanOrEqual(lead)
            if (key.state === 'gone') expect(now).toBeGreaterThanOrEqual(mayGoAt(key))
            if (key.state === 'retired') expect(now).toBeLessThan(mayGoAt(key))
            expect(isPublic(key)).toBe(['published', 'active', 'retired'].includes(key.state))
          }
          expect(keys.filter(({ state }) => state === 'gone').length).toBeGreaterThanOrEqual(goneBefore)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('never loses a token: its key is public from before its signature until it has ended everywhere', () => {
    fc.assert(
      fc.property(settings, events, (given, story) => {
        const { keys, run } = virtualKeys(given)
        let now = 1_000_000_000
        run(now, false, true, true)
        const tokens: { kid: Kid; issuedAt: number }[] = []
        for (const { wait, what } of story.filter((event) => event.what !== 'revoke')) {
          now += wait
          run(now, what === 'rotate')
          const active = keys.find(({ state }) => state === 'active')
          if (active) tokens.push({ kid: active.kid, issuedAt: now })
          for (const { kid, issuedAt } of tokens.filter((token) => now <= token.issuedAt + given.lifetime)) {
            const key = keys.find((candidate) => candidate.kid === kid)
            expect([key && isPublic(key), (key?.bornAt ?? Infinity) <= issuedAt]).toEqual([true, true])
          }
        }
      }),
      { numRuns: 200 },
    )
  })

  it('waits with the first key of a newly chosen algorithm, and takes it when its time has come', () => {
    const { keys, run } = virtualKeys({ lead: 7200, maxStale: 3600, lifetime: 600, maxAge: 900 })
    expect(run(0, false)).toEqual([])
    expect(keys.map(({ state }) => state)).toEqual(['published'])
    run(10_799, false)
    expect(keys.map(({ state }) => state)).toEqual(['published'])
    run(10_800, false)
    expect(keys.map(({ state }) => state)).toEqual(['active', 'published'])
  })
})
