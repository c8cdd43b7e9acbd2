/** Rows by which the live nodes of a region know of each other. Reads and writes, nothing else. */
import { sql } from 'kysely'
import type { NodeId } from '../ids.ts'
import type { OperatorConnection } from '../storage/transaction.ts'
import type { Region } from '../tenancy/region.ts'

export type NodeReport = {
  readonly id: NodeId
  /** How far it has read the region's feed. */
  readonly feedNumber: number
  /** To the region's database, at most. */
  readonly connections: number
  readonly masterKeyIds: readonly string[]
  readonly version: string
}

/** Seconds that a heartbeat counts for. */
const LIVE = 3

export function nodeStore({ db }: OperatorConnection, region: Region) {
  const isLive = sql<boolean>`seen_at > clock_timestamp() - make_interval(secs => ${LIVE})`

  return {
    /** @returns the database's clock, in milliseconds since 1970 */
    async upsertNode({ id, feedNumber, connections, masterKeyIds, version }: NodeReport): Promise<number> {
      const values = {
        feed_number: String(feedNumber),
        connections,
        master_key_ids: [...masterKeyIds],
        version,
      }
      const { now } = await db
        .insertInto('node')
        .values({ region, node_id: id, ...values })
        .onConflict((conflict) =>
          conflict
            .columns(['region', 'node_id'])
            .doUpdateSet({ ...values, seen_at: sql<Date>`clock_timestamp()` }),
        )
        .returning(sql<number>`extract(epoch from clock_timestamp())::float8 * 1000`.as('now'))
        .executeTakeFirstOrThrow()
      return now
    },

    async deleteNode(id: NodeId): Promise<void> {
      await db.deleteFrom('node').where('region', '=', region).where('node_id', '=', id).execute()
    },

    async listLiveNodes(): Promise<readonly NodeReport[]> {
      const rows = await db
        .selectFrom('node')
        .select(['node_id', 'feed_number', 'connections', 'master_key_ids', 'version'])
        .where('region', '=', region)
        .where(isLive)
        .orderBy('node_id')
        .execute()
      return rows.map((row) => ({
        id: row.node_id,
        feedNumber: Number(row.feed_number),
        connections: row.connections,
        masterKeyIds: row.master_key_ids,
        version: row.version,
      }))
    },

    /** Of nodes that ended without saying so. */
    async deleteNodesBefore(seconds: number): Promise<void> {
      await db
        .deleteFrom('node')
        .where('region', '=', region)
        .where(sql<boolean>`seen_at < clock_timestamp() - make_interval(secs => ${seconds})`)
        .execute()
    },
  }
}
