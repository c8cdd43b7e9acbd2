/** When a failing question has its turn: that depends on when it came, and not on what was found before. */
import type { KnownClient } from '../../src/clients/client.ts'
import type { Found } from '../../src/directory/found.ts'
import { pacedConfirmations } from '../../src/directory/paced-confirmations.ts'
import type { ClientId, TenantId, WorkspaceId } from '../../src/ids.ts'
import type { Workspace } from '../../src/tenancy/tenant.ts'

const INTERVAL = 400
const ID = 'robot' as ClientId
const WORKSPACE = {
  id: 'orders' as WorkspaceId,
  slug: 'orders',
  tenant: { id: 'acme' as TenantId, slug: 'acme', region: 'eu' },
} as unknown as Workspace

type Word = Found<KnownClient>

/** A place where time is what the test says, but for the turns that are waited for. */
function place() {
  let now = 1000
  let readings = 0
  const word = (): Word => ({ value: undefined, asOf: now, fromPrimary: true })
  const confirmations = pacedConfirmations({
    region: 'eu',
    interval: INTERVAL,
    monotonic: () => now,
    async load() {
      readings += 1
      return word()
    },
  })
  return {
    ...confirmations,
    word,
    readings: () => readings,
    pass: (milliseconds: number) => (now += milliseconds),
    now: () => now,
  }
}

/** What each kind of client has been met with by the time that it fails, and how long that took. */
const MET = {
  'from memory': (at: ReturnType<typeof place>): Word => ({ ...at.word(), asOf: -1, fromPrimary: false }),
  'read, by the primary': (at: ReturnType<typeof place>): Word => {
    const word = at.word()
    at.pass(INTERVAL / 2)
    return word
  },
} as const

/** Timers end in the order in which they are due, however late. */
const waits = (question: Promise<unknown>) =>
  Promise.race([
    question.then(() => false),
    new Promise((resolve) => setTimeout(() => resolve(true), INTERVAL / 8)),
  ])

describe('a turn of a client id (T15)', () => {
  it('is remembered for as long as it says anything, however many ids fail', async () => {
    const at = place()
    for (let index = 0; index < 1000; index += 1) {
      at.pass(400) // 151 within a minute and a turn
      await at.confirm(WORKSPACE, `nobody-${index}` as ClientId, at.now(), at.word())
    }
    expect(at.size()).toBeLessThanOrEqual(152)
    expect(at.isPaced(WORKSPACE, 'nobody-999' as ClientId)).toBe(true)
    expect(at.isPaced(WORKSPACE, 'nobody-800' as ClientId)).toBe(false)
  })

  it.each(Object.entries(MET))('%s: one question has it at once, and one reading', async (_kind, met) => {
    const at = place()
    const arrived = at.now()
    const found = met(at)
    const confirmed = await at.confirm(WORKSPACE, ID, arrived, found)
    expect(confirmed).toMatchObject({ fromPrimary: true, value: undefined })
    expect(confirmed.asOf).toBeGreaterThanOrEqual(arrived)
    expect(at.readings() + (found.fromPrimary ? 1 : 0)).toBe(1)
  })

  it.each(Object.entries(MET))('%s: of two that come together, the second waits', async (_kind, met) => {
    const at = place()
    const first = at.now()
    const second = at.pass(1)
    const found = met(at)
    // Both are found to fail at one moment, as they are where they waited for one reading.
    const answers = [at.confirm(WORKSPACE, ID, first, found), at.confirm(WORKSPACE, ID, second, found)]
    const before = at.readings()
    expect(await Promise.all(answers.map(waits))).toEqual([false, true])
    await Promise.all(answers)
    expect(at.readings()).toBe(before + 1)
  })

  it.each(Object.entries(MET))(
    '%s: the next turn is due by when the first question came',
    async (_kind, met) => {
      const at = place()
      const first = at.now()
      await at.confirm(WORKSPACE, ID, first, met(at))
      at.pass(first + INTERVAL - 1 - at.now())
      const early = at.confirm(WORKSPACE, ID, at.now(), met(at))
      const before = at.readings()
      await early
      // By a turn, which asks by itself.
      expect(at.readings()).toBe(before + 1)
      const late = place()
      await late.confirm(WORKSPACE, ID, first, met(late))
      late.pass(first + INTERVAL - late.now())
      const due = late.confirm(WORKSPACE, ID, late.now(), MET['from memory'](late))
      expect(await waits(due)).toBe(false)
    },
  )

  it('is taken once by all who wait for it', async () => {
    const at = place()
    await at.confirm(WORKSPACE, ID, at.now(), MET['from memory'](at))
    const before = at.readings()
    const waiting = Array.from({ length: 20 }, () =>
      at.confirm(WORKSPACE, ID, at.pass(1), MET['from memory'](at)),
    )
    await Promise.all(waiting)
    expect(at.readings()).toBe(before + 1)
  })

  it('what was read before the question came is asked again', async () => {
    const at = place()
    const found = at.word()
    at.pass(1)
    await at.confirm(WORKSPACE, ID, at.now(), found)
    expect(at.readings()).toBe(1)
  })
})
