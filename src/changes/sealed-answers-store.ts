/** Sealed answers of all tenants of a region, for operators: which master key each needs. Reads and writes, nothing else. */
import { sql } from 'kysely'
import type { MasterKeyId } from '../sealing/master-keys.ts'
import type { OperatorConnection } from '../storage/transaction.ts'
import type { Region } from '../tenancy/region.ts'
import type { RequestName } from './idempotency-store.ts'

export type SealedAnswerRow = RequestName & { readonly bytes: Buffer }

/** Whose time is not over. */
const NEEDED = sql`kept.sealed_answer is not null and kept.answer_until > now()`

export function sealedAnswersStore({ db }: OperatorConnection, region: Region) {
  return {
    /** In the order of the primary key, locked; those that somebody holds at this moment are left to the next time. */
    async takeSealedAnswers(
      under: MasterKeyId,
      after: SealedAnswerRow | undefined,
      most: number,
    ): Promise<readonly SealedAnswerRow[]> {
      const beyond =
        after === undefined
          ? sql``
          : sql`and (kept.tenant_id, kept.actor, kept.method, kept.route, kept.key)
              > (${after.tenantId}, ${after.actor}, ${after.method}, ${after.route}, ${after.key})`
      const { rows } = await sql<SealedAnswerRow>`
        select kept.tenant_id as "tenantId", kept.actor, kept.method, kept.route, kept.key, kept.sealed_answer as bytes
        from regent.idempotency_record kept join regent.tenant using (tenant_id)
        where tenant.region = ${region} and kept.master_key_id = ${under} and ${NEEDED} ${beyond}
        order by kept.tenant_id, kept.actor, kept.method, kept.route, kept.key
        limit ${most} for update of kept skip locked`.execute(db)
      return rows
    },

    /** Of those that are still as they were read. @returns how many were written */
    async updateSealedAnswers(
      under: MasterKeyId,
      to: MasterKeyId,
      pairs: readonly { readonly row: SealedAnswerRow; readonly resealed: Buffer }[],
    ): Promise<number> {
      if (pairs.length === 0) return 0
      const of = (name: Exclude<keyof SealedAnswerRow, 'bytes'>) => pairs.map(({ row }) => row[name])
      const { numAffectedRows } = await sql`
        update regent.idempotency_record kept set sealed_answer = anew.bytes, master_key_id = ${to}
        from unnest(${of('tenantId')}::uuid[], ${of('actor')}::text[], ${of('method')}::text[], ${of('route')}::text[],
          ${of('key')}::text[], ${pairs.map(({ row }) => row.bytes)}::bytea[],
          ${pairs.map(({ resealed }) => resealed)}::bytea[]) as anew (tenant_id, actor, method, route, key, was, bytes)
        where kept.tenant_id = anew.tenant_id and kept.actor = anew.actor and kept.method = anew.method
          and kept.route = anew.route and kept.key = anew.key
          and kept.master_key_id = ${under} and kept.sealed_answer = anew.was`.execute(db)
      return Number(numAffectedRows ?? 0)
    },

    async countSealedAnswers(): Promise<ReadonlyMap<string, number>> {
      const { rows } = await sql<{ id: string; count: number }>`
        select kept.master_key_id as id, count(*)::int as count
        from regent.idempotency_record kept join regent.tenant using (tenant_id)
        where tenant.region = ${region} and ${NEEDED} group by 1`.execute(db)
      return new Map(rows.map(({ id, count }) => [id, count]))
    },
  }
}
