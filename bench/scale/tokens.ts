/** What a token costs a node that is warm, by how many clients ask: the same few, or a whole warm set by chance. In turns. */
import { cpuMicros, processTree } from '../cpu.ts'
import { median } from '../measure.ts'
import type { Asker } from './asker.ts'
import type { Site } from './site.ts'

/** Processor time of the node, in microseconds. */
export type TokenCost = { readonly few: number; readonly many: number; readonly manyClients: number }

const FEW = 64

export async function measureTokens(
  { site, asker }: { readonly site: Site; readonly asker: Asker },
  settings: {
    readonly warm: number
    readonly rounds: number
    readonly seconds: number
    readonly most: number
  },
): Promise<TokenCost> {
  const { warm, rounds, seconds, most } = settings
  const node = await site.startNode('full', { REGENT_MEMORY_ENTRIES: String(warm) })
  try {
    const errand = { port: node.port, connections: 64 }
    await asker.askAll({ ...errand, which: firstOf(warm), order: 'once', most })
    const cost = async (count: number) => {
      const before = cpuMicros(processTree(node.pid))
      const { answered } = await asker.askAll({
        ...errand,
        which: firstOf(count),
        order: 'random',
        most: seconds,
      })
      return (cpuMicros(processTree(node.pid)) - before) / answered
    }
    const costs = { few: [] as number[], many: [] as number[] }
    for (let round = 0; round < rounds; round += 1) {
      costs.few.push(await cost(Math.min(FEW, warm)))
      costs.many.push(await cost(warm))
    }
    return { few: median(costs.few), many: median(costs.many), manyClients: warm }
  } finally {
    await node.stop('SIGKILL')
  }
}

function firstOf(count: number) {
  return { first: 0, step: 1, count }
}
