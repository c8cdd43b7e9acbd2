/**
 * What a route of administration is: a value that says what it takes, what it answers, and does its work. The pipeline around
 * it (administration.ts) has authenticated the caller, checked that it may do this, and read the request, when it runs.
 */
import type { z } from 'zod'
import type { ChangeNeeds, Changed } from '../changes/change.ts'
import type { Keyring } from '../keys/keyring.ts'
import type { Database, OperatorConnection, TenantConnection } from '../storage/transaction.ts'
import type { Origin } from '../tenancy/origin.ts'
import type { Region } from '../tenancy/region.ts'
import type { Tenant, Workspace } from '../tenancy/tenant.ts'
import type { Caller } from './caller.ts'
import type { RouteName } from './permissions.ts'

export type Connection = TenantConnection | OperatorConnection

export type Shown = {
  readonly status?: number
  /** Undefined: there is nothing to show. */
  readonly body?: object | undefined
  /** What its entity tag is made of; default: the body. */
  readonly tag?: object
  /** Where what was made is, behind the prefix of the API. */
  readonly location?: string
  readonly headers?: Readonly<Record<string, string>>
  /** In place of `body`: NDJSON, say. */
  readonly text?: { readonly type: string; readonly value: string }
  /** It is shown this once. */
  readonly holdsSecret?: boolean
}

export type Context<Query = unknown, Body = unknown> = {
  readonly caller: Caller
  readonly region: Region
  /** Whose administration it is. */
  readonly tenant: Tenant
  /** Of the path, by their names. */
  readonly params: Readonly<Record<string, string>>
  readonly query: Query
  readonly body: Body
  /** Reads as the tenant. */
  read<T>(work: (connection: TenantConnection) => Promise<T>): Promise<T>
  /** For questions that begin their own transactions. */
  readonly database: Database
  readonly keyring: Keyring
  readonly origin: Origin
  readAsOperator<T>(work: (connection: OperatorConnection) => Promise<T>): Promise<T>
  /** The workspace that the path names. @throws Problem 404 */
  workspace(): Promise<Workspace>
  /** Makes the change, in one transaction with its conditions, and its answer for whoever repeats it. */
  change<Value extends object>(plan: ChangePlan<Value>): Promise<Shown>
}

export type ChangePlan<Value extends object> = {
  readonly make: (needs: ChangeNeeds) => Promise<Changed<Value>>
  /** What it is called now, for `If-Match`; throws a Problem where it is not there. Default: it has no state to compare. */
  readonly state?: (connection: Connection) => Promise<object>
  /** May refuse; nothing has changed yet. */
  readonly guard?: (connection: Connection) => Promise<void>
  /** May refuse; all has changed. */
  readonly afterwards?: (connection: Connection) => Promise<void>
  readonly show: (connection: Connection, value: Value) => Promise<Shown>
}

export type AdminRoute = {
  readonly name: RouteName
  readonly api: 'tenant' | 'system'
  readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'
  /** Behind the prefix; `{name}` is a parameter. */
  readonly path: string
  readonly summary: string
  readonly query?: z.ZodObject
  readonly body?: z.ZodObject
  /** By status. */
  readonly answers: Readonly<Record<number, z.ZodType | undefined>>
  readonly run: (context: Context<never, never>) => Promise<Shown>
}

/** Keeps what a route takes and what it works with the same type. */
export function route<Query extends z.ZodObject, Body extends z.ZodObject>(
  definition: Omit<AdminRoute, 'run' | 'query' | 'body'> & {
    readonly query?: Query
    readonly body?: Body
    readonly run: (context: Context<z.output<Query>, z.output<Body>>) => Promise<Shown>
  },
): AdminRoute {
  return definition
}
