/** T62: the database takes connections in and says nothing: stopped in its tracks, or behind a black hole. */
import type { Fault } from '../fault.ts'
import { changesWhile, everyWay, mendWays } from './ways.ts'

export const databaseStopped: Fault = {
  name: 'database-stopped',
  threat: 'T62',
  kind: 'database hangs',
  expect: { failures: 'none', gap: 250 },
  async break({ cluster }) {
    cluster.primary().freeze()
    cluster.replica().freeze()
  },
  async during(stage, { hold }) {
    const { made, not, unknown } = await changesWhile(stage, hold)
    return { must: { 'changes not made': not + unknown }, never: { 'changes made': made } }
  },
  async mend({ cluster }) {
    cluster.primary().thaw()
    cluster.replica().thaw()
  },
}

export const databaseBlackHole: Fault = {
  ...databaseStopped,
  name: 'database-black-hole',
  break: async (stage) => everyWay(stage, (proxy) => proxy.freeze()),
  mend: mendWays,
}
