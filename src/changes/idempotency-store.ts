/** Rows of answers that are kept for whoever repeats a request. Reads and writes, nothing else. */
import { sql } from 'kysely'
import type { TenantId } from '../ids.ts'
import type { Sealed } from '../sealing/seal.ts'
import type { OperatorConnection, TenantConnection } from '../storage/transaction.ts'

/** Whose request it was, and which: one of another actor, method or route is another one. */
export type RequestName = {
  readonly tenantId: TenantId
  readonly actor: string
  readonly method: string
  readonly route: string
  readonly key: string
}

export type KeptAnswer = {
  readonly requestDigest: Buffer
  /** Undefined: it held a secret, and its time is over. */
  readonly sealed: Sealed | undefined
}

const named = ({ tenantId, ...name }: RequestName) => ({ tenant_id: tenantId, ...name })

export function idempotencyStore({ db }: TenantConnection | OperatorConnection) {
  return {
    /**
     * Waits for whoever does the same at this moment.
     * @param seconds that the record is kept
     * @returns false: there is one already
     */
    async insertRequest(name: RequestName, requestDigest: Buffer, seconds: number): Promise<boolean> {
      const until = sql<Date>`now() + make_interval(secs => ${seconds})`
      const { numInsertedOrUpdatedRows } = await db
        .insertInto('idempotency_record')
        .values({ ...named(name), request_digest: requestDigest, answer_until: until, expires_at: until })
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst()
      return numInsertedOrUpdatedRows === 1n
    },

    async findAnswer(name: RequestName): Promise<KeptAnswer | undefined> {
      const row = await db
        .selectFrom('idempotency_record')
        .select(['request_digest', 'master_key_id'])
        .select(sql<Buffer | null>`case when answer_until > now() then sealed_answer end`.as('sealed_answer'))
        .where((eb) => eb.and(named(name)))
        .where(sql<boolean>`expires_at > now()`)
        .executeTakeFirst()
      return (
        row && {
          requestDigest: row.request_digest,
          sealed:
            row.sealed_answer === null || row.master_key_id === null
              ? undefined
              : { bytes: row.sealed_answer, masterKeyId: row.master_key_id as Sealed['masterKeyId'] },
        }
      )
    },

    /** @param seconds that it is kept */
    async updateAnswer(name: RequestName, { bytes, masterKeyId }: Sealed, seconds: number): Promise<void> {
      await db
        .updateTable('idempotency_record')
        .set({
          sealed_answer: bytes,
          master_key_id: masterKeyId,
          answer_until: sql<Date>`now() + make_interval(secs => ${seconds})`,
        })
        .where((eb) => eb.and(named(name)))
        .execute()
    },

    async deleteExpiredRequest(name: RequestName): Promise<void> {
      await db
        .deleteFrom('idempotency_record')
        .where((eb) => eb.and(named(name)))
        .where(sql<boolean>`expires_at <= now()`)
        .execute()
    },
  }
}

/** Of all tenants of a database, for operators. */
export function idempotencyPruning({ db }: OperatorConnection) {
  return {
    async deleteExpired(): Promise<void> {
      await db
        .deleteFrom('idempotency_record')
        .where(sql<boolean>`expires_at <= now()`)
        .execute()
      await db
        .updateTable('idempotency_record')
        .set({ sealed_answer: null, master_key_id: null })
        .where('sealed_answer', 'is not', null)
        .where(sql<boolean>`answer_until <= now()`)
        .execute()
    },
  }
}
