/** Workspaces of a region whose keys are to take turns, for operators' chores. Reads and writes, nothing else. */
import { sql } from 'kysely'
import type { TenantId } from '../ids.ts'
import type { OperatorConnection } from '../storage/transaction.ts'
import type { Region } from './region.ts'
import type { WorkspaceSlug } from './slug.ts'

export function rotationDueStore({ db }: OperatorConnection, region: Region) {
  return {
    /** Those that somebody else takes at this moment are left to them. @param lease seconds until they are due again */
    async updateDue(
      most: number,
      lease: number,
    ): Promise<readonly { readonly tenantId: TenantId; readonly slug: WorkspaceSlug }[]> {
      const { rows } = await sql<{ tenant_id: TenantId; slug: WorkspaceSlug }>`
        update regent.workspace set rotation_due_at = now() + make_interval(secs => ${lease}) from (
          select w.tenant_id, w.workspace_id from regent.workspace w join regent.tenant using (tenant_id)
          where tenant.region = ${region} and tenant.state = 'live' and w.state <> 'deleted' and w.rotation_due_at <= now()
          order by w.rotation_due_at limit ${most} for update of w skip locked) due
        where workspace.tenant_id = due.tenant_id and workspace.workspace_id = due.workspace_id
        returning workspace.tenant_id, workspace.slug`.execute(db)
      return rows.map((row) => ({ tenantId: row.tenant_id, slug: row.slug }))
    },
  }
}
