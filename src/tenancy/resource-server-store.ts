/** Rows of resource servers and the scope tokens that they own, for one workspace. */
import { z } from 'zod'
import type { ResourceServerId, WorkspaceId } from '../ids.ts'
import type { ResourceIdentifier } from '../oauth/resource.ts'
import { isScopeToken } from '../oauth/scope.ts'
import type { Algorithm, JwtType } from '../oauth/signing.ts'
import { readRow } from '../storage/row.ts'
import type { TenantConnection } from '../storage/transaction.ts'
import type { OwnedScope, ResourceServer } from './resource-server.ts'

export function resourceServerStore({ db, tenantId }: TenantConnection, workspaceId: WorkspaceId) {
  return {
    async findResourceServer(identifier: ResourceIdentifier): Promise<ResourceServer | undefined> {
      const row = await db
        .selectFrom('resource_server')
        .selectAll()
        .where('tenant_id', '=', tenantId)
        .where('workspace_id', '=', workspaceId)
        .where('identifier', '=', identifier)
        .executeTakeFirst()
      return (
        row && {
          id: row.resource_server_id,
          identifier: row.identifier as ResourceIdentifier,
          name: row.name,
          signingAlgorithm: (row.signing_algorithm ?? undefined) as Algorithm | undefined,
          jwtType: row.jwt_type as JwtType,
        }
      )
    },

    async listScopes(): Promise<readonly OwnedScope[]> {
      const rows = await db
        .selectFrom('scope')
        .select(['scope_token', 'resource_server_id', 'description'])
        .where('tenant_id', '=', tenantId)
        .where('workspace_id', '=', workspaceId)
        .orderBy('scope_token')
        .execute()
      return rows.map(readScope)
    },

    /** What resource servers have chosen; nothing of those that have not. */
    async listSigningAlgorithms(): Promise<readonly Algorithm[]> {
      const rows = await db
        .selectFrom('resource_server')
        .select('signing_algorithm')
        .distinct()
        .where('tenant_id', '=', tenantId)
        .where('workspace_id', '=', workspaceId)
        .where('signing_algorithm', 'is not', null)
        .execute()
      return rows.map((row) => row.signing_algorithm as Algorithm)
    },

    async insertResourceServer(server: ResourceServer): Promise<void> {
      await db
        .insertInto('resource_server')
        .values({
          tenant_id: tenantId,
          workspace_id: workspaceId,
          resource_server_id: server.id,
          identifier: server.identifier,
          name: server.name,
          signing_algorithm: server.signingAlgorithm ?? null,
          jwt_type: server.jwtType,
        })
        .execute()
    },

    async updateSigning(
      id: ResourceServerId,
      algorithm: Algorithm | undefined,
      jwtType: JwtType,
    ): Promise<boolean> {
      const { numUpdatedRows } = await db
        .updateTable('resource_server')
        .set({ signing_algorithm: algorithm ?? null, jwt_type: jwtType })
        .where('tenant_id', '=', tenantId)
        .where('workspace_id', '=', workspaceId)
        .where('resource_server_id', '=', id)
        .executeTakeFirst()
      return numUpdatedRows === 1n
    },

    async insertScope({ token, resourceServerId, description }: OwnedScope): Promise<void> {
      await db
        .insertInto('scope')
        .values({
          tenant_id: tenantId,
          workspace_id: workspaceId,
          scope_token: token,
          resource_server_id: resourceServerId,
          description,
        })
        .execute()
    },
  }
}

const SCOPE = z.object({
  scope_token: z.string().max(200).refine(isScopeToken),
  resource_server_id: z.uuid(),
  description: z.string().max(1000),
})

function readScope(scopeRow: unknown): OwnedScope {
  const row = readRow('scope', SCOPE, scopeRow)
  return {
    token: row.scope_token,
    resourceServerId: row.resource_server_id as ResourceServerId,
    description: row.description,
  }
}
