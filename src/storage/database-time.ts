/** Time by the database's clock: the one that all nodes of a region have in common. */
import { sql } from 'kysely'
import type { TenantConnection } from './transaction.ts'

/** @returns seconds since 1970 at the start of the transaction, a whole number */
export async function databaseTime({ db }: TenantConnection): Promise<number> {
  const { rows } = await sql<{ now: Date }>`select now()`.execute(db)
  return Math.floor((rows[0]?.now.getTime() ?? Number.NaN) / 1000)
}
