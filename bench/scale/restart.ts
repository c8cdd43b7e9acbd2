/**
 * A cold restart under load: a node that is warm gets requests of its warm set at a steady rate, is killed, and is started
 * again at once, remembering nobody. Second by second: tokens, and what the database is busy with.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Asker } from './asker.ts'
import { loadBetween, type DatabaseLoad, type Load, type Sample } from './database-load.ts'
import type { Node } from './site.ts'

export type Restart = {
  readonly clients: number
  readonly rate: number
  /** Before: tokens a second, and the database's load. */
  readonly steady: Load & { readonly tokens: number }
  /** Seconds without any token. */
  readonly gap: number
  /** Seconds from the kill until tokens came at 95 of 100 of the rate for three seconds; undefined: not within the time. */
  readonly fullRateAfter: number | undefined
  /** Of the database, in the minute from the kill, and in its busiest five seconds. */
  readonly minute: Load
  readonly busiest: Load
  readonly tokensBySecond: readonly number[]
  /** Requests that got no token, after the kill. */
  readonly failed: Readonly<Record<string, number>>
}

type Needs = {
  /** It knows the first `warm` clients. */
  readonly node: Node
  /** Starts it again, on the same port. */
  readonly startAgain: () => Promise<Node>
  readonly asker: Asker
  readonly database: DatabaseLoad
}
type Settings = {
  readonly warm: number
  readonly rate: number
  /** Longer than a minute, in which uses are written once. */
  readonly steadySeconds: number
  readonly afterSeconds: number
}

const WINDOW = 5

export async function measureRestart(
  { node, startAgain, asker, database }: Needs,
  { warm, rate, steadySeconds, afterSeconds }: Settings,
): Promise<Restart> {
  let again: Promise<Node> | undefined
  try {
    const errand = { port: node.port, which: { first: 0, step: 1, count: warm }, connections: 64 }
    const load = (seconds: number) => asker.ask({ ...errand, order: 'random', rate, most: seconds })
    const first = await database.sample()
    const calm = await load(steadySeconds)
    const steady = loadBetween(first, await database.sample())

    const samples: Sample[] = [await database.sample()]
    const after = load(afterSeconds)
    await node.stop('SIGKILL')
    again = startAgain()
    again.catch(() => {})
    for (let second = 1; second <= afterSeconds; second += 1) {
      await sleep(1000)
      samples.push(await database.sample())
    }
    await again
    const { bySecond, failed } = await after
    const tokensBySecond = Array.from({ length: afterSeconds }, (_, second) => bySecond[second] ?? 0)
    const served = tokensBySecond.map((tokens) => tokens >= 0.95 * rate)
    const full = served.findIndex(
      (_, second) => served.slice(second, second + 3).filter(Boolean).length === 3,
    )
    return {
      clients: warm,
      rate,
      steady: { ...steady, tokens: calm.answered / calm.seconds },
      gap: tokensBySecond.filter((tokens) => tokens === 0).length,
      fullRateAfter: full === -1 ? undefined : full,
      minute: between(samples, 0, Math.min(60, samples.length - 1)),
      busiest: busiest(samples),
      tokensBySecond,
      failed,
    }
  } finally {
    await (await again)?.stop('SIGKILL')
  }
}

function between(samples: readonly Sample[], from: number, to: number): Load {
  const [first, last] = [samples[from], samples[to]]
  if (first === undefined || last === undefined) throw new Error('nothing was measured')
  return loadBetween(first, last)
}

/** By processor time. */
function busiest(samples: readonly Sample[]): Load {
  const window = Math.min(WINDOW, samples.length - 1)
  const loads = samples
    .slice(0, samples.length - window)
    .map((_, from) => between(samples, from, from + window))
  return loads.reduce((most, load) => (load.cores > most.cores ? load : most))
}
