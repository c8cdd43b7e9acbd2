/** T72: the disk of the databases is full, WAL and all. Nodes are not restarted. */
import type { Fault } from '../fault.ts'
import type { Stage } from '../stage.ts'
import { changesWhile } from './ways.ts'

const TABLE = 'create unlogged table if not exists ballast (bytes text)'
const FILL = `insert into ballast select repeat(md5(random()::text), 200) from generate_series(1, 20000)`

export const diskFull: Fault = {
  name: 'disk-full',
  threat: 'T72',
  kind: 'disk full',
  expect: { failures: 'none', gap: 250 },
  whyNot: ({ disk }) => disk.reason,
  async break({ cluster, disk }) {
    await cluster.primary().ask(TABLE)
    disk.fill()
  },
  async during(stage, { hold }) {
    // Pages and segments that are free already would last for a while.
    const refused = await useUp(stage)
    const { made, not, unknown } = await changesWhile(stage, hold)
    return { must: { 'times that the disk was full': refused, 'changes tried': made + not + unknown } }
  },
  async mend({ cluster, disk }) {
    disk.empty()
    for (const server of [cluster.primary(), cluster.replica()]) if (!server.isRunning()) await server.start()
    await cluster.primary().ask('drop table if exists ballast')
  },
}

async function useUp({ cluster }: Stage): Promise<number> {
  const filled = () =>
    cluster
      .primary()
      .ask(FILL)
      .then(() => 0)
      .catch(() => 1)
  let refused = 0
  for (let tries = 0; tries < 20 && refused < 3; tries++) refused += await filled()
  return refused
}
