/**
 * What a grant proposed, held against what the client was granted: whatever the grant, nobody gets more, and one token is
 * signed in one way.
 */
import type { KnownClient } from '../clients/client.ts'
import type { Authorization } from '../grants/grant.ts'
import { OAuthError } from '../oauth/error.ts'
import type { Algorithm, JwtType } from '../oauth/signing.ts'
import type { Workspace } from '../tenancy/tenant.ts'

/** Whatever a grant proposed, the client gets no more than it was granted, and a token is never for everything. */
export function requireWithin(client: KnownClient, { scope, resources }: Authorization): void {
  if (!resources.every((resource) => client.grants.some((grant) => grant.resource === resource))) {
    throw new OAuthError(
      'invalid_target',
      'resource_not_granted',
      'this client was granted nothing at the resource it asks for: compare it with the identifier of the resource server',
    )
  }
  if (resources.length > 1 && !client.severalResources) {
    throw new OAuthError(
      'invalid_target',
      'several_resources',
      'this client may ask for one resource at a time',
    )
  }
  for (const token of scope) {
    const grant = client.grants.find(({ scopeToken }) => scopeToken === token)
    if (grant === undefined) {
      throw new OAuthError(
        'invalid_scope',
        'scope_beyond_grant',
        'this client was not granted each of the scopes it asks for',
      )
    }
    if (!resources.includes(grant.resource)) {
      throw new OAuthError(
        'invalid_scope',
        'scope_of_other_resource',
        'a scope was asked for that belongs to another resource server than the resource',
      )
    }
  }
  if (resources.length === 0) throw new Error('a grant proposed a token that is for nothing')
}

/** One token is signed once: resource servers that want different algorithms or types want a token each. */
export function requireOneSigning(
  client: KnownClient,
  { resources }: Authorization,
  workspace: Workspace,
): { algorithm: Algorithm; jwtType: JwtType } {
  const wanted = client.grants
    .filter(({ resource }) => resources.includes(resource))
    .map(({ signingAlgorithm, jwtType }) => ({
      algorithm: signingAlgorithm ?? workspace.signingAlgorithm,
      jwtType,
    }))
  const [first] = wanted
  if (first === undefined)
    throw new Error('a grant proposed a token for a resource that the client was not granted')
  if (wanted.some(({ algorithm, jwtType }) => algorithm !== first.algorithm || jwtType !== first.jwtType)) {
    throw new OAuthError(
      'invalid_target',
      'resources_sign_differently',
      'these resource servers take tokens of different kinds: ask for a token for each',
    )
  }
  return first
}
