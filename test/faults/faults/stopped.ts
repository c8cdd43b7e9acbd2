/** T73, T76: nodes that are asked to stop, one after the other behind a balancer, or all at once. */
import type { Fault } from '../fault.ts'
import { startAll } from './killed.ts'

export const sigtermDrain: Fault = {
  name: 'sigterm-drain',
  threat: 'T73',
  kind: 'sigterm drain',
  expect: { failures: 'none', unready: true },
  break: async ({ load }) => load.beBalanced(true),
  async during(stage, { repeat }) {
    let [restarts, odd] = [0, 0]
    for (let count = 0; count < repeat; count++) {
      for (const node of stage.nodes) {
        if ((await node.stop()) !== 0) odd += 1
        await node.start()
        restarts += 1
      }
    }
    return { must: { restarts }, never: { 'exit codes that are not 0': odd } }
  },
  async mend(stage) {
    await startAll(stage)
    await stage.load.beBalanced(false)
  },
}

export const restartHerd: Fault = {
  name: 'restart-herd',
  threat: 'T76',
  kind: 'restart herd',
  expect: { failures: 'some', unready: true },
  break: async ({ nodes }) => void (await Promise.all(nodes.map((node) => node.kill()))),
  async during(stage) {
    await startAll(stage)
    const before = performance.now()
    const missing = await stage.load.sweep()
    return {
      must: { 'clients asked again, at each node': stage.population.callers.length },
      never: { 'clients without a token': missing },
      times: {
        'all clients served again': { took: Math.round(performance.now() - before), allowed: 60_000 },
      },
    }
  },
  mend: startAll,
}
