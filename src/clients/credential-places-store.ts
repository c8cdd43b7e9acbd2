/** The five places that a client has for credentials that live, for one workspace: which are taken, and what gives its own up. */
import { sql } from 'kysely'
import type { ClientId, CredentialId, WorkspaceId } from '../ids.ts'
import type { TenantConnection } from '../storage/transaction.ts'

export function credentialPlacesStore({ db, tenantId }: TenantConnection, workspaceId: WorkspaceId) {
  const here = { tenant_id: tenantId, workspace_id: workspaceId }

  return {
    async listTakenSlots(clientId: ClientId): Promise<readonly number[]> {
      const rows = await db
        .selectFrom('credential')
        .select('slot')
        .where((eb) => eb.and({ ...here, client_id: clientId }))
        .where('slot', 'is not', null)
        .execute()
      return rows.flatMap(({ slot }) => slot ?? [])
    },

    /** What has ended by itself is revoked, and gives up its place. @returns which */
    async revokeEndedCredentials(clientId: ClientId): Promise<readonly CredentialId[]> {
      const rows = await db
        .updateTable('credential')
        .set({ state: 'revoked', slot: null })
        .where((eb) => eb.and({ ...here, client_id: clientId, state: 'live' }))
        .where(sql<boolean>`expires_at <= now()`)
        .returning('credential_id')
        .execute()
      return rows.map((row) => row.credential_id)
    },
  }
}
