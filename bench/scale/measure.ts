/** One figure after the other, on one site; in the end nothing runs. */
import { startAsker } from './asker.ts'
import { measureCold } from './cold.ts'
import { openDatabaseLoad } from './database-load.ts'
import { population } from './population.ts'
import { openSite } from './site.ts'
import { measureStarts } from './starts.ts'
import { measureSweep } from './sweep.ts'
import { measureWarm } from './warm.ts'

export type ScaleSettings = {
  readonly tenants: number
  readonly clients: number
  /** Clients that a node remembers, and that are asked for again and again. */
  readonly warm: number
  /** Clients whose first token is timed. */
  readonly cold: number
  readonly starts: number
  /** Requests a second around the restart. */
  readonly rate: number
  readonly steadySeconds: number
  readonly afterSeconds: number
  readonly rounds: number
  readonly roundSeconds: number
  /** Seconds after which the sweep ends, whoever is left; and each of the other errands. */
  readonly sweepSeconds: number
}
export type ScaleFigures = Awaited<ReturnType<typeof measureScale>>

type Needs = {
  /** The URL of a superuser, of a PostgreSQL that counts its statements. */
  readonly server: string
  readonly program: string
  readonly onProgress: (line: string) => void
  /** Told how to end at once whatever was started. */
  readonly onStarted?: (killAll: () => void) => void
}

export async function measureScale(
  settings: ScaleSettings,
  { server, program, onProgress, onStarted = () => {} }: Needs,
) {
  const { warm, sweepSeconds: most } = settings
  const who = population(settings)
  const asker = await startAsker(who)
  onStarted(asker.stop)
  try {
    const site = await openSite({ who, server, program, onProgress, onStarted })
    try {
      const database = await openDatabaseLoad(site.databases.full.superuserUrl)
      const here = { site, asker, database, who }
      try {
        const stored = { ...settings, workspaces: who.workspaces, bytes: await database.bytesStored() }
        const start = await measureStarts(site, settings.starts)
        onProgress('starts: done')
        const cold = await measureCold(here, { cold: settings.cold, connections: 8, most })
        onProgress('first tokens: done')
        const warmed = await measureWarm(here, { ...settings, most, onProgress })
        const sweep = await measureSweep(here, warm, most)
        onProgress('sweep: done')
        return { stored, start, cold, ...warmed, sweep, row: await database.bytesARow() }
      } finally {
        await database.close()
      }
    } finally {
      await site.close()
    }
  } finally {
    asker.stop()
  }
}
