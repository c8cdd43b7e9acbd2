/** T63: the database answers, late or a little at a time. */
import type { Slowness } from '../../support/tcp-proxy.ts'
import type { Fault } from '../fault.ts'
import { everyWay, mendWays } from './ways.ts'

function slow(name: string, slowness: Slowness): Fault {
  return {
    name,
    threat: 'T63',
    kind: 'database slow',
    expect: { failures: 'none', gap: 250 },
    break: async (stage) => everyWay(stage, (proxy) => proxy.slow(slowness)),
    async during(stage, { hold }) {
      const held = hold()
      const before = performance.now()
      const outcome = await stage.clerk.make('none')
      const took = performance.now() - before
      await held
      // Five messages at the least: a change that was as fast as ever was not slowed down.
      const slowed = outcome !== 'made' || took > 2 * (slowness.latency ?? 100)
      return { must: { 'changes slowed down': Number(slowed) } }
    },
    mend: mendWays,
  }
}

export const databaseLatency = slow('database-latency', { latency: 300 })
export const databaseTrickle = slow('database-trickle', { bytesPerSecond: 2000 })
