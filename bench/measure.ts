/** Interleaved rounds: in each, everybody has the same load for the same time, one after the other; medians over rounds. */
import { cpuMicros, processTree, residentBytes } from './cpu.ts'
import type { Contestant, Running } from './contestants.ts'
import type { Loader } from './loader.ts'

export type Row = {
  readonly name: string
  readonly tokensPerSecondPerCore: number
  /** Of the server, all its processes and threads. */
  readonly cpuMicrosPerToken: number
  /** From the time that a request was due, in an open loop. Null where nothing is served. */
  readonly p50Millis: number | null
  readonly p99Millis: number | null
  readonly rssBytes: number | null
  readonly does: string
  /** Of each round, in the order of the rounds: what ratios are made from. */
  readonly rounds: readonly number[]
}

export type Settings = {
  readonly rounds: number
  readonly seconds: number
  readonly connections: number
  /** Requests a second of the open loop. */
  readonly rate: number
  readonly openLoopSeconds: number
  readonly warmUpSeconds: number
  /** What one core signs a second when it does nothing else, now. */
  readonly signatures: () => Promise<number>
  readonly onProgress: (line: string) => void
}

export const SIGNATURE = 'P-256 signature alone'

type Measured = { readonly cpu: number[]; readonly p50: number[]; readonly p99: number[]; rss: number }

/** @returns a row for each, in their order, and behind them one for the signature alone */
export async function measure(
  all: readonly (Contestant & { readonly running: Running })[],
  loader: Loader,
  settings: Settings,
): Promise<readonly Row[]> {
  const { rounds, seconds, connections, rate, openLoopSeconds, warmUpSeconds, onProgress } = settings
  const signing: number[] = []
  const measured = new Map<string, Measured>(
    all.map(({ name }) => [name, { cpu: [], p50: [], p99: [], rss: 0 }]),
  )
  for (const { running } of all) await loader.load({ ...running, connections, seconds: warmUpSeconds })
  for (let round = 0; round < rounds; round += 1) {
    // Nobody always follows the same neighbour.
    for (const { name, running } of rotated(all, round)) {
      const own = measured.get(name)
      if (own === undefined) continue
      const pids = processTree(running.pid)
      const before = cpuMicros(pids)
      const { answered } = await loader.load({ ...running, connections, seconds })
      own.cpu.push((cpuMicros(pids) - before) / answered)
      own.rss = residentBytes(pids)
      const { p50, p99 } = await loader.load({ ...running, connections, seconds: openLoopSeconds, rate })
      own.p50.push(p50)
      own.p99.push(p99)
    }
    signing.push(1e6 / (await settings.signatures()))
    onProgress(`round ${round + 1} of ${rounds}`)
  }
  const rows = all.map(({ name, does }): Row => {
    const { cpu, p50, p99, rss } = measured.get(name) ?? { cpu: [], p50: [], p99: [], rss: 0 }
    const cpuMicrosPerToken = median(cpu)
    return {
      name,
      tokensPerSecondPerCore: 1e6 / cpuMicrosPerToken,
      cpuMicrosPerToken,
      p50Millis: median(p50),
      p99Millis: median(p99),
      rssBytes: rss,
      does,
      rounds: cpu,
    }
  })
  return [...rows, signatureRow(signing)]
}

function signatureRow(rounds: readonly number[]): Row {
  const cpuMicrosPerToken = median(rounds)
  return {
    name: SIGNATURE,
    tokensPerSecondPerCore: 1e6 / cpuMicrosPerToken,
    cpuMicrosPerToken,
    p50Millis: null,
    p99Millis: null,
    rssBytes: null,
    does: 'one signature and nothing else, in a loop',
    rounds,
  }
}

export function median(list: readonly number[]): number {
  const sorted = list.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

function rotated<T>(list: readonly T[], by: number): readonly T[] {
  const at = by % list.length
  return [...list.slice(at), ...list.slice(0, at)]
}
