/** Rows of many scope tokens, for one workspace: a statement for hundreds, whose text is the same for however many. Writes only. */
import { sql } from 'kysely'
import type { WorkspaceId } from '../ids.ts'
import type { TenantConnection } from '../storage/transaction.ts'
import type { OwnedScope } from './resource-server.ts'

export function scopeBatchStore({ db, tenantId }: TenantConnection, workspaceId: WorkspaceId) {
  return {
    async insertScopes(scopes: readonly OwnedScope[]): Promise<void> {
      await sql`
        insert into regent.scope (tenant_id, workspace_id, scope_token, resource_server_id, description)
        select ${tenantId}::uuid, ${workspaceId}::uuid, token, "resourceServerId", description
        from ${rowsOf(scopes)}`.execute(db)
    },

    async updateDescriptions(scopes: readonly OwnedScope[]): Promise<void> {
      await sql`
        update regent.scope set description = sent.description from ${rowsOf(scopes)}
        where scope.tenant_id = ${tenantId} and scope.workspace_id = ${workspaceId}
          and scope.scope_token = sent.token and scope.resource_server_id = sent."resourceServerId"`.execute(
        db,
      )
    },
  }
}

function rowsOf(scopes: readonly OwnedScope[]) {
  return sql`jsonb_to_recordset(${JSON.stringify(scopes)}::jsonb)
    as sent(token text, "resourceServerId" uuid, description text)`
}
