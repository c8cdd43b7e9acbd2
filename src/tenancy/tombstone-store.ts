/**
 * Names that were given out and deleted. They are never given out again in their scope: the issuer and the subject
 * live on in everybody's configuration, and whoever got the name next would be taken for its former owner.
 */
import { sql } from 'kysely'
import type { WorkspaceId } from '../ids.ts'
import type { TenantConnection } from '../storage/transaction.ts'
import type { Region } from './region.ts'

export type BuriedKind = 'resource_server' | 'client'

export function tombstoneStore({ db, tenantId }: TenantConnection, region: Region, workspaceId: WorkspaceId) {
  const here = { region, tenant_id: tenantId, workspace_id: workspaceId }
  return {
    async isBuried(kind: BuriedKind, name: string): Promise<boolean> {
      const row = await db
        .selectFrom('tombstone')
        .select('name')
        .where((eb) => eb.and({ ...here, kind, name }))
        .executeTakeFirst()
      return row !== undefined
    },

    /** Of these names. */
    async listBuried(kind: BuriedKind, names: readonly string[]): Promise<readonly string[]> {
      const rows = await db
        .selectFrom('tombstone')
        .select('name')
        .where((eb) => eb.and({ ...here, kind }))
        .where('name', '=', sql<string>`any(${names}::text[])`)
        .execute()
      return rows.map(({ name }) => name)
    },

    async insertTombstones(kind: BuriedKind, names: readonly string[]): Promise<void> {
      await sql`insert into regent.tombstone (region, tenant_id, workspace_id, kind, name)
        select ${region}, ${tenantId}::uuid, ${workspaceId}::uuid, ${kind}, unnest(${names}::text[])`.execute(
        db,
      )
    },

    async insertTombstone(kind: BuriedKind, name: string): Promise<void> {
      await db
        .insertInto('tombstone')
        .values({ ...here, kind, name })
        .execute()
    },
  }
}
