/** Sealed keys of a region, one for each master key in use: what operators see of keys. Reads only. */
import { sql, type RawBuilder } from 'kysely'
import type { Kid, TenantId, WorkspaceId } from '../ids.ts'
import type { Algorithm } from '../oauth/signing.ts'
import type { Sealed } from '../sealing/seal.ts'
import type { OperatorConnection } from '../storage/transaction.ts'

export function keyStoreSamples({ db }: OperatorConnection) {
  return {
    /**
     * One sealed key for each master key in use, with all that it belongs to: from one master key to the next one by the
     * index of them, so that it costs the same however many keys there are.
     */
    async listSamples(region: string) {
      const first = (beyond: RawBuilder<unknown>) => sql`
        select key.tenant_id, key.workspace_id, key.kid, key.algorithm, key.sealed_private_key, key.master_key_id
        from regent.signing_key key join regent.tenant on tenant.tenant_id = key.tenant_id
        where tenant.region = ${region} and key.state in ('published', 'active') ${beyond}
        order by key.master_key_id limit 1`
      const { rows } = await sql<Sample>`
        with recursive sample as (
          (${first(sql``)})
          union all
          select next.* from sample
            cross join lateral (${first(sql`and key.master_key_id > sample.master_key_id`)}) next
        )
        select * from sample`.execute(db)
      return rows.map((row) => ({
        tenantId: row.tenant_id,
        workspaceId: row.workspace_id,
        kid: row.kid,
        algorithm: row.algorithm as Algorithm,
        bytes: row.sealed_private_key,
        masterKeyId: row.master_key_id,
      }))
    },
  }
}

type Sample = {
  readonly tenant_id: TenantId
  readonly workspace_id: WorkspaceId
  readonly kid: Kid
  readonly algorithm: string
  readonly sealed_private_key: Buffer
  readonly master_key_id: Sealed['masterKeyId']
}
