/**
 * Client Credentials Grant, RFC 6749 §4.4, with the resource indicators of RFC 8707.
 *
 * The client asks for a token for itself: there is no user, no code and no redirect. That only confidential clients
 * may (§4.4) needs no check: no other client can exist. Special to this grant are the rules for what a token is for:
 * a token for everything is never made by omission.
 */
import type { KnownClient, ScopeGrant } from '../clients/client.ts'
import { OAuthError } from '../oauth/error.ts'
import type { ResourceIdentifier } from '../oauth/resource.ts'
import type { Scope } from '../oauth/scope.ts'
import type { Grant } from './grant.ts'

export const clientCredentials: Grant = {
  type: 'client_credentials',

  async authorize({ client, scope, resources }) {
    const wanted =
      resources.length > 0
        ? resources
        : [scope === undefined ? defaultResource(client) : ownerOf(client, scope)]
    return {
      // RFC 9068 §2.2: with no resource owner, the subject is the client itself.
      subject: client.id,
      resources: wanted,
      scope: scope ?? defaultScope(client, wanted),
    }
  },
}

/** No resource: it is the owner of the asked scope (RFC 9068 §3). */
function ownerOf(client: KnownClient, scope: Scope): ResourceIdentifier {
  const owners = new Set(
    scope.map((token) => client.grants.find(({ scopeToken }) => scopeToken === token)?.resource),
  )
  const [owner] = owners
  if (owner === undefined || owners.has(undefined)) {
    throw new OAuthError(
      'invalid_scope',
      'scope_not_granted',
      'this client was not granted each of the scopes it asks for',
    )
  }
  if (owners.size > 1) {
    throw new OAuthError(
      'invalid_scope',
      'scope_of_several_resources',
      'these scopes belong to different resource servers: ask for a token for each',
    )
  }
  return owner
}

/** Neither scope nor resource: the client's default, or the only one there is. */
function defaultResource(client: KnownClient): ResourceIdentifier {
  const reachable = new Map(client.grants.map((grant) => [grant.resourceServerId, grant.resource]))
  const chosen =
    client.defaultResourceServerId === undefined
      ? reachable.size === 1 && [...reachable.values()][0]
      : reachable.get(client.defaultResourceServerId)
  if (chosen) return chosen
  throw reachable.size === 0
    ? new OAuthError('invalid_scope', 'nothing_granted', 'this client was not granted any scope yet')
    : new OAuthError(
        'invalid_target',
        'resource_ambiguous',
        'this client may reach several resource servers: name one with the parameter resource, or ask for a scope',
      )
}

/** §3.3: no scope asked for means what was granted by default, of the resource servers that the token is for. */
function defaultScope(client: KnownClient, resources: readonly ResourceIdentifier[]): Scope {
  const granted = client.grants
    .filter((grant) => isDefault(grant, resources))
    .map(({ scopeToken }) => scopeToken)
  if (granted.length === 0 && client.grants.some(({ resource }) => resources.includes(resource))) {
    throw new OAuthError(
      'invalid_scope',
      'no_default_scope',
      'this client has no default scope here: ask for a scope',
    )
  }
  return granted
}

function isDefault({ byDefault, resource }: ScopeGrant, resources: readonly ResourceIdentifier[]): boolean {
  return byDefault && resources.includes(resource)
}
