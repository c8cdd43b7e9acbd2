/** T65: the replica stands still. A change is in effect all the same, and whoever is new is found. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ClientId } from '../../../src/ids.ts'
import { disobedience, measureEffect } from '../effect.ts'
import type { Fault } from '../fault.ts'
import { createCaller, type Caller } from '../place/population.ts'
import type { Stage } from '../stage.ts'

/** A node asks the primary at most once a second for a client that it does not know. */
const FOUND_MS = 10_000
let newcomers = 0

export const laggingReplica: Fault = {
  name: 'lagging-replica',
  threat: 'T65',
  kind: 'lagging replica',
  expect: { failures: 'none', gap: 250 },
  break: async ({ cluster }) => void (await cluster.pauseReplay()),
  async during(stage, { hold }) {
    const [effect, missing] = await Promise.all([measureEffect(stage, 0, 'disable'), newcomer(stage), hold()])
    const [primary] = await stage.cluster.primary().ask<{ at: string }>('select pg_current_wal_lsn() as at')
    const [behind] = await stage.cluster
      .replica()
      .ask<{ by: string }>('select pg_wal_lsn_diff($1::pg_lsn, pg_last_wal_replay_lsn()) as by', [
        primary?.at,
      ])
    return {
      must: { 'bytes behind': Number(behind?.by ?? 0) },
      never: {
        ...disobedience([effect]),
        'nodes that did not find a new client': missing,
      },
      times: { 'last token after a client was disabled': { took: effect.lastToken, allowed: 1000 } },
    }
  },
  mend: async ({ cluster }) => void (await cluster.resumeReplay()),
}

/** @returns how many nodes do not find a client that the replica cannot know */
async function newcomer(stage: Stage): Promise<number> {
  const { party } = stage.subjects[0] as Caller
  const id = `newcomer-${newcomers++}` as ClientId
  const caller = await createCaller(stage.needs(party.region), party, id, false)
  let missing = 0
  for (const node of stage.nodes) {
    let found = false
    for (const end = performance.now() + FOUND_MS; !found && performance.now() < end; await sleep(100)) {
      const ask = { parameter: 'scope', value: 'read' } as const
      const answer = await stage.load
        .doorOf(node)
        .token(caller, ask)
        .catch(() => undefined)
      found =
        answer?.status === 200 && (await stage.load.checker.check(caller, ask, answer.body)) === undefined
    }
    if (!found) missing += 1
  }
  return missing
}
