/** Opens a pool of connections to a PostgreSQL server, and checks that it is one that Regent can run on. */
import { Pool } from 'pg'
import { connectionTo } from './connection.ts'
import { OperatorError } from './operator-error.ts'

// 15: what the SQL of the migrations and of the stores is written for.
const OLDEST_MAJOR = 15
const ATTEMPTS = 5

export type PostgresSettings = {
  readonly url: string
  /** Name of the environment variable that the URL came from: faults are reported by it. */
  readonly variable: string
  /** Who may vouch for the server's certificate, in PEM; else those that Node brings. */
  readonly authorities?: string | undefined
  readonly connections: number
  /** Milliseconds to wait for a connection. */
  readonly connectTimeout: number
}

/** @throws OperatorError when the server cannot be reached, refuses the login, or is too old */
export async function openPostgres({
  url,
  variable,
  authorities,
  connections,
  connectTimeout,
}: PostgresSettings): Promise<Pool> {
  const pool = new Pool({
    ...connectionTo(url, variable, authorities),
    max: connections,
    connectionTimeoutMillis: connectTimeout,
    application_name: 'regent pool',
  })
  surviveLostConnections(pool)
  try {
    await patiently(() => requireServerVersion(pool, variable))
  } catch (error) {
    await pool.end()
    throw error instanceof OperatorError ? error : unreachable(error, variable)
  }
  return pool
}

/** A start that meets a busy database or machine is no reason to give up: a connection that comes late is tried again. */
async function patiently(work: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work()
    } catch (error) {
      if (attempt === ATTEMPTS || !/connection timeout/.test(String(error))) throw error
    }
  }
}

/**
 * A connection that dies emits `error`: while idle on the pool, while checked out on the client. Unheard, either
 * ends the process. Whoever was using it learns of it by its own rejected query.
 */
export function surviveLostConnections(pool: Pool): void {
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
}

export async function requireServerVersion(pool: Pool, variable: string): Promise<void> {
  const { rows } = await pool.query<{ server_version_num: string; server_version: string }>(
    `select current_setting('server_version_num') server_version_num, current_setting('server_version') server_version`,
  )
  const { server_version_num: number = '0', server_version: version } = rows[0] ?? {}
  if (Number(number) < OLDEST_MAJOR * 10_000) {
    throw new OperatorError(
      `${variable} leads to PostgreSQL ${version}, and Regent needs ${OLDEST_MAJOR} or later: upgrade it, or name another server.`,
    )
  }
}

export function unreachable(error: unknown, variable: string): OperatorError {
  const { code, message } = error as { code?: string; message?: string }
  // What Node's TLS says of a certificate: SELF_SIGNED_CERT_IN_CHAIN, ERR_TLS_CERT_ALTNAME_INVALID and the like.
  if (/CERT|ISSUER|SIGNATURE/.test(code ?? '')) {
    return new OperatorError(
      `The database of ${variable} shows a certificate that is not trusted (${message}): name the server as its certificate does, and the file with its authority's certificate in DATABASE_CA_FILE.`,
      { cause: error },
    )
  }
  return new OperatorError(
    `The database of ${variable} cannot be used (${message || code || 'no answer'}): check that the server runs, that host and port are right, and that the login may connect.`,
    { cause: error },
  )
}
