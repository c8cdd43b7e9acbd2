/** How many of each a tenant has, and may have. Reads only; operators set the quotas. */
import { sql } from 'kysely'
import type { TenantConnection } from '../storage/transaction.ts'
import type { Quotas } from './tenant.ts'

export type Counts = Readonly<Record<keyof Quotas, number>>

export function quotaStore({ db, tenantId }: TenantConnection) {
  return {
    /** Undefined: as many as are made. */
    async findQuotas(): Promise<Quotas> {
      const row = await db
        .selectFrom('tenant')
        .select(['max_workspaces', 'max_resource_servers', 'max_clients', 'max_scopes'])
        .where('tenant_id', '=', tenantId)
        .executeTakeFirst()
      return {
        workspaces: row?.max_workspaces ?? undefined,
        resourceServers: row?.max_resource_servers ?? undefined,
        clients: row?.max_clients ?? undefined,
        scopes: row?.max_scopes ?? undefined,
      }
    },

    /** Without the built-in workspace, and what is in it. */
    async count(of: keyof Quotas): Promise<number> {
      const table = sql.table(
        { workspaces: 'workspace', resourceServers: 'resource_server', clients: 'client', scopes: 'scope' }[
          of
        ],
      )
      const { rows } = await sql<{ count: string }>`
        select count(*) from regent.${table} counted where tenant_id = ${tenantId} and workspace_id in (
          select workspace_id from regent.workspace
          where tenant_id = ${tenantId} and not built_in and state <> 'deleted')`.execute(db)
      return Number(rows[0]?.count ?? 0)
    },
  }
}
