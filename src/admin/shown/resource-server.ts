/** Resource servers as administration shows and takes them. */
import { z } from 'zod'
import type { ResourceServerId, WorkspaceId } from '../../ids.ts'
import { ALGORITHMS, JWT_TYPES } from '../../oauth/signing.ts'
import type { TenantConnection } from '../../storage/transaction.ts'
import { resourceServerStore, type ServerFilter } from '../../tenancy/resource-server-store.ts'
import { notFound } from '../problem.ts'
import type { Connection } from '../route.ts'
import { iso } from '../shapes.ts'

export const SIGNING = {
  signing_algorithm: z.enum(ALGORITHMS).nullable().meta({ description: 'null: as its workspace does' }),
  jwt_type: z.enum(JWT_TYPES).meta({ description: 'JWT for verifiers that refuse at+jwt' }),
}
export const SERVER = z.object({
  id: z.string(),
  identifier: z.string().meta({ description: 'the audience of its tokens' }),
  name: z.string(),
  ...SIGNING,
  scopes: z.record(z.string(), z.string()).meta({ description: 'scope token: what it allows' }),
  created_at: z.string(),
})
export const OWNED_SCOPES = z.record(z.string(), z.string())
export async function listServers(
  connection: Connection,
  workspaceId: WorkspaceId,
  after: string | undefined,
  most: number,
  filter: ServerFilter = {},
) {
  const store = resourceServerStore(connection as TenantConnection, workspaceId)
  const servers = await store.listResourceServers(after, most, filter)
  const scopes = await store.listScopes()
  return servers.map((server) => ({
    server,
    shown: {
      id: server.id,
      identifier: server.identifier,
      name: server.name,
      signing_algorithm: server.signingAlgorithm ?? null,
      jwt_type: server.jwtType,
      scopes: Object.fromEntries(
        scopes
          .filter((one) => one.resourceServerId === server.id)
          .map(({ token, description }) => [token, description]),
      ),
      created_at: iso(server.createdAt) ?? '',
    },
  }))
}

export async function findServer(connection: Connection, workspaceId: WorkspaceId, id: ResourceServerId) {
  const [found] = await listServers(connection, workspaceId, undefined, 1, { id })
  if (found === undefined) throw notFound()
  return found
}
