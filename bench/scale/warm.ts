/** A node with a warm set: what it holds, what its tokens cost, and what becomes of it when it is killed under load. */
import { freePort } from '../../test/support/postgres.ts'
import type { Asker } from './asker.ts'
import type { DatabaseLoad } from './database-load.ts'
import { measureGrowth, warmMemory } from './memory.ts'
import type { Population } from './population.ts'
import { measureRestart } from './restart.ts'
import { COLLECTING, remembering, type Site } from './site.ts'
import { measureTokens } from './tokens.ts'

type Needs = {
  readonly site: Site
  readonly asker: Asker
  readonly database: DatabaseLoad
  readonly who: Population
}
type Settings = Parameters<typeof measureRestart>[1] &
  Parameters<typeof measureTokens>[2] & {
    /** Clients of as many workspaces, whose bytes are told apart from those of whole workspaces. */
    readonly cold: number
    /** Seconds that an errand may take. */
    readonly most: number
    readonly onProgress: (line: string) => void
  }

export async function measureWarm({ site, asker, database, who }: Needs, settings: Settings) {
  const { warm, cold, most, onProgress } = settings
  const run = Math.ceil(who.clients / who.workspaces)
  const each = { first: 0, step: run, count: Math.min(cold, Math.floor(who.clients / run)) }
  const environment = { ...COLLECTING, ...remembering(warm), PORT: String(await freePort()) }
  const start = () => site.startNode('full', environment)

  const first = await start()
  let sparse
  try {
    sparse = await measureGrowth(first, asker, each, most)
  } finally {
    await first.stop('SIGKILL')
  }
  const node = await start()
  try {
    const dense = await measureGrowth(node, asker, { first: 0, step: 1, count: warm }, most)
    onProgress('memory: done')
    const tokens = await measureTokens(node, asker, settings)
    onProgress('tokens: done')
    const restart = await measureRestart({ node, startAgain: start, asker, database }, settings)
    onProgress('restart: done')
    return { memory: warmMemory(dense, sparse), tokens, restart }
  } finally {
    await node.stop('SIGKILL')
  }
}
