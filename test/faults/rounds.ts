/**
 * How long a run goes on: every fault once, and then over and over until enough was seen, or the time is over. A fault is
 * always brought to its end.
 */
import type { Result } from './bench.ts'
import type { Fault } from './fault.ts'

export type Aim = {
  /** Distinct tokens that were checked; a tenth of them while something was broken. */
  readonly tokens: number
  /** Faults that broke something. */
  readonly injected: number
  readonly minutes: number
}

type Needs = {
  readonly faults: readonly Fault[]
  readonly aim: Aim
  readonly runOne: (fault: Fault) => Promise<Result>
  /** Distinct tokens so far. */
  readonly tokens: () => number
  /** Milliseconds. */
  readonly monotonic?: () => number
}

type Seen = { readonly tokens: number; readonly whileBroken: number; readonly injected: number }

/** @returns what came of each, and what is wrong with the run as a whole */
export async function runRounds({
  faults,
  aim,
  runOne,
  tokens,
  monotonic = () => performance.now(),
}: Needs): Promise<{ results: readonly Result[]; faults: readonly string[] }> {
  const startedAt = monotonic()
  const results: Result[] = []
  const seen = (): Seen => ({ tokens: tokens(), ...brokenIn(results) })
  const isLate = () => monotonic() - startedAt > aim.minutes * 60_000
  const isStageBroken = () => results.at(-1)?.observed?.notMended !== undefined
  const isPossible = () => results.length === 0 || results.some(({ notRun }) => notRun === undefined)

  for (let round = 0; isPossible(); round++) {
    for (const fault of faults) {
      if (isLate() || isStageBroken() || (round > 0 && lacking(aim, seen()).length === 0)) break
      results.push(await runOne(fault))
    }
    if (isLate() || isStageBroken() || lacking(aim, seen()).length === 0) break
  }
  const notDone = faults.length - new Set(results.map(({ fault }) => fault)).size
  return {
    results,
    faults: [
      ...(isStageBroken() ? ['the stage is broken: no further fault was done'] : []),
      ...(notDone > 0 ? [`faults that there was no time for: ${notDone}`] : []),
      ...(isPossible() && results.length > 0 ? [] : ['no fault was done']),
      ...lacking(aim, seen()).map((line) => `${line}, in at most ${aim.minutes} minutes`),
    ],
  }
}

/** What was done while something was broken. */
export function brokenIn(results: readonly Result[]): { whileBroken: number; injected: number } {
  return {
    whileBroken: results.reduce((sum, { tokensWhileBroken }) => sum + tokensWhileBroken, 0),
    injected: results.filter(({ injected }) => injected).length,
  }
}

/** @returns what is still to be seen, in words */
function lacking({ tokens, injected }: Aim, seen: Seen): readonly string[] {
  const lack = (what: string, count: number, wanted: number) =>
    count < wanted ? [`${count} ${what}, and ${wanted} were wanted`] : []
  return [
    ...lack('tokens', seen.tokens, tokens),
    ...lack('tokens while something was broken', seen.whileBroken, Math.ceil(tokens / 10)),
    ...lack('faults', seen.injected, injected),
  ]
}
