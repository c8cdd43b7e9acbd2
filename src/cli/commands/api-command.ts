/**
 * What a command of the administrative APIs is: a value that names its route, what is typed, and how that is sent. One runner does
 * them all (run.ts); a test holds each to the route that it names.
 */
import type { AdminRoute } from '../../admin/route.ts'
import type { RouteName } from '../../admin/permissions.ts'
import type { Item } from '../table.ts'

/**
 * How the words of an argument or option are read:
 * - text, number, switch (on or off); words (several, also with commas between);
 * - descriptions: `orders:read=read orders`, several;
 * - moment: RFC 3339, a date, or a time from now, as in 90d or `90d ago`;
 * - server: the identifier of a resource server, or its id;
 * - file: its text; jwk: a file with a public key; checkpoint: a file with one. `-` is standard input.
 */
export type Kind =
  | 'text'
  | 'number'
  | 'switch'
  | 'words'
  | 'descriptions'
  | 'moment'
  | 'server'
  | 'file'
  | 'jwk'
  | 'checkpoint'
  | readonly string[]

/** Something typed; it is sent in the path, the query or the body by the API's name of it. */
export type Field = {
  /** As the API calls it. */
  readonly name: string
  readonly says: string
  /** Default: text. */
  readonly kind?: Kind
  /** `none` takes it away. */
  readonly nullable?: true
  readonly required?: true
  /** Of an option, where it is not called as the API calls it. */
  readonly option?: string
}

/** Typed without a name, in order. */
export type Argument = Field & {
  readonly into: 'path' | 'query' | 'body'
  /** As help shows it, where it is not the API's name. */
  readonly shown?: string
  /** May be left out. */
  readonly optional?: true
}

export type ApiCommand = {
  /** As it is typed: `client create`. */
  readonly name: string
  readonly alias?: string
  readonly route: RouteName
  readonly api: AdminRoute['api']
  readonly method: AdminRoute['method']
  /** As the route's; what is no argument of `{workspace}`, `{server}` is an option. */
  readonly path: string
  readonly says: string
  /** What is asked where an optional argument of the path is left out. */
  readonly otherwise?: Pick<ApiCommand, 'route' | 'api' | 'path'>
  readonly arguments?: readonly Argument[]
  readonly query?: readonly Field[]
  readonly body?: readonly Field[]
  /** Sent beside what is typed. */
  readonly sends?: Readonly<Record<string, unknown>>
  /** What was not typed, from what was. */
  readonly complete?: (body: Record<string, unknown>) => Record<string, unknown>
  /** Cannot be undone, or ends what works: asked before. By the values of the arguments. */
  readonly asks?: (typed: Readonly<Record<string, string>>) => string
  /** What it answers is a secret, shown once. */
  readonly showsSecret?: true
  /** Of a list: the fields that are shown, and where the items are. */
  readonly list?: {
    readonly columns: readonly string[]
    readonly in?: 'keys' | 'days'
    readonly pages?: false
  }
  /** Another way to show it to people. */
  readonly view?: (body: Item) => string
  /** Ends the process with 1, where the answer says that something is wrong. */
  readonly isFault?: (body: Item) => boolean
  /** Without `regent` before. */
  readonly examples: readonly string[]
}
