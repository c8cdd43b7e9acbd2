/** A chore: says how many secrets end soon, so that somebody makes others before. Which, each tenant's administration lists. */
import { expiringStore } from '../clients/expiring-store.ts'
import type { Observe } from '../observe/observation.ts'
import type { Database } from '../storage/transaction.ts'
import type { Region } from '../tenancy/region.ts'

export async function watchExpiring(database: Database, region: Region, observe: Observe): Promise<void> {
  const expiring = await database.asOperator((connection) =>
    expiringStore(connection, region).countExpiring(),
  )
  observe({ type: 'secrets_expiring', region, ...expiring })
}
