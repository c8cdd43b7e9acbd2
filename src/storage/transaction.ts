/**
 * Runs work in a transaction whose role and tenant are set before its first statement. The opening message is
 * built here and nowhere else, from branded values: it is the one SQL text that is put together by hand.
 * The login role is a member of both roles and inherits nothing: without the role line a transaction may do nothing.
 */
import type { Kysely } from 'kysely'
import type { Pool, PoolClient } from 'pg'
import type { TenantId } from '../ids.ts'
import { regentOn } from './kysely-on.ts'
import { onceMoreWhenLost } from './lost-connection.ts'
import type { Schema } from './schema.ts'

declare const connection: unique symbol

/** Sees the rows of one tenant. Made only by `inTenantTransaction`. */
export type TenantConnection = {
  readonly [connection]: 'tenant'
  readonly tenantId: TenantId
  readonly db: Kysely<Schema>
}

/** Sees tenants by name only: what is asked before the tenant is known. */
export type NamelessConnection = { readonly [connection]: 'nameless'; readonly db: Kysely<Schema> }

/** Sees the tables of the region, and of tenants what operators look after. */
export type OperatorConnection = { readonly [connection]: 'operator'; readonly db: Kysely<Schema> }

/** Milliseconds. */
export type TransactionLimits = {
  /** What the database ends by itself: a statement, waiting for a lock, doing nothing inside a transaction. */
  readonly statement: number
  readonly lock: number
  readonly idle: number
  /** For the whole of it, by our clock, when the database does not even answer. */
  readonly deadline: number
}

type FindTenant = (connection: NamelessConnection) => Promise<TenantId | undefined>
type AsTenant<T> = (connection: TenantConnection) => Promise<T>
type Work<T> = (db: Kysely<Schema>, client: PoolClient) => Promise<T>

export type Database = {
  /** @param deadline milliseconds for the whole of it, where it does more than others do */
  inTenant<T>(tenantId: TenantId, work: AsTenant<T>, deadline?: number): Promise<T>
  beforeTenant<T>(work: (connection: NamelessConnection) => Promise<T>): Promise<T>
  /** Nameless until `find` says whose name it was, then as that tenant. @returns undefined when it was nobody's */
  beforeThenInTenant<T>(find: FindTenant, then: AsTenant<T>): Promise<T | undefined>
  asOperator<T>(work: (connection: OperatorConnection) => Promise<T>): Promise<T>
  /** As an operator, as that tenant, and as an operator again: for what only operators may write of a tenant. */
  asOperatorAroundTenant<First, Then, T>(
    tenantId: TenantId,
    first: (connection: OperatorConnection) => Promise<First>,
    then: (connection: TenantConnection, first: First) => Promise<Then>,
    last: (connection: OperatorConnection, then: Then) => Promise<T>,
  ): Promise<T>
}

// A prepared statement whose tables were altered since: on another connection it is planned anew.
const STALE_PLAN = '0A000'
// Serialization failure and deadlock: the database promises nothing was done, and asks to be asked again.
const RETRIABLE = new Set(['40001', '40P01', STALE_PLAN])

export type DatabaseSettings = {
  /** Name statements, so that each connection plans each text once; some poolers do not know them. */
  readonly prepare?: boolean
  /** Off for what may be lost with the power, and waits for no replica. */
  readonly durable?: boolean
  /**
   * Nothing can be written, and what loses its connection is run once more, on another one. All statements of a transaction
   * see the database as of one moment: nothing is put together from before and after a change.
   */
  readonly readOnly?: boolean
}

