/** Parts of a document as changes take them: values of the code, by its names. Each was checked before. Pure. */
import type {
  WantedClient,
  WantedCredential,
  WantedResourceServer,
  WantedWorkspace,
} from '../../changes/apply/wanted.ts'
import type { ClientId, CredentialId } from '../../ids.ts'
import type { ResourceIdentifier } from '../../oauth/resource.ts'
import type { ScopeToken } from '../../oauth/scope.ts'
import type { WorkspaceSlug } from '../../tenancy/slug.ts'
import { secondsOf } from '../shapes.ts'
import type { ClientEntry, CredentialEntry, ResourceServerEntry, WorkspaceEntry } from './document.ts'
import { readHash } from '../../clients/hash-forms.ts'

export function wantedWorkspace(entry: WorkspaceEntry): Omit<WantedWorkspace, 'resourceServers' | 'clients'> {
  return {
    slug: entry.slug as WorkspaceSlug,
    disabled: entry.state === 'disabled',
    settings: {
      accessTokenLifetime: entry.access_token_lifetime,
      jwksMaxAge: entry.jwks_max_age,
      signingLead: entry.signing_lead,
      signingAlgorithm: entry.signing_algorithm,
      chosenSecrets: entry.chosen_secrets,
      chosenDigests: entry.chosen_digests,
      audienceParameter: entry.audience_parameter,
      rehash: entry.rehash,
      selfRotation: entry.self_rotation,
      keyRotation: entry.key_rotation ?? undefined,
      tokensPerMinute: entry.tokens_per_minute ?? undefined,
    },
  }
}

export function wantedServer(entry: ResourceServerEntry): WantedResourceServer {
  return {
    identifier: entry.identifier as ResourceIdentifier,
    name: entry.name,
    signingAlgorithm: entry.signing_algorithm ?? undefined,
    jwtType: entry.jwt_type,
    scopes: entry.scopes.map(({ token, description }) => ({ token: token as ScopeToken, description })),
  }
}

export function wantedClient(entry: ClientEntry): WantedClient {
  return {
    id: entry.id as ClientId,
    name: entry.name,
    state: entry.state,
    tokenEndpointAuthMethod: entry.token_endpoint_auth_method,
    strictAuthMethod: entry.strict_auth_method,
    grantTypes: entry.grant_types,
    defaultResourceServer: (entry.default_resource_server ?? undefined) as ResourceIdentifier | undefined,
    severalResources: entry.several_resources,
    allowedNetworks: entry.allowed_networks,
    tokensPerMinute: entry.tokens_per_minute ?? undefined,
    scopes: entry.scopes as ScopeToken[],
    optionalScopes: entry.optional_scopes as ScopeToken[],
    credentials: entry.credentials?.map(wantedCredential),
  }
}

function wantedCredential(entry: CredentialEntry): WantedCredential {
  const { hash: text, expires_at: until } = entry
  const read = text === undefined ? undefined : readHash(text)
  return {
    id: entry.id as CredentialId | undefined,
    hash: read?.outcome === 'usable' ? read.hash : text,
    origin: entry.origin ?? 'chosen',
    label: entry.label,
    notBefore: secondsOf(entry.not_before),
    expiresAt: until === null ? null : secondsOf(until),
  }
}
