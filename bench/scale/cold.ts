/** First tokens of clients that a node has not seen: where it does not know their workspace either, and where it does. */
import { cpuMicros, processTree } from '../cpu.ts'
import type { Asker } from './asker.ts'
import type { DatabaseLoad } from './database-load.ts'
import type { Population } from './population.ts'
import type { Site } from './site.ts'

export type Latency = {
  readonly tokens: number
  readonly p50Millis: number
  readonly p99Millis: number
  readonly tokensPerSecond: number
  readonly nodeMicrosAToken: number
  readonly databaseMicrosAToken: number
  readonly statementsAToken: number
}
export type Cold = {
  readonly unknownWorkspace: Latency
  readonly knownWorkspace: Latency
  readonly warm: Latency
}

type Needs = {
  readonly site: Site
  readonly asker: Asker
  readonly database: DatabaseLoad
  readonly who: Population
}

/** At most one client of each workspace, scattered over all of them. */
export async function measureCold(
  { site, asker, database, who }: Needs,
  settings: { readonly cold: number; readonly connections: number; readonly most: number },
): Promise<Cold> {
  const { connections, most } = settings
  const run = Math.ceil(who.clients / who.workspaces)
  const count = Math.min(settings.cold, Math.floor(who.clients / run))
  const step = run * Math.max(1, Math.floor(who.clients / run / count))
  const node = await site.startNode('full')
  try {
    const ask = async (first: number): Promise<Latency> => {
      const before = await database.sample()
      const cpu = cpuMicros(processTree(node.pid))
      const which = { first, step, count }
      const told = await asker.askAll({ port: node.port, which, order: 'once', connections, most })
      const nodeMicros = cpuMicros(processTree(node.pid)) - cpu
      const after = await database.sample()
      return {
        tokens: told.answered,
        p50Millis: told.p50,
        p99Millis: told.p99,
        tokensPerSecond: told.answered / told.seconds,
        nodeMicrosAToken: nodeMicros / told.answered,
        databaseMicrosAToken: (after.cpuMicros - before.cpuMicros) / told.answered,
        statementsAToken: (after.statements - before.statements) / told.answered,
      }
    }
    // Somebody else comes first: what a process does once in its life is no client's.
    await asker.askAll({
      port: node.port,
      which: { first: who.clients - 1, step: 1, count: 1 },
      order: 'random',
      connections: 1,
      most: 1,
    })
    const unknownWorkspace = await ask(0)
    const knownWorkspace = await ask(1)
    return { unknownWorkspace, knownWorkspace, warm: await ask(0) }
  } finally {
    await node.stop('SIGKILL')
  }
}