export function database(
  pool: Pool,
  limits: TransactionLimits,
  { prepare = false, durable = true, readOnly = false }: DatabaseSettings = {},
): Database {
  const open = (role: string, tenantId?: TenantId) =>
    [
      readOnly ? 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY' : 'BEGIN',
      `SET LOCAL ROLE ${role}`,
      ...(tenantId === undefined ? [] : [setTenant(tenantId)]),
      `SET LOCAL statement_timeout = ${limits.statement}`,
      `SET LOCAL lock_timeout = ${limits.lock}`,
      `SET LOCAL idle_in_transaction_session_timeout = ${limits.idle}`,
      ...(durable ? [] : ['SET LOCAL synchronous_commit = off']),
      // Where a statement has a list of names, PostgreSQL would plan it anew for each list, which costs more than to run it.
      ...(readOnly && prepare ? ['SET LOCAL plan_cache_mode = force_generic_plan'] : []),
    ].join('; ')
  const run = <T>(opening: string, work: Work<T>, deadline = limits.deadline) => {
    const on = (client: PoolClient) => inTransaction(client, opening, deadline, prepare, work)
    return withRetry(async () => (readOnly ? onceMoreWhenLost(pool, on) : on(await pool.connect())))
  }

  return {
    inTenant: (tenantId, work, deadline) =>
      run(open('regent_runtime', tenantId), (db) => work({ tenantId, db } as TenantConnection), deadline),
    beforeTenant: (work) => run(open('regent_runtime'), (db) => work({ db } as NamelessConnection)),
    beforeThenInTenant: (find, then) =>
      run(open('regent_runtime'), async (db, client) => {
        const tenantId = await find({ db } as NamelessConnection)
        if (tenantId === undefined) return undefined
        await client.query(setTenant(tenantId))
        return then({ tenantId, db } as TenantConnection)
      }),
    asOperator: (work) => run(open('regent_operator'), (db) => work({ db } as OperatorConnection)),
    asOperatorAroundTenant: (tenantId, first, then, last) =>
      run(open('regent_operator'), async (db, client) => {
        const found = await first({ db } as OperatorConnection)
        await client.query(`SET LOCAL ROLE regent_runtime; ${setTenant(tenantId)}`)
        const done = await then({ tenantId, db } as TenantConnection, found)
        await client.query('SET LOCAL ROLE regent_operator')
        return last({ db } as OperatorConnection, done)
      }),
  }
}

/** Runs `work` again, up to five times in all, when the database asks for it. Every transaction goes through here. */
export async function withRetry<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (attempt === 5 || !RETRIABLE.has(sqlState(error) ?? '')) throw error
      await new Promise((resolve) => setTimeout(resolve, 2 ** attempt * 5 * (1 + Math.random())))
    }
  }
}

/** @returns the SQLSTATE (PostgreSQL, Appendix A) or system error code of what `pg` threw */
export function sqlState(error: unknown): string | undefined {
  const code: unknown = Object(error).code
  return typeof code === 'string' ? code : undefined
}

/** Whether the database could not be asked, as opposed to having answered with an error. */
export function isUnavailable(error: unknown): boolean {
  const code = sqlState(error)
  if (code !== undefined) {
    // Class 08 connection, 53 resources, 57 operator intervention (57014: it took too long), 55P03 somebody else holds
    // the table (a migration, say); system error codes. ERR_... are Node's own, for bugs.
    return /^(?:08|53|57|55P03$)/.test(code) || /^E(?!RR_)[A-Z_]+$/.test(code)
  }
  // What pg itself says of connections has no code.
  return (
    error instanceof Error &&
    /connection (?:terminated|timeout)|timeout exceeded when trying to connect|not queryable/i.test(
      error.message,
    )
  )
}

async function inTransaction<T>(
  client: PoolClient,
  opening: string,
  deadline: number,
  prepare: boolean,
  work: Work<T>,
): Promise<T> {
  let broken: Error | undefined
  let overdue = false
  // The connection is thrown away, never the statement cancelled: a cancelled COMMIT that waits for a replica reports
  // success, and a fail-over takes it back. (With a query under way, pg's end() cuts the socket.)
  const timer = setTimeout(() => {
    overdue = true
    void client.end()
  }, deadline)
  try {
    await client.query(opening)
    const result = await work(regentOn(client, prepare), client)
    const { command } = await client.query('COMMIT')
    if (command !== 'COMMIT')
      throw new Error('a failed statement was swallowed: the transaction was rolled back')
    return result
  } catch (error) {
    await client.query('ROLLBACK').catch((rollbackError: Error) => {
      broken = rollbackError
    })
    if (sqlState(error) === STALE_PLAN) broken ??= error as Error
    throw overdue ? outcomeUnknown(error) : error
  } finally {
    clearTimeout(timer)
    // A connection that could not even roll back is thrown away instead of being handed to the next caller.
    client.release(broken)
  }
}

function outcomeUnknown(cause: unknown): Error {
  const message = 'the database did not answer in time: whether a change was made is not known'
  return Object.assign(new Error(message, { cause }), { code: 'ETIMEDOUT' })
}

function setTenant(tenantId: TenantId): string {
  if (!/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(tenantId))
    throw new Error('a tenant id is a UUID in lower case')
  return `SET LOCAL regent.tenant = '${tenantId}'`
}
