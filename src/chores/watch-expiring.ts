/**
 * A chore: says how many secrets end soon, so that somebody makes others before, and which: once when each comes within 30, 7 and
 * 1 days of its end, whichever node comes first. What was said is written down where it is said, so that it may be said
 * twice, if a node ends in between, and never not at all. Each tenant's administration lists them.
 */
import { expiringStore } from '../clients/expiring-store.ts'
import type { Observe } from '../observe/observation.ts'
import type { Database } from '../storage/transaction.ts'
import type { Region } from '../tenancy/region.ts'

const BATCH = 200
/** Lines of one hour: what is left is said in the next. */
const MOST = 10_000

export async function watchExpiring(database: Database, region: Region, observe: Observe): Promise<void> {
  const expiring = await database.asOperator((connection) =>
    expiringStore(connection, region).countExpiring(),
  )
  observe({ type: 'secrets_expiring', region, ...expiring })
  for (let told = 0, more = true; more && told < MOST; told += BATCH) {
    more = await database.asOperator(async (connection) => {
      const taken = await expiringStore(connection, region).takeExpiring(BATCH)
      for (const { expiresAt, ...secret } of taken)
        observe({ type: 'secret_expiring', region, ...secret, expiresAt: expiresAt.toISOString() })
      return taken.length === BATCH
    })
  }
}
