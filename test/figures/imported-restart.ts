/**
 * Restarts of a node whose imported clients are in use. bcrypt verifies each of them once; afterwards they all ask at once of
 * a node that has just started, after a stop and after a kill. Beside them, clients of a workspace that keeps no digests:
 * those are compared again by each new node, and come again when they are told to.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { pooled } from '../server/raw.ts'
import { callersOf, tally, type Callers } from './callers.ts'
import { openPlanting, type PlantedClient } from './planting.ts'
import { openSite, type Node } from './site.ts'

type Options = {
  readonly clients: number
  /** Of the workspace that keeps no digests. */
  readonly weak: number
  readonly bcryptCost: number
  /** Milliseconds; for a machine that others use too. */
  readonly databaseTimeout?: number
  readonly onProgress?: (line: string) => void
}

export type Round = {
  readonly name: string
  readonly answers: Readonly<Record<string, number>>
  /** Whoever was told to come again did, until it was served. */
  readonly mayBeTold: boolean
}

const PEER = '127.0.1.1'
/** Fewer than a tenant may have waiting: nobody is refused at the first use. */
const FIRST_USES_AT_ONCE = 8
const WRITTEN_WITHIN_MS = 2000
const GIVE_UP_MS = 15 * 60_000

/** @returns the rounds in which each client asks once */
export async function restartWithImported(options: Options) {
  const { clients, weak, bcryptCost, onProgress = () => {} } = options
  const site = await openSite({
    environment: {
      REGENT_BCRYPT_COST: String(bcryptCost),
      REGENT_DRAIN: '0',
      LOG_LEVEL: 'info',
      REGENT_DB_TIMEOUT: String(options.databaseTimeout ?? 1000),
    },
  })
  const planting = await openPlanting(site, bcryptCost)
  let callers: Callers | undefined
  const rounds: Round[] = []
  try {
    const tenant = await planting.tenant('imported')
    const plant = async (slug: string, count: number, chosenDigests: boolean) => {
      const workspace = await planting.workspace(tenant, slug, { chosenSecrets: true, chosenDigests })
      const made: PlantedClient[] = []
      await pooled(
        Array(count).keys(),
        async (index) => {
          made.push(await workspace.client(`robot-${index}`, `imported secret of ${slug} ${index}`))
          if (made.length % 200 === 0) onProgress(`${made.length} clients of ${slug}`)
        },
        4,
      )
      return made
    }
    const stored = await plant('shop', clients, true)
    const unstored = await plant('weak', weak, false)

    const round = async (name: string, who: readonly PlantedClient[], atOnce: number, patient = false) => {
      const { askRight } = callers as Callers
      const answers = tally()
      await pooled(
        who,
        async (client) => {
          for (const deadline = Date.now() + GIVE_UP_MS; Date.now() < deadline;) {
            const answer = await askRight(PEER, client).catch((error: Error) => error.message)
            if (typeof answer === 'string') return answers.add(answer)
            answers.add(String(answer.status))
            if (!patient || answer.status !== 429) return undefined
            await sleep((answer.retryAfter ?? 60) * 1000)
          }
          return answers.add('given up')
        },
        atOnce,
      )
      rounds.push({ name, answers: answers.counts, mayBeTold: patient })
      onProgress(`${name}: ${JSON.stringify(answers.counts)}`)
    }
    const start = async () => {
      callers?.close()
      const node = await site.startNode()
      callers = callersOf(node.port)
      return node
    }
    const end = async (node: Node, signal: 'SIGTERM' | 'SIGKILL') => {
      node.kill(signal)
      await node.ended
    }

    let node = await start()
    await round('first use ever', stored, FIRST_USES_AT_ONCE)
    await end(node, 'SIGTERM')

    node = await start()
    await round('all at once of a node that was restarted', stored, stored.length)
    await round('no digest stored, first use', unstored, FIRST_USES_AT_ONCE)
    await round('no digest stored, all at once', unstored, unstored.length)
    await sleep(WRITTEN_WITHIN_MS)
    await end(node, 'SIGKILL')

    node = await start()
    await round('all at once of a node that was killed and started', stored, stored.length)
    await round('no digest stored, all at once after that, as often as told', unstored, unstored.length, true)
    await round('no digest stored, all at once again', unstored, unstored.length)
    await end(node, 'SIGTERM')
    return rounds
  } finally {
    callers?.close()
    await planting.close()
    await site.close()
  }
}
