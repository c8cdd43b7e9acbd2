/**
 * A chore: reckons what the live nodes of a region may open against what the server takes. Over four fifths, one more
 * node, or a deploy that overlaps, may find the door shut.
 */
import type { Observe } from '../observe/observation.ts'
import { nodeStore } from '../records/node-store.ts'
import { readConnectionLimit } from '../storage/connection-limit.ts'
import type { Database } from '../storage/transaction.ts'
import type { Region } from '../tenancy/region.ts'

const TOO_MUCH = 0.8

export async function watchConnections(database: Database, region: Region, observe: Observe): Promise<void> {
  const { nodes, limit } = await database.asOperator(async (connection) => ({
    nodes: await nodeStore(connection, region).listLiveNodes(),
    limit: await readConnectionLimit(connection),
  }))
  const connections = nodes.reduce((sum, node) => sum + node.connections, 0)
  observe({
    type: 'connections_counted',
    region,
    connections,
    limit,
    nodes: nodes.length,
    tooMany: connections > limit * TOO_MUCH,
  })
}
