/** What a token costs a node that is warm, by how many clients ask: the same few, or a whole warm set by chance. In turns. */
import { cpuMicros, processTree } from '../cpu.ts'
import { median } from '../measure.ts'
import type { Asker } from './asker.ts'
import type { Node } from './site.ts'

/** Processor time of the node, in microseconds. */
export type TokenCost = { readonly few: number; readonly many: number; readonly manyClients: number }

const FEW = 64

/** @param node that knows the first `warm` clients */
export async function measureTokens(
  node: Node,
  asker: Asker,
  {
    warm,
    rounds,
    roundSeconds,
  }: { readonly warm: number; readonly rounds: number; readonly roundSeconds: number },
): Promise<TokenCost> {
  const cost = async (count: number) => {
    const before = cpuMicros(processTree(node.pid))
    const which = { first: 0, step: 1, count }
    const errand = { port: node.port, connections: 64, order: 'random', most: roundSeconds } as const
    const { answered } = await asker.askAll({ ...errand, which })
    return (cpuMicros(processTree(node.pid)) - before) / answered
  }
  const costs = { few: [] as number[], many: [] as number[] }
  // The requests of the many are made while the first of these rounds goes on: it is not counted.
  for (let round = 0; round <= rounds; round += 1) {
    const [few, many] = [await cost(Math.min(FEW, warm)), await cost(warm)]
    if (round === 0) continue
    costs.few.push(few)
    costs.many.push(many)
  }
  return { few: median(costs.few), many: median(costs.many), manyClients: warm }
}
