/** What came of a run, for people and as JSON. */
import type { Result } from './bench.ts'
import { total } from './load/tally.ts'

export type Report = {
  readonly seconds: number
  readonly tokens: number
  /** Issued from the moment a fault began until everybody was served as before. */
  readonly tokensDuringFaults: number
  readonly results: readonly Result[]
  /** What is wrong, with the name of the fault in front. */
  readonly faults: readonly string[]
}

const HEAD = [
  'fault',
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
    tokensDuringFaults: results.reduce((sum, { observed }) => sum + (observed?.tally.issued ?? 0), 0),
    results,
    faults: [...results.flatMap(({ fault, faults }) => faults.map((line) => `${fault}: ${line}`)), ...more],
  }
}

export function printReport({ results, tokens, tokensDuringFaults, seconds, faults }: Report): string {
  const rows = results.map(({ fault, threat, notRun, observed, seconds: took, faults: wrong }) => {
    const name = `${threat} ${fault}`
    if (observed === undefined) return [name, 'not run', '', '', '', '', '', '', notRun ?? '']
    const { tally } = observed
    const counts = [tally.issued, total(tally.wrong), total(tally.refused), total(tally.failed), tally.lost]
    return [name, took, ...counts, `${tally.longestGap} ms`, wrong.length === 0 ? 'ok' : 'NOT OK'].map(String)
  })
  const done = results.filter(({ notRun }) => notRun === undefined).length
  return [
    ...table([HEAD, ...rows]),
    '',
    `${done} faults in ${seconds} s, ${results.length - done} not run; ${tokens} tokens checked, ${tokensDuringFaults} of them while a fault was on`,
    ...results.flatMap(({ fault, observed }) => details(fault, observed?.events.times)),
    ...faults.map((line) => `NOT OK ${line}`),
    '',
  ].join('\n')
}

function details(
  fault: string,
  times: Readonly<Record<string, { readonly took: number }>> = {},
): readonly string[] {
  return Object.entries(times).map(([what, { took }]) => `  ${fault}: ${what}: ${took} ms`)
}

function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 || column > 7 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  )
}
