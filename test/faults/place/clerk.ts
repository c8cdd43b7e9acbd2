/**
 * Makes changes all the time, one after the other in each region, and keeps a ledger of those that were acknowledged:
 * each of them must be found afterwards, with the number in the feed that its answer named, and once.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from '../../../src/changes/client-changes.ts'
import type { ChangeNeeds } from '../../../src/changes/change.ts'
import type { Region } from '../../../src/tenancy/region.ts'
import { outcomeOf, type Outcome } from './changes.ts'
import type { Party } from './population.ts'

export type Clerk = ReturnType<typeof startClerk>
/** What the database says of a region now. */
export type LookUp = (
  region: Region,
  text: string,
  values: readonly unknown[],
) => Promise<readonly { readonly number: string; readonly subject: string }[]>
type Entry = { readonly id: string; readonly feedNumber: number }

const PAUSE_MS = 150
const FEED = `select number, subject from regent.change_feed where region = $1 and number >= $2 order by number`
const CLIENTS = `select 0 as number, client_id as subject from regent.client where workspace_id = $1`

export function startClerk(
  needs: (region: Region) => ChangeNeeds,
  /** One of each region: where the clerk makes clients. */
  parties: readonly Party[],
) {
  const ledgers = new Map<Region, Entry[]>(parties.map(({ region }) => [region, []]))
  const outcomes: Partial<Record<Outcome, number>> = {}
  const state = { running: true }
  let count = 0
  let lastMadeAt = performance.now()

  const make = async (party: Party): Promise<Outcome> => {
    const id = `clerk-${process.pid}-${count++}`
    const made = createClient(needs(party.region), party.workspace, { id, name: id })
    const outcome = await outcomeOf(
      made.then(({ feedNumber }) => ledgers.get(party.region)?.push({ id, feedNumber })),
    )
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
    if (outcome === 'made') lastMadeAt = performance.now()
    return outcome
  }
  const work = async (party: Party) => {
    while (state.running) {
      await make(party)
      await sleep(PAUSE_MS)
    }
  }
  const working = parties.map(work)

  return {
    parties,
    /** One more, now, in this region. */
    make: (region: Region) => make(parties.find((party) => party.region === region) as Party),
    outcomes: () => ({ ...outcomes }),
    acknowledged: () => [...ledgers.values()].reduce((sum, { length }) => sum + length, 0),
    lastMadeAt: () => lastMadeAt,

    /** Adds what another process was acknowledged. */
    enter: (region: Region, entry: Entry) => void ledgers.get(region)?.push(entry),

    /** Holds the ledger against the database. What was found is not looked for again. */
    async audit(lookUp: LookUp): Promise<{ lost: number; gaps: number }> {
      let [lost, gaps] = [0, 0]
      for (const { region, workspace } of parties) {
        const ledger = [...(ledgers.get(region) ?? [])]
        if (ledger.length === 0) continue
        const from = Math.min(...ledger.map(({ feedNumber }) => feedNumber))
        const feed = await lookUp(region, FEED, [region, from])
        const clients = new Set((await lookUp(region, CLIENTS, [workspace.id])).map(({ subject }) => subject))
        const subjects = new Map(feed.map(({ number, subject }) => [Number(number), subject]))
        lost += ledger.filter(
          ({ id, feedNumber }) => subjects.get(feedNumber) !== id || !clients.has(id),
        ).length
        ledgers.get(region)?.splice(0, ledger.length)
        gaps += feed.filter(({ number }, index) => Number(number) !== from + index).length
      }
      return { lost, gaps }
    },

    async stop() {
      state.running = false
      await Promise.all(working)
    },
  }
}
