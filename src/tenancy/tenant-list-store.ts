/** Rows of a region's tenants as operators see them. Reads only. */
import { sql } from 'kysely'
import { numericDate } from '../storage/row.ts'
import type { OperatorConnection } from '../storage/transaction.ts'
import type { Region } from './region.ts'
import type { TenantSlug } from './slug.ts'
import type { Quotas, Tenant } from './tenant.ts'
import type { TenantState } from './tenant-registry-store.ts'

export type ListedTenant = Tenant & {
  readonly state: TenantState
  readonly quotas: Quotas
  readonly createdAt: Date
}

export function tenantListStore({ db }: OperatorConnection, region: Region) {
  return {
    /** By name, without those that are gone. @param after a name; undefined: from the first */
    async listTenants(
      after: string | undefined,
      most: number,
      slug?: string,
      state?: TenantState,
    ): Promise<readonly ListedTenant[]> {
      let query = db
        .selectFrom('tenant')
        .select(['tenant_id', 'slug', 'tokens_per_minute', 'state', 'gone_at', 'created_at'])
        .select(['max_workspaces', 'max_resource_servers', 'max_clients', 'max_scopes'])
        .where('region', '=', region)
        .where(sql<boolean>`(gone_at is null or gone_at > now())`)
        .orderBy('slug')
        .limit(most)
      if (after !== undefined) query = query.where('slug', '>', after)
      if (slug !== undefined) query = query.where('slug', '=', slug)
      if (state !== undefined) query = query.where('state', '=', state)
      const rows = await query.execute()
      return rows.map((row) => ({
        id: row.tenant_id,
        slug: row.slug as TenantSlug,
        region,
        tokensPerMinute: row.tokens_per_minute ?? undefined,
        suspended: row.state !== 'live',
        goneAt: numericDate(row.gone_at),
        state: row.state,
        quotas: {
          workspaces: row.max_workspaces ?? undefined,
          resourceServers: row.max_resource_servers ?? undefined,
          clients: row.max_clients ?? undefined,
          scopes: row.max_scopes ?? undefined,
        },
        createdAt: row.created_at,
      }))
    },
  }
}
