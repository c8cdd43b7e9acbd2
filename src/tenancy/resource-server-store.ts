/** Rows of resource servers and the scope tokens that they own, for one workspace. */
import type { WorkspaceId } from '../ids.ts'
import type { ResourceIdentifier } from '../oauth/resource.ts'
import type { ScopeToken } from '../oauth/scope.ts'
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
        }
      )
    },

    async listScopes(): Promise<readonly OwnedScope[]> {
      const rows = await db
        .selectFrom('scope')
        .selectAll()
        .where('tenant_id', '=', tenantId)
        .where('workspace_id', '=', workspaceId)
        .orderBy('scope_token')
        .execute()
      return rows.map((row) => ({
        token: row.scope_token as ScopeToken,
        resourceServerId: row.resource_server_id,
        description: row.description,
      }))
    },

    async insertResourceServer({ id, identifier, name }: ResourceServer): Promise<void> {
      await db
        .insertInto('resource_server')
        .values({ tenant_id: tenantId, workspace_id: workspaceId, resource_server_id: id, identifier, name })
        .execute()
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
