/** T61: nobody listens where the databases were. */
import type { Fault } from '../fault.ts'
import { changesWhile, everyWay, mendWays } from './ways.ts'

export const databaseRefused: Fault = {
  name: 'database-refused',
  threat: 'T61',
  kind: 'database refused',
  expect: { failures: 'none', gap: 250 },
  break: async (stage) => everyWay(stage, (proxy) => proxy.cut()),
  async during(stage, { hold }) {
    const { made, not } = await changesWhile(stage, hold)
    return { must: { 'changes not made': not }, never: { 'changes made': made } }
  },
  mend: mendWays,
}

export const databaseResets: Fault = {
  ...databaseRefused,
  name: 'database-resets',
  kind: 'database resets',
  break: async (stage) => everyWay(stage, (proxy) => proxy.reset()),
}
