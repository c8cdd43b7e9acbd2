/**
 * What a route of administration is: a value that says what it takes, what it answers, and does its work. The pipeline around
 * it (administration.ts) has authenticated the caller, checked that it may do this, and read the request, when it runs.
 */
import type { z } from 'zod'
import type { ChangeNeeds, MaybeChanged } from '../changes/change.ts'
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
  /** In place of `body`: NDJSON as it comes. */
  readonly stream?: Stream
}

export type Stream = {
  readonly lines: AsyncIterable<string>
  /** Never rejects: resolves when what is told of is done, whoever still listens. */
  readonly worked?: Promise<void>
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
  /** The body, where the route takes it as it comes. */
  readonly arriving: AsyncIterable<Buffer>
  readonly contentTypes: readonly string[]
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
  /** To be awaited by whoever answers while it is worked on: that nodes know of the change, in headers. */
  confirmed(): Promise<Readonly<Record<string, string>>>
  /** What a refusal is called in the middle of an answer; it is observed as others are. */
  problem(error: unknown): object
}

export type ChangePlan<Value extends object> = {
  readonly make: (needs: ChangeNeeds) => Promise<MaybeChanged<Value>>
  /** A digest of the body, where the route took it as it came. */
  readonly asked?: string
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
  /** In place of `body` and of a JSON answer: what comes and goes a line at a time (NDJSON); a small body may be one of JSON. */
  readonly streams?: {
    readonly takes?: { readonly whole: z.ZodType; readonly line: z.ZodType; readonly most: number }
    readonly answers: z.ZodType
  }
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
