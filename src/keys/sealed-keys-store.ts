/** Sealed private keys of all tenants of a region, for operators: which master key each needs. Reads and writes, nothing else. */
import { sql } from 'kysely'
import type { Kid, TenantId, WorkspaceId } from '../ids.ts'
import type { MasterKeyId } from '../sealing/master-keys.ts'
import type { OperatorConnection } from '../storage/transaction.ts'
import type { Region } from '../tenancy/region.ts'

export type SealedKeyRow = {
  readonly tenantId: TenantId
  readonly workspaceId: WorkspaceId
  readonly kid: Kid
  readonly bytes: Buffer
}

/** Retired ones still verify: whoever opened one could sign what is believed. Those that are gone or revoked stay as they are. */
const NEEDED = sql`key.state in ('published', 'active', 'retired')`

export function sealedKeysStore({ db }: OperatorConnection, region: Region) {
  return {
    /** In the order of the index, locked; those that somebody holds at this moment are left to the next time. */
    async takeSealedKeys(
      under: MasterKeyId,
      after: SealedKeyRow | undefined,
      most: number,
    ): Promise<readonly SealedKeyRow[]> {
      const beyond =
        after === undefined
          ? sql``
          : sql`and (key.tenant_id, key.workspace_id, key.kid) > (${after.tenantId}, ${after.workspaceId}, ${after.kid})`
      const { rows } = await sql<SealedKeyRow>`
        select key.tenant_id as "tenantId", key.workspace_id as "workspaceId", key.kid, key.sealed_private_key as bytes
        from regent.signing_key key join regent.tenant using (tenant_id)
        where tenant.region = ${region} and key.master_key_id = ${under} and ${NEEDED} ${beyond}
        order by key.tenant_id, key.workspace_id, key.kid limit ${most} for update of key skip locked`.execute(
        db,
      )
      return rows
    },

    /** Of those that are still as they were read. @returns how many were written */
    async updateSealedKeys(
      under: MasterKeyId,
      to: MasterKeyId,
      pairs: readonly { readonly row: SealedKeyRow; readonly resealed: Buffer }[],
    ): Promise<number> {
      if (pairs.length === 0) return 0
      const { numAffectedRows } = await sql`
        update regent.signing_key key set sealed_private_key = anew.bytes, master_key_id = ${to}
        from unnest(
          ${pairs.map(({ row }) => row.tenantId)}::uuid[], ${pairs.map(({ row }) => row.workspaceId)}::uuid[],
          ${pairs.map(({ row }) => row.kid)}::text[], ${pairs.map(({ row }) => row.bytes)}::bytea[],
          ${pairs.map(({ resealed }) => resealed)}::bytea[]) as anew (tenant_id, workspace_id, kid, was, bytes)
        where key.tenant_id = anew.tenant_id and key.workspace_id = anew.workspace_id and key.kid = anew.kid
          and key.master_key_id = ${under} and key.sealed_private_key = anew.was`.execute(db)
      return Number(numAffectedRows ?? 0)
    },

    async countSealedKeys(): Promise<ReadonlyMap<string, number>> {
      const { rows } = await sql<{ id: string; count: number }>`
        select key.master_key_id as id, count(*)::int as count
        from regent.signing_key key join regent.tenant using (tenant_id)
        where tenant.region = ${region} and ${NEEDED} group by 1`.execute(db)
      return new Map(rows.map(({ id, count }) => [id, count]))
    },
  }
}
