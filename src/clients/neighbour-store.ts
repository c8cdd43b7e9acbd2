/** Which clients were in use lately, from rows of their credentials' last uses. Reads only. */
import { sql } from 'kysely'
import type { ClientId, WorkspaceId } from '../ids.ts'
import type { TenantConnection } from '../storage/transaction.ts'

const MAX_LOOKED_AT = 256
const MAX_NEIGHBOURS = 64

export function neighbourStore({ db, tenantId }: TenantConnection, workspaceId: WorkspaceId) {
  return {
    /**
     * The clients behind this one, by id, that were in use within the hour; looks at a few hundred of them, however many there
     * are. For a node that has just started: it will be asked for them next.
     */
    async listNeighboursInUse(id: ClientId): Promise<readonly ClientId[]> {
      const near = db
        .selectFrom('credential_use')
        .select(['client_id', 'last_used_at'])
        .where('tenant_id', '=', tenantId)
        .where('workspace_id', '=', workspaceId)
        .where('client_id', '>', id)
        .orderBy('client_id')
        .limit(MAX_LOOKED_AT)
      const rows = await db
        .selectFrom(near.as('near'))
        .select('client_id')
        .distinct()
        .where(sql<boolean>`last_used_at > now() - interval '1 hour'`)
        .orderBy('client_id')
        .limit(MAX_NEIGHBOURS)
        .execute()
      return rows.map((row) => row.client_id)
    },
  }
}
