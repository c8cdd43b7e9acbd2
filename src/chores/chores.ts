/**
 * Chores of a region: doors opened by the clock. Each is harmless when several nodes do it at once, and when it fails it
 * is done the next time.
 */
import type { ChangeNeeds, ChangeParts } from '../changes/change.ts'
import { checkpointAudit } from '../changes/checkpoint-audit.ts'
import { pruneRequests } from '../changes/idempotency.ts'
import { pruneFeed } from '../changes/prune-feed.ts'
import type { Observe } from '../observe/observation.ts'
import { pruneNodes } from '../records/prune-nodes.ts'
import { tendIssuance } from '../records/tend-issuance.ts'
import { isUnavailable, type Database } from '../storage/transaction.ts'
import type { Region } from '../tenancy/region.ts'
import { rotateDueKeys } from './rotate-keys.ts'
import { removeWhatWasDeleted } from './remove-deleted.ts'
import { resealOlder, watchMasterKeys } from './tend-master-keys.ts'
import { watchConnections } from './watch-connections.ts'
import { watchExpiring } from './watch-expiring.ts'

type Needs = {
  readonly region: Region
  readonly database: Database
  /** For chores that change settings: in a database of their own, which is more patient. */
  readonly changes: ChangeParts & Pick<ChangeNeeds, 'database'>
  readonly observe: Observe
  /** Days of the issuance log that are kept, today not among them. */
  readonly issuanceDays: number
  readonly random?: () => number
}

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** What may take longer than its interval is not begun a second time beside itself. */
function oneAtATime(chore: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined
  return () => (running ??= chore().finally(() => (running = undefined)))
}

export function chores(needs: Needs) {
  const { region, database, observe, issuanceDays, changes, random = Math.random } = needs
  const timers = new Set<NodeJS.Timeout>()

  const repeat = (interval: number, chore: () => Promise<void>) => {
    const once = () =>
      chore().catch((error: unknown) => {
        // A database that is away is seen by those who follow the feed.
        if (!isUnavailable(error)) observe({ type: 'server_error', requestId: `chore of ${region}`, error })
      })
    // Spread, so that the nodes of a region do not all come at once.
    const timer = setInterval(() => void once(), interval * (0.9 + 0.2 * random()))
    timer.unref()
    timers.add(timer)
    return once
  }

  return {
    async start(): Promise<void> {
      const watch = repeat(MINUTE, () => watchConnections(database, region, observe))
      repeat(HOUR, async () => {
        await pruneNodes(database, region)
        await pruneFeed(database, region)
        await pruneRequests(database)
      })
      const tend = repeat(10 * MINUTE, async () => {
        observe({ type: 'issuance_tended', region, ...(await tendIssuance(database, issuanceDays)) })
      })
      const expiring = repeat(HOUR, () => watchExpiring(database, region, observe))
      repeat(10 * MINUTE, () =>
        removeWhatWasDeleted({ ...changes, region, actor: 'chore remove-deleted' }, observe),
      )
      repeat(HOUR, () => checkpointAudit({ region, database, keyring: changes.keyring, observe }))
      repeat(MINUTE, async () => {
        await rotateDueKeys({ ...changes, region, actor: 'chore rotate-keys' }, observe)
      })
      const keys = { region, database: changes.database, keyring: changes.keyring, observe }
      const compare = repeat(MINUTE, () => watchMasterKeys(keys))
      repeat(
        MINUTE,
        oneAtATime(() => resealOlder(keys)),
      )
      await watch()
      await compare()
      await expiring()
      await tend()
    },
    stop(): void {
      for (const timer of timers) clearInterval(timer)
    },
  }
}
