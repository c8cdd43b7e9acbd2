/** Forgets entries of the change feed that every node has read long ago; whoever is further behind begins anew. */
import type { Database } from '../storage/transaction.ts'
import type { Region } from '../tenancy/region.ts'
import { changeFeedPruning } from './feed-store.ts'

const WEEK = 7 * 24 * 60 * 60

/** The newest entry stays whatever its age: by it, a node recognises the feed. */
export async function pruneFeed(database: Database, region: Region): Promise<void> {
  await database.asOperator((connection) => changeFeedPruning(connection, region).deleteEntriesBefore(WEEK))
}
