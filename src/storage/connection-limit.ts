/** How many connections the server takes from ordinary logins. */
import { sql } from 'kysely'
import type { OperatorConnection } from './transaction.ts'

export async function readConnectionLimit({ db }: OperatorConnection): Promise<number> {
  const { rows } = await sql<{ available: number }>`
    select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
      as available`.execute(db)
  return rows[0]?.available ?? 0
}
