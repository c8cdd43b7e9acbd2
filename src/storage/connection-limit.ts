/**
 * How many connections the server takes from the login that asks: what it has without those that it keeps for others
 * (superusers; PostgreSQL 16 and later: members of `pg_use_reserved_connections`), and no more than the login's own limit
 * and the database's, none of which holds for a superuser.
 */
import { sql } from 'kysely'
import type { OperatorConnection } from './transaction.ts'

/** Of the login as such: what its other databases and other users of the server have taken is not subtracted. */
export async function readConnectionLimit({ db }: OperatorConnection): Promise<number> {
  // A setting that this version does not have is null. No limit is -1, and least() passes over null.
  const { rows } = await sql<{ available: number }>`
    select case when login.rolsuper then max_connections else least(
        max_connections - for_superusers - case when may_use_reserved then 0 else reserved end,
        nullif(greatest(login.rolconnlimit, -1), -1),
        nullif(greatest(own.datconnlimit, -1), -1)
      ) end as available
    from pg_roles login, pg_database own,
      (select current_setting('max_connections')::int as max_connections,
        current_setting('superuser_reserved_connections')::int as for_superusers,
        coalesce(current_setting('reserved_connections', true)::int, 0) as reserved,
        exists (select from pg_roles where rolname = 'pg_use_reserved_connections'
          and pg_has_role(session_user, oid, 'usage')) as may_use_reserved) server
    where login.rolname = session_user and own.datname = current_database()`.execute(db)
  return rows[0]?.available ?? 0
}
