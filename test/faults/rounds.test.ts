/** How long a run of the bench goes on, and what it is wanting. */
import type { Result } from './bench.ts'
import type { Fault } from './fault.ts'
import { printReport, report } from './report.ts'
import { runRounds, type Aim } from './rounds.ts'

const fault = (name: string): Fault => ({
  name,
  threat: 'T61',
  kind: name,
  expect: { failures: 'none' },
  break: async () => {},
  during: async () => ({}),
  mend: async () => {},
})
const result = (name: string, more: Partial<Result> = {}): Result => ({
  fault: name,
  threat: 'T61',
  kind: name,
  seconds: 1,
  injected: true,
  tokensWhileBroken: 10,
  faults: [],
  ...more,
})
const notMended = { observed: { notMended: 'node-1 does not run' } as NonNullable<Result['observed']> }

/** Each fault takes a minute and brings 50 tokens. */
async function rounds(aim: Partial<Aim>, more: (count: number) => Partial<Result> = () => ({})) {
  let done = 0
  const outcome = await runRounds({
    faults: [fault('a'), fault('b'), fault('c')],
    aim: { tokens: 0, injected: 0, minutes: 60, ...aim },
    runOne: async ({ name }) => result(name, more(done++)),
    tokens: () => done * 50,
    monotonic: () => done * 60_000,
  })
  return { names: outcome.results.map((one) => one.fault).join(''), faults: outcome.faults }
}

describe('a run of the bench', () => {
  it.each<[string, Partial<Aim>, string]>([
    ['does each fault once where nothing more is wanted', {}, 'abc'],
    ['does each fault once, however soon there are enough tokens', { tokens: 50 }, 'abc'],
    ['goes on until there are enough tokens, and no longer', { tokens: 201 }, 'abcab'],
    ['goes on until there were enough faults', { injected: 7 }, 'abcabca'],
  ])('%s', async (_title, aim, names) => {
    expect(await rounds(aim)).toEqual({ names, faults: [] })
  })

  it('goes on until a tenth of the tokens came while something was broken', async () => {
    const few = () => ({ tokensWhileBroken: 3 })
    expect(await rounds({ tokens: 150 }, few)).toEqual({ names: 'abcab', faults: [] })
  })

  it('does not count what broke nothing', async () => {
    const odd = (count: number) => ({ injected: count % 2 === 0 })
    expect(await rounds({ injected: 3 }, odd)).toEqual({ names: 'abcab', faults: [] })
  })

  it('ends when its time is over, and says what it lacks', async () => {
    expect(await rounds({ tokens: 1000, injected: 100, minutes: 4 })).toEqual({
      names: 'abcab',
      faults: [
        '250 tokens, and 1000 were wanted, in at most 4 minutes',
        '50 tokens while something was broken, and 100 were wanted, in at most 4 minutes',
        '5 faults, and 100 were wanted, in at most 4 minutes',
      ],
    })
    expect(await rounds({ minutes: 1 })).toEqual({
      names: 'ab',
      faults: ['faults that there was no time for: 1'],
    })
  })

  it('ends when a fault is not mended', async () => {
    const { names, faults } = await rounds({ injected: 7 }, (count) => (count === 1 ? notMended : {}))
    expect(names).toBe('ab')
    expect(faults).toContain('the stage is broken: no further fault was done')
  })

  it('fails when nothing can be done, and does not try for ever', async () => {
    const { names, faults } = await rounds({ injected: 7 }, () => ({ notRun: 'no disk', injected: false }))
    expect(names).toBe('abc')
    expect(faults).toContain('no fault was done')
  })

  it('prints one line for a fault, however often it was done', () => {
    const tally = { issued: 20, wrong: {}, refused: {}, failed: {}, lost: 0, longestGap: 30 }
    const observed = {
      tally,
      events: { times: { back: { took: 7, allowed: 9 } } },
    } as unknown as NonNullable<Result['observed']>
    const results = [
      result('a', { observed }),
      result('a', {
        observed: { ...observed, tally: { ...observed.tally, longestGap: 40, wrong: { aud: 2 } } },
      }),
      result('b', { observed, injected: false, tokensWhileBroken: 0, faults: ['odd'] }),
    ]
    const printed = printReport(report(results, 90, 3, []))
    expect(printed).toMatch(/^T61 a +2 +2 +40 +2 +0 +0 +0 +40 ms +ok$/m)
    expect(printed).toMatch(/^T61 b +1 +1 +20 +0 +0 +0 +0 +30 ms +NOT OK$/m)
    expect(printed).toMatch(
      /^3 done in 3 s, 2 of them faults, 0 not run\n90 tokens checked, 20 of them while/m,
    )
    expect(printed).toMatch(/^NOT OK b: odd$/m)
  })
})
