/** Start time and resident memory of nodes on a full and on an empty database, taken in turns. */
import { setTimeout as sleep } from 'node:timers/promises'
import { residentBytes } from '../cpu.ts'
import { median } from '../measure.ts'
import type { Site } from './site.ts'

export type Start = {
  /** From the spawn to the first 200 of /readyz: medians, as what follows. */
  readonly millis: number
  readonly mostMillis: number
  /** A second later. */
  readonly residentBytes: number
}

/** @param count of each; with none, nothing is started and nothing measured */
export async function measureStarts(site: Site, count: number) {
  const starts = { empty: [] as Start[], full: [] as Start[] }
  // The first round warms the caches of the file system: it is not counted.
  const rounds = count === 0 ? 0 : count + 1
  for (let round = 0; round < rounds; round += 1) {
    for (const which of round % 2 === 0 ? (['empty', 'full'] as const) : (['full', 'empty'] as const)) {
      const node = await site.startNode(which)
      await sleep(1000)
      const { startMillis: millis } = node
      if (round > 0)
        starts[which].push({ millis, mostMillis: millis, residentBytes: residentBytes([node.pid]) })
      await node.stop()
    }
  }
  return { empty: middle(starts.empty), full: middle(starts.full) }
}

function middle(starts: readonly Start[]): Start {
  return {
    millis: median(starts.map(({ millis }) => millis)),
    mostMillis: Math.max(...starts.map(({ millis }) => millis)),
    residentBytes: median(starts.map((start) => start.residentBytes)),
  }
}
