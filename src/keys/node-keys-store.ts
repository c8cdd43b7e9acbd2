/** Which master keys the nodes of a region know, of their heartbeats. Reads only. */
import { sql } from 'kysely'
import type { NodeId } from '../ids.ts'
import { isLiveNode } from '../storage/live-node.ts'
import type { OperatorConnection, TenantConnection } from '../storage/transaction.ts'
import type { Region } from '../tenancy/region.ts'

export type NodeKeys = {
  readonly id: NodeId
  /** In the node's own order. */
  readonly masterKeyIds: readonly string[]
  /** False: it has been silent for some seconds, and may go on without its database, or come back, as what it was. */
  readonly live: boolean
}

export function nodeKeysStore({ db }: TenantConnection | OperatorConnection, region: Region) {
  return {
    /** Of nodes that live, and of those that went without a word within the time that they may do without their database. */
    async listNodeKeys(): Promise<readonly NodeKeys[]> {
      const rows = await db
        .selectFrom('node')
        .select(['node_id', 'master_key_ids', isLiveNode.as('live')])
        .where('region', '=', region)
        .where((eb) =>
          eb.or([isLiveNode, sql<boolean>`seen_at > clock_timestamp() - make_interval(secs => max_stale)`]),
        )
        .orderBy('node_id')
        .execute()
      return rows.map((row) => ({ id: row.node_id, masterKeyIds: row.master_key_ids, live: row.live }))
    },
  }
}
