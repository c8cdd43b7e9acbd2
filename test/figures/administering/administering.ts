/** Figures of administration: what `npm run figures` prints of them. */
import { editAtOnce } from './edits.ts'
import { turnKeys } from './key-turns.ts'
import { killInMidWrite } from './kills.ts'
import { measureLists } from './lists.ts'
import { turnSecrets } from './secret-turns.ts'
import { measureWrites } from './writes.ts'

export const ADMINISTERING_USAGE = `npm run figures -- edits     [--edits 1000] [--lanes 16] [--nodes 3]
npm run figures -- kills     [--kills 200] [--lanes 12]
npm run figures -- key-turns [--rotations 1000] [--workspaces 200] [--nodes 3]
npm run figures -- lists     [--clients 100000] [--turns 20]
npm run figures -- secret-turns [--turns 100] [--clients 5] [--nodes 3]
npm run figures -- writes    [--seconds 120] [--lanes 16] [--nodes 3]`

/** Each has its default in test/figures/figures.ts. */
export type AdministeringOptions = {
  readonly edits: string
  readonly kills: string
  readonly seconds: string
  readonly clients?: string | undefined
  readonly turns?: string | undefined
  readonly rotations: string
  readonly workspaces: string
  readonly lanes?: string | undefined
  readonly nodes: string
}

type Say = (line: string) => void

export function administeringFigures(
  options: AdministeringOptions,
  say: Say,
  onProgress: Say,
): Readonly<Record<string, () => Promise<boolean>>> {
  const nodes = Number(options.nodes)
  const lanes = Number(options.lanes ?? 16)

  return {
    async edits() {
      const edits = Number(options.edits)
      const outcome = await editAtOnce({ edits, lanes, nodes, administrators: 40, onProgress })
      for (const [action, count] of Object.entries(outcome.acknowledged)) say(`  ${action}: ${count}`)
      say(`  overtaken (412) ${outcome.overtaken}, answers repeated ${outcome.replayed}`)
      return sayWrong(outcome.wrong, say)
    },

    async kills() {
      const settings = {
        kills: Number(options.kills),
        lanes: Number(options.lanes ?? 12),
        tenants: 6,
        onProgress,
      }
      const { kills, acknowledged, cutOff, wasDone, secretsTried, wrong } = await killInMidWrite(settings)
      say(`kills ${kills}, changes acknowledged ${acknowledged}`)
      say(`  requests cut off ${cutOff}, of which ${wasDone} had been done; secrets tried ${secretsTried}`)
      return sayWrong(wrong, say) && cutOff > 0
    },

    async 'key-turns'() {
      const turned = await turnKeys({
        rotations: Number(options.rotations),
        workspaces: Number(options.workspaces),
        nodes,
        onProgress,
      })
      const { rotations, byChore, tokens, kids, sets, gone, seconds, wrong } = turned
      say(`rotations ${rotations}, ${byChore} of them by the chore, in ${Math.round(seconds)} s`)
      say(`  tokens ${tokens}, of ${kids} keys; JWKS fetched ${sets}; keys that have left them ${gone}`)
      return sayWrong(wrong, say) && rotations >= Number(options.rotations) && gone > 0
    },

    async lists() {
      const costs = await measureLists({
        clients: Number(options.clients ?? 100_000),
        times: Number(options.turns ?? 20),
        onCost: ({ list, page, items, server, postgres }) =>
          say(`  ${server.toFixed(1)} + ${postgres.toFixed(1)} ms: ${list}, ${page} page, ${items} items`),
      })
      const most = Math.max(...costs.map(({ server, postgres }) => server + postgres))
      say(
        `most of one page: ${most.toFixed(1)} ms of processor time, of the server and of PostgreSQL together`,
      )
      return most < 50
    },

    async 'secret-turns'() {
      const { turns, byOld, byNew, lastAfterEnd, wrong } = await turnSecrets({
        turns: Number(options.turns ?? 100),
        clients: Number(options.clients ?? 5),
        nodes,
        overlap: 3,
        onProgress,
      })
      say(`turns ${turns}, half of them by the client itself`)
      say(`  tokens during an overlap: ${byOld} by the old secret, ${byNew} by the new one`)
      say(`  the last token of an old secret came ${Math.round(lastAfterEnd)} ms after its end`)
      return sayWrong(wrong, say) && byOld > 0 && byNew > 0
    },

    async writes() {
      const rates = await measureWrites({ seconds: Number(options.seconds), nodes, lanes, tenants: 20 })
      for (const { tenants, changes, seconds, server, postgres } of rates)
        say(
          `${tenants} tenants: ${(changes / seconds).toFixed(0)} changes a second, ${changes} in ${Math.round(seconds)} s; ` +
            `processor time a change: servers ${server.toFixed(1)} ms, PostgreSQL ${postgres.toFixed(1)} ms`,
        )
      return true
    },
  }
}

function sayWrong(wrong: readonly string[], say: Say): boolean {
  for (const line of wrong) say(`  WRONG ${line}`)
  return wrong.length === 0
}
