/** T64: the primary is killed and its synchronous replica takes over, over and over. What was acknowledged is there. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Fault } from '../fault.ts'
import { until } from '../place/cluster.ts'

/** Milliseconds in which changes are made that must survive. */
const WORK_MS = 1000

export const failOver: Fault = {
  name: 'fail-over',
  threat: 'T64',
  kind: 'fail-over',
  expect: { failures: 'none', gap: 250 },
  break: async ({ cluster }) => cluster.setSynchronous(true),
  async during(stage, { repeat }) {
    const { cluster, clerk } = stage
    let [failOvers, slowest] = [0, 0]
    for (let count = 0; count < repeat; count++) {
      const before = clerk.acknowledged()
      await sleep(WORK_MS)
      await until('a change is acknowledged', async () => clerk.acknowledged() > before)
      await cluster.failOver()
      const promotedAt = performance.now()
      await stage.leadAnew()
      await until('changes are made again', async () => clerk.lastMadeAt() > promotedAt)
      slowest = Math.max(slowest, clerk.lastMadeAt() - promotedAt)
      await cluster.makeReplica()
      await stage.leadAnew()
      if (count + 1 < repeat) await cluster.setSynchronous(true)
      failOvers += 1
    }
    const times = { 'changes again, after the promotion': { took: Math.round(slowest), allowed: 5000 } }
    return { must: { 'fail-overs': failOvers }, times }
  },
  async mend(stage) {
    const { cluster } = stage
    if (cluster.replica() === cluster.primary() || !cluster.replica().isRunning()) await cluster.makeReplica()
    await stage.leadAnew()
    await cluster.setSynchronous(false)
  },
}
