/** Forgets heartbeats of nodes that ended without saying so; that their last uses are not known is remembered. */
import type { Database } from '../storage/transaction.ts'
import type { Region } from '../tenancy/region.ts'
import { nodeStore, useGapStore } from './node-store.ts'

const DAY = 24 * 60 * 60
/** Nobody asks whether a credential was unused for longer. */
const KEEP_GAPS = 400 * DAY

export async function pruneNodes(database: Database, region: Region): Promise<void> {
  await database.asOperator(async (connection) => {
    await useGapStore(connection, region).insertGapsOfNodesBefore(DAY)
    await nodeStore(connection, region).deleteNodesBefore(DAY)
    await useGapStore(connection, region).deleteGapsBefore(KEEP_GAPS)
  })
}
