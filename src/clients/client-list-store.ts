/** Rows of clients as their administrators see them, for one workspace. Reads only. */
import { sql } from 'kysely'
import type { ClientId, WorkspaceId } from '../ids.ts'
import type { ScopeToken } from '../oauth/scope.ts'
import type { TenantConnection } from '../storage/transaction.ts'
import type { Client } from './client.ts'

export type ListedClient = Client & {
  readonly tokensPerMinute: number | undefined
  readonly createdAt: Date
  readonly scopes: readonly { readonly scope: ScopeToken; readonly byDefault: boolean }[]
}

export type ClientFilter = {
  readonly id?: ClientId
  readonly state?: Client['state']
  /** It was granted this one. */
  readonly scope?: string
  /** None of its credentials was used since, as far as is written down. */
  readonly unusedSince?: Date
  /** A live credential of it ends before. */
  readonly expiresBefore?: Date
  /** The last id that is looked at. */
  readonly upTo?: ClientId
}

export function clientListStore({ db, tenantId }: TenantConnection, workspaceId: WorkspaceId) {
  return {
    /** So many clients after an id. @returns the last one's id; undefined: there are not so many */
    async findWindowEnd(after: string | undefined, size: number): Promise<ClientId | undefined> {
      let query = db
        .selectFrom('client')
        .select('client_id')
        .where('tenant_id', '=', tenantId)
        .where('workspace_id', '=', workspaceId)
        .orderBy('client_id')
        .offset(size - 1)
        .limit(1)
      if (after !== undefined) query = query.where('client_id', '>', after as ClientId)
      return (await query.executeTakeFirst())?.client_id
    },

    /** By id. @param after an id; undefined: from the first */
    async listClients(
      filter: ClientFilter,
      after: string | undefined,
      most: number,
    ): Promise<readonly ListedClient[]> {
      const granted = sql<{ scope: ScopeToken; byDefault: boolean }[]>`coalesce((
        select jsonb_agg(jsonb_build_object('scope', g.scope_token, 'byDefault', g.by_default) order by g.scope_token)
        from regent.scope_grant g where g.tenant_id = client.tenant_id and g.workspace_id = client.workspace_id
          and g.client_id = client.client_id), '[]')`
      const live = sql`select from regent.credential c where c.tenant_id = client.tenant_id
        and c.workspace_id = client.workspace_id and c.client_id = client.client_id and c.state = 'live'`
      let query = db
        .selectFrom('client')
        .select([
          'client_id',
          'name',
          'state',
          'token_endpoint_auth_method',
          'strict_auth_method',
          'grant_types',
        ])
        .select(['default_resource_server_id', 'several_resources', 'tokens_per_minute', 'allowed_networks'])
        .select(['created_at', granted.as('scopes')])
        .where('tenant_id', '=', tenantId)
        .where('workspace_id', '=', workspaceId)
        .orderBy('client_id')
        .limit(most)
      if (filter.id !== undefined) query = query.where('client_id', '=', filter.id)
      if (after !== undefined) query = query.where('client_id', '>', after as ClientId)
      if (filter.upTo !== undefined) query = query.where('client_id', '<=', filter.upTo)
      if (filter.state !== undefined) query = query.where('state', '=', filter.state)
      if (filter.scope !== undefined)
        query =
          query.where(sql<boolean>`exists (select from regent.scope_grant g where g.tenant_id = client.tenant_id
          and g.workspace_id = client.workspace_id and g.client_id = client.client_id and g.scope_token = ${filter.scope})`)
      if (filter.expiresBefore !== undefined)
        query = query.where(sql<boolean>`exists (${live} and c.expires_at < ${filter.expiresBefore})`)
      if (filter.unusedSince !== undefined) {
        // The bounds once more: else all uses of the workspace are read for a few of its clients.
        const from = after === undefined ? sql`` : sql`and u.client_id > ${after}`
        const to = filter.upTo === undefined ? sql`` : sql`and u.client_id <= ${filter.upTo}`
        query = query.where('created_at', '<', filter.unusedSince)
          .where(sql<boolean>`not exists (select from regent.credential_use u where u.tenant_id = client.tenant_id
            and u.workspace_id = client.workspace_id and u.client_id = client.client_id
            and u.last_used_at >= ${filter.unusedSince} ${from} ${to})`)
      }
      const rows = await query.execute()
      return rows.map((row) => ({
        id: row.client_id,
        name: row.name,
        state: row.state,
        tokenEndpointAuthMethod: row.token_endpoint_auth_method,
        strictAuthMethod: row.strict_auth_method,
        grantTypes: row.grant_types,
        defaultResourceServerId: row.default_resource_server_id ?? undefined,
        severalResources: row.several_resources,
        allowedNetworks: row.allowed_networks,
        tokensPerMinute: row.tokens_per_minute ?? undefined,
        createdAt: row.created_at,
        scopes: row.scopes,
      }))
    },
  }
}
