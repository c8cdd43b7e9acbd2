/** Rows of tenants, as operators write them. Reads and writes, nothing else; what may be written is decided in `changes/`. */
import { sql } from 'kysely'
import type { OperatorConnection } from '../storage/transaction.ts'
import type { Quotas, Tenant } from './tenant.ts'

export type TenantState = 'live' | 'suspended' | 'deleted'

export function tenantRegistry({ db }: OperatorConnection) {
  return {
    async insertTenant({ id, slug, region }: Tenant): Promise<void> {
      await db.insertInto('tenant').values({ tenant_id: id, slug, region }).execute()
    },

    /** @param tokensPerMinute undefined: as many as are asked for */
    async updateTenantLimit({ id, region }: Tenant, tokensPerMinute: number | undefined): Promise<boolean> {
      const { numUpdatedRows } = await db
        .updateTable('tenant')
        .set({ tokens_per_minute: tokensPerMinute ?? null })
        .where('tenant_id', '=', id)
        .where('region', '=', region)
        .executeTakeFirst()
      return numUpdatedRows === 1n
    },

    async updateQuotas({ id, region }: Tenant, quotas: Quotas): Promise<boolean> {
      const { numUpdatedRows } = await db
        .updateTable('tenant')
        .set({
          max_workspaces: quotas.workspaces ?? null,
          max_resource_servers: quotas.resourceServers ?? null,
          max_clients: quotas.clients ?? null,
          max_scopes: quotas.scopes ?? null,
        })
        .where('tenant_id', '=', id)
        .where('region', '=', region)
        .executeTakeFirst()
      return numUpdatedRows === 1n
    },

    /**
     * A deleted one moves only while its time lasts.
     * @param wait seconds until a deleted one is gone
     */
    async updateTenantState(
      { id, region }: Tenant,
      from: readonly TenantState[],
      to: TenantState,
      wait = 0,
    ): Promise<boolean> {
      const { numUpdatedRows } = await db
        .updateTable('tenant')
        .set({
          state: to,
          gone_at: to === 'deleted' ? sql<Date>`now() + make_interval(secs => ${wait})` : null,
        })
        .where('tenant_id', '=', id)
        .where('region', '=', region)
        .where('state', 'in', from)
        .where(sql<boolean>`(gone_at is null or gone_at > now())`)
        .executeTakeFirst()
      return numUpdatedRows === 1n
    },
  }
}
