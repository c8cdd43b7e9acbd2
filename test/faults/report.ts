/** What came of a run, for people and as JSON. */
import type { Result } from './bench.ts'
import { total, type Tally } from './load/tally.ts'
import { brokenIn } from './rounds.ts'

export type Report = {
  readonly seconds: number
  readonly tokens: number
  /** Distinct ones, from when something was broken until it began to be mended. */
  readonly tokensWhileBroken: number
  /** Faults that broke something. */
  readonly injected: number
  readonly results: readonly Result[]
  /** What is wrong, with the name of the fault in front. */
  readonly faults: readonly string[]
}

const HEAD = [
  'fault',
  'times',
  'seconds',
  'tokens issued',
  'wrong',
  'refused',
  'failed',
  'failed twice',
  'longest gap',
  '',
]

export function report(
  results: readonly Result[],
  tokens: number,
  seconds: number,
  more: readonly string[],
): Report {
  return {
    seconds,
    tokens,
    tokensWhileBroken: brokenIn(results).whileBroken,
    injected: brokenIn(results).injected,
    results,
    faults: [...results.flatMap(({ fault, faults }) => faults.map((line) => `${fault}: ${line}`)), ...more],
  }
}

/** A line for each fault, however often it was done: counts together, and the longest of the gaps. */
export function printReport(outcome: Report): string {
  const { results, tokens, tokensWhileBroken, injected, seconds, faults } = outcome
  const names = [...new Set(results.map(({ fault }) => fault))]
  const each = names.map((name) => results.filter(({ fault }) => fault === name))
  const done = results.filter(({ notRun }) => notRun === undefined).length
  return [
    ...table([HEAD, ...each.map(rowOf)]),
    '',
    `${done} done in ${seconds} s, ${injected} of them faults, ${results.length - done} not run`,
    `${tokens} tokens checked, ${tokensWhileBroken} of them while something was broken`,
    ...each.flatMap(longestTimes),
    ...faults.map((line) => `NOT OK ${line}`),
    '',
  ].join('\n')
}

function rowOf(results: readonly Result[]): readonly string[] {
  const name = `${results[0]?.threat} ${results[0]?.fault}`
  const tallies = results.flatMap(({ observed }) => (observed === undefined ? [] : [observed.tally]))
  if (tallies.length === 0) return [name, '0', 'not run', '', '', '', '', '', '', results[0]?.notRun ?? '']
  const sum = (count: (tally: Tally) => number) => tallies.reduce((all, tally) => all + count(tally), 0)
  const bad = results.filter(({ faults }) => faults.length > 0).length
  return [
    name,
    tallies.length,
    results.reduce((all, { seconds }) => all + seconds, 0),
    sum(({ issued }) => issued),
    sum(({ wrong }) => total(wrong)),
    sum(({ refused }) => total(refused)),
    sum(({ failed }) => total(failed)),
    sum(({ lost }) => lost),
    `${Math.max(...tallies.map(({ longestGap }) => longestGap))} ms`,
    bad === 0 ? 'ok' : 'NOT OK',
  ].map(String)
}

function longestTimes(results: readonly Result[]): readonly string[] {
  const longest = new Map<string, number>()
  for (const [what, { took }] of results.flatMap(({ observed }) =>
    Object.entries(observed?.events.times ?? {}),
  ))
    longest.set(what, Math.max(longest.get(what) ?? 0, took))
  return [...longest].map(([what, took]) => `  ${results[0]?.fault}: ${what}: ${took} ms`)
}

function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 || column > 8 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  )
}
