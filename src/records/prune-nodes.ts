/** Forgets heartbeats of nodes that ended without saying so. */
import type { Database } from '../storage/transaction.ts'
import type { Region } from '../tenancy/region.ts'
import { nodeStore } from './node-store.ts'

const DAY = 24 * 60 * 60

export async function pruneNodes(database: Database, region: Region): Promise<void> {
  await database.asOperator((connection) => nodeStore(connection, region).deleteNodesBefore(DAY))
}
