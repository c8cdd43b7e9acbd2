/** Values as JSON in the database's own words, byte for byte as a jsonb column gives it back; and its clock beside it. */
import { sql } from 'kysely'
import type { TenantConnection } from './transaction.ts'

/** @returns for each its JSON, and `now` in microseconds since 1970, in digits */
export async function printedByDatabase(
  { db }: TenantConnection,
  values: readonly object[],
): Promise<readonly { readonly json: string; readonly now: string }[]> {
  const { rows } = await sql<{ json: string; now: string }>`
    select value::jsonb::text as json, (extract(epoch from clock_timestamp()) * 1000000)::bigint::text as now
    from unnest(${values.map((value) => JSON.stringify(value))}::text[]) with ordinality as printed(value, place)
    order by place`.execute(db)
  if (rows.length !== values.length) throw new Error('the database printed not all that it was given')
  return rows
}
