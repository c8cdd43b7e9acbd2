/** Opens the one session that migrations need, on a connection that no pooler stands before. */
import { Pool, type PoolClient } from 'pg'
import { connectionTo } from './connection.ts'
import { MIGRATION_LOCK_TIMEOUT } from './migrate.ts'
import { requireServerVersion, surviveLostConnections, unreachable } from './open-postgres.ts'
import { OperatorError } from './operator-error.ts'
import { sqlState } from './transaction.ts'

export type AdminSession = { readonly client: PoolClient; close(): Promise<void> }

/**
 * @param variable name of the environment variable that the URL came from
 * @param authorities who may vouch for the server's certificate, in PEM; else those that Node brings
 */
export async function openAdminSession(
  url: string,
  variable: string,
  authorities?: string,
): Promise<AdminSession> {
  const pool = new Pool({
    ...connectionTo(url, variable, authorities),
    max: 1,
    idleTimeoutMillis: 0,
    connectionTimeoutMillis: 10_000,
    application_name: 'regent migrate',
    // A pooler that shares sessions refuses this (08P01), or, told to ignore it, is found out below.
    options: `-c lock_timeout=${MIGRATION_LOCK_TIMEOUT}`,
  })
  surviveLostConnections(pool)
  let client: PoolClient | undefined
  try {
    await requireServerVersion(pool, variable)
    client = await pool.connect()
    await requireOwnSession(client, variable)
    return { client, close: () => close(pool, client) }
  } catch (error) {
    await close(pool, client)
    if (error instanceof OperatorError) throw error
    throw sqlState(error) === '08P01' ? behindPooler(variable) : unreachable(error, variable)
  }
}

/** The pool's end waits for every client that was taken from it. */
async function close(pool: Pool, client: PoolClient | undefined): Promise<void> {
  client?.release()
  await pool.end()
}

async function requireOwnSession(client: PoolClient, variable: string): Promise<void> {
  const { rows } = await client.query<{ lock_timeout: string }>(
    `select setting as lock_timeout from pg_settings where name = 'lock_timeout'`,
  )
  if (Number(rows[0]?.lock_timeout) !== MIGRATION_LOCK_TIMEOUT) throw behindPooler(variable)
}

function behindPooler(variable: string): OperatorError {
  return new OperatorError(
    `${variable} leads through a pooler, and migrations need a session of their own: set DATABASE_ADMIN_URL to the server itself.`,
  )
}
