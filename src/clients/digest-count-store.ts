/** How many digests of a region are under which master key, for operators: how many, and never whose. Reads only. */
import { sql } from 'kysely'
import type { OperatorConnection } from '../storage/transaction.ts'
import type { Region } from '../tenancy/region.ts'

export function digestCountStore({ db }: OperatorConnection, region: Region) {
  return {
    /** Of secrets that live. */
    async countDigests(): Promise<ReadonlyMap<string, number>> {
      const { rows } = await sql<{ id: string; count: number }>`
        select digest_key_id as id, count(*)::int as count from regent.credential join regent.tenant using (tenant_id)
        where tenant.region = ${region} and digest_key_id is not null and credential.state = 'live'
          and (expires_at is null or expires_at > now())
        group by 1`.execute(db)
      return new Map(rows.map(({ id, count }) => [id, count]))
    },
  }
}
