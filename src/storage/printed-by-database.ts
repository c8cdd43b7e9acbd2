/** A value as JSON in the database's own words, byte for byte as a jsonb column gives it back; and its clock beside it. */
import { sql } from 'kysely'
import type { TenantConnection } from './transaction.ts'

/** @returns `now` in microseconds since 1970, in digits */
export async function printedByDatabase(
  { db }: TenantConnection,
  value: object,
): Promise<{ readonly json: string; readonly now: string }> {
  const { rows } = await sql<{ json: string; now: string }>`
    select ${JSON.stringify(value)}::jsonb::text as json,
      (extract(epoch from clock_timestamp()) * 1000000)::bigint::text as now`.execute(db)
  const [row] = rows
  if (row === undefined) throw new Error('the database printed nothing')
  return row
}
