/** Workspaces that are deleted, or whose tenant is, and still have rows: for operators' chores. Reads, and takes rows away. */
import { sql } from 'kysely'
import type { TenantId, WorkspaceId } from '../ids.ts'
import type { OperatorConnection } from '../storage/transaction.ts'
import type { Region } from './region.ts'

export type Deleted = {
  readonly tenantId: TenantId
  readonly workspaceId: WorkspaceId
  readonly slug: string
  readonly issuer: string
}

export function removalStore({ db }: OperatorConnection, region: Region) {
  return {
    /** Since more than an hour, which `removeRows` insists on. */
    async listDeleted(most: number): Promise<readonly Deleted[]> {
      const { rows } = await sql<Deleted>`
        select w.tenant_id as "tenantId", w.workspace_id as "workspaceId", w.slug, w.issuer
        from regent.workspace w join regent.tenant t using (tenant_id)
        where t.region = ${region} and w.emptied_at is null
          and (w.deleted_at < now() - interval '1 hour' or t.gone_at < now() - interval '1 hour')
        order by w.tenant_id, w.workspace_id limit ${most}`.execute(db)
      return rows
    },

    /** @returns how many were taken away; undefined: somebody else does it, or there is nothing to do */
    async removeRows(
      tenantId: TenantId,
      workspaceId: WorkspaceId,
      most: number,
    ): Promise<number | undefined> {
      const { rows } = await sql<{ removed: number | null }>`
        select regent.remove_rows(${tenantId}, ${workspaceId}, ${most}) as removed`.execute(db)
      return rows[0]?.removed ?? undefined
    },
  }
}
