/**
 * Whether a pooler stands between, as PgBouncer does, and what it cannot do. In transaction mode it hands each transaction
 * whichever session is free: what belongs to a session (LISTEN, prepared statements) then belongs to nobody.
 */
import { Client, type ClientBase, type Pool } from 'pg'
import { OperatorError } from './operator-error.ts'
import { sqlState } from './transaction.ts'

/** A name that the session knows already, or does not know though it was prepared. */
const NOT_OURS = ['42P05', '26000']

/**
 * A server names its own process in the key that cancels (PostgreSQL, §54.2.1: BackendKeyData); a pooler makes up a key. One
 * that keeps sessions, and could be listened through, does so too.
 */
export async function isPooled(client: ClientBase): Promise<boolean> {
  const { processID } = client as ClientBase & { readonly processID?: number | null }
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
  return rows[0]?.pid !== processID
}

/**
 * Prepares one statement on two connections, and runs it on each again: whichever sessions a pooler hands them, one of the
 * four fails, unless it keeps prepared statements apart.
 * @param variable name of the environment variable that the pool's URL came from
 * @throws OperatorError where it does not
 */
export async function requirePreparedStatements(pool: Pool, variable: string): Promise<void> {
  const first = await pool.connect()
  // Of its own, since a pool may have one connection only.
  const second = new Client(pool.options)
  second.on('error', () => {})
  try {
    if (!(await isPooled(first))) return
    await second.connect()
    const statement = { name: `regent_probe_${crypto.randomUUID()}`, text: 'select 1' }
    for (const client of [first, second, first, second]) await client.query(statement)
  } catch (cause) {
    if (!NOT_OURS.includes(sqlState(cause) ?? '')) throw cause
    throw new OperatorError(
      `${variable} leads through a pooler that does not know prepared statements: set REGENT_DB_PREPARE=off, or let it keep them (PgBouncer 1.21 or later: max_prepared_statements).`,
      { cause },
    )
  } finally {
    first.release()
    await second.end().catch(() => {})
  }
}
