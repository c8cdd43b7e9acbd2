/**
 * What a grant is: a way to decide why a token may exist. It proposes an authorization; the token endpoint has already
 * authenticated the client and checked that it may use this grant, and afterwards checks that what was proposed lies
 * within what the client was granted. A grant signs nothing, knows no HTTP and asks no database.
 */
import type { KnownClient } from '../clients/client.ts'
import type { ResourceIdentifier } from '../oauth/resource.ts'
import type { Scope } from '../oauth/scope.ts'

/** Parsed once, here: a grant never reaches into the raw form. */
export type GrantRequest = {
  readonly client: KnownClient
  /** As asked for; undefined when not. */
  readonly scope: Scope | undefined
  /** As asked for (RFC 8707); empty when not. */
  readonly resources: readonly ResourceIdentifier[]
}

export type Authorization = {
  readonly subject: string
  readonly resources: readonly ResourceIdentifier[]
  readonly scope: Scope
}

export type Grant = {
  /** RFC 6749 §4, or the URI of an extension grant (§4.5). */
  readonly type: string
  authorize(request: GrantRequest): Promise<Authorization>
}
