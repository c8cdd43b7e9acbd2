/**
 * Rows of many clients and of what they were granted, for one workspace: a statement for hundreds, whose text is the same for
 * however many. Reads and writes, nothing else.
 */
import { sql } from 'kysely'
import type { ClientId, WorkspaceId } from '../ids.ts'
import type { ScopeToken } from '../oauth/scope.ts'
import type { TenantConnection } from '../storage/transaction.ts'
import type { Client } from './client.ts'

export type LimitedClient = Client & { readonly tokensPerMinute: number | undefined }
export type GrantRow = {
  readonly clientId: ClientId
  readonly token: ScopeToken
  readonly byDefault: boolean
}

export function clientBatchStore({ db, tenantId }: TenantConnection, workspaceId: WorkspaceId) {
  return {
    async insertClients(clients: readonly LimitedClient[]): Promise<void> {
      await sql`
        insert into regent.client (tenant_id, workspace_id, client_id, name, state, token_endpoint_auth_method,
          strict_auth_method, grant_types, default_resource_server_id, several_resources, tokens_per_minute, allowed_networks)
        select ${tenantId}::uuid, ${workspaceId}::uuid, ${COLUMNS} from ${rowsOf(clients)}`.execute(db)
    },

    async updateClients(clients: readonly LimitedClient[]): Promise<void> {
      await sql`
        update regent.client set (name, state, token_endpoint_auth_method, strict_auth_method, grant_types,
          default_resource_server_id, several_resources, tokens_per_minute, allowed_networks) =
          (sent.name, sent.state, sent.method, sent.strict, sent.grant_types, sent.server, sent.several, sent.most,
          sent.networks)
        from ${rowsOf(clients)}
        where client.tenant_id = ${tenantId} and client.workspace_id = ${workspaceId}
          and client.client_id = sent.client_id`.execute(db)
    },

    async deleteClients(ids: readonly ClientId[]): Promise<void> {
      await db
        .deleteFrom('client')
        .where('tenant_id', '=', tenantId)
        .where('workspace_id', '=', workspaceId)
        .where('client_id', '=', sql<ClientId>`any(${ids}::text[])`)
        .execute()
    },

    async upsertGrants(grants: readonly GrantRow[]): Promise<void> {
      await sql`
        insert into regent.scope_grant (tenant_id, workspace_id, client_id, scope_token, by_default)
        select ${tenantId}::uuid, ${workspaceId}::uuid, "clientId", token, "byDefault"
        from jsonb_to_recordset(${JSON.stringify(grants)}::jsonb) as sent("clientId" text, token text, "byDefault" boolean)
        on conflict (tenant_id, workspace_id, client_id, scope_token) do update set by_default = excluded.by_default`.execute(
        db,
      )
    },

    async deleteGrants(grants: readonly Pick<GrantRow, 'clientId' | 'token'>[]): Promise<void> {
      await sql`
        delete from regent.scope_grant granted
        using jsonb_to_recordset(${JSON.stringify(grants)}::jsonb) as sent("clientId" text, token text)
        where granted.tenant_id = ${tenantId} and granted.workspace_id = ${workspaceId}
          and granted.client_id = sent."clientId" and granted.scope_token = sent.token`.execute(db)
    },
  }
}

const COLUMNS = sql`client_id, name, state, method, strict, grant_types, server, several, most, networks`

function rowsOf(clients: readonly LimitedClient[]) {
  const rows = clients.map((client) => ({
    client_id: client.id,
    name: client.name,
    state: client.state,
    method: client.tokenEndpointAuthMethod,
    strict: client.strictAuthMethod,
    grant_types: client.grantTypes,
    server: client.defaultResourceServerId,
    several: client.severalResources,
    most: client.tokensPerMinute,
    networks: client.allowedNetworks,
  }))
  return sql`jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as sent(client_id text, name text, state text, method text,
    strict boolean, grant_types text[], server uuid, several boolean, most integer, networks text[])`
}
