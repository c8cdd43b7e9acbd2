/** Every client once, with a node that remembers a part of them: its memory is bounded when it does not grow with those it saw. */
import { residentBytes } from '../cpu.ts'
import { median } from '../measure.ts'
import type { Asker } from './asker.ts'
import type { Population } from './population.ts'
import { remembering, type Site } from './site.ts'

export type Sweep = {
  readonly clients: number
  readonly seconds: number
  readonly failed: Readonly<Record<string, number>>
  /** Medians of each tenth of the time. */
  readonly residentByTenth: readonly number[]
  readonly mostResident: number
  /** Of the last fifth over the fifth that begins when half is done: 1 where nothing grows. */
  readonly growth: number
}

const INTERVAL = 250

export async function measureSweep(
  { site, asker, who }: { readonly site: Site; readonly asker: Asker; readonly who: Population },
  remembered: number,
  most: number,
): Promise<Sweep> {
  const node = await site.startNode('full', remembering(remembered))
  const resident: number[] = []
  const timer = setInterval(() => resident.push(residentBytes([node.pid])), INTERVAL)
  try {
    const told = await asker.ask({
      port: node.port,
      which: { first: 0, step: 1, count: who.clients },
      order: 'once',
      connections: 128,
      most,
    })
    const part = (from: number, to: number) =>
      median(resident.slice(Math.floor(resident.length * from), Math.ceil(resident.length * to)))
    return {
      clients: told.answered,
      seconds: told.seconds,
      failed: told.failed,
      residentByTenth: Array.from({ length: 10 }, (_, tenth) => part(tenth / 10, (tenth + 1) / 10)),
      mostResident: Math.max(...resident),
      growth: part(0.8, 1) / part(0.5, 0.7),
    }
  } finally {
    clearInterval(timer)
    await node.stop('SIGKILL')
  }
}
