/** The ways to the databases, disturbed and mended together; and what becomes of changes meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Way } from '../place/ways.ts'
import type { Stage } from '../stage.ts'

export async function everyWay({ proxies }: Stage, disturb: (way: Way) => Promise<void>): Promise<void> {
  for (const proxy of Object.values(proxies)) await disturb(proxy)
}

export async function mendWays({ proxies }: Stage): Promise<void> {
  await Promise.all(Object.values(proxies).map((proxy) => proxy.mend()))
}

/** Tries changes until the time is over. */
export async function changesWhile(stage: Stage, hold: () => Promise<void>) {
  const counts = { made: 0, not: 0, unknown: 0 }
  await meanwhile(hold, 100, async () => {
    const outcome = await stage.clerk.make('none')
    if (outcome === 'made') counts.made += 1
    else if (outcome === 'unknown') counts.unknown += 1
    else if (outcome === 'unavailable') counts.not += 1
  })
  return counts
}

/** Does the work once, and again after each pause until the time is over. */
export async function meanwhile(hold: () => Promise<void>, pause: number, work: () => Promise<void>) {
  const state = { over: false }
  const time = hold().finally(() => (state.over = true))
  do {
    await work()
    await Promise.race([time, sleep(pause)])
  } while (!state.over)
}
