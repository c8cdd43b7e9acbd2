/** A tenant as parts of a document, as they go out: what has its default is left out. Pure. */
import type { PresentClient } from '../../changes/apply/wanted.ts'
import type { StoredCredential } from '../../clients/credential-batch-store.ts'
import type { OwnedScope, ResourceServer } from '../../tenancy/resource-server.ts'
import type { Tenant, Workspace } from '../../tenancy/tenant.ts'
import { isoOfSeconds } from '../shapes.ts'
import { showWorkspace } from '../shown/workspace.ts'
import { CLIENT_ENTRY, FORMAT, HEADER, RESOURCE_SERVER_ENTRY, WORKSPACE_ENTRY } from './document.ts'

export function headerEntry({ slug, region }: Tenant): object {
  const required = { regent: FORMAT, tenant: slug }
  return withoutDefaults({ ...required, region }, HEADER.parse(required), required)
}

const DEFAULT_WORKSPACE = WORKSPACE_ENTRY.parse({ slug: 'none' })
const DEFAULT_SERVER = RESOURCE_SERVER_ENTRY.parse({ identifier: 'none', name: 'none' })
const DEFAULT_CLIENT = CLIENT_ENTRY.parse({ id: 'none', name: 'none' })

export function workspaceEntry(workspace: Workspace): object {
  const { issuer: _, built_in: __, ...entry } = showWorkspace(workspace)
  return withoutDefaults(entry, DEFAULT_WORKSPACE, { slug: entry.slug })
}

/** @param scopes of the whole workspace */
export function resourceServerEntry(server: ResourceServer, scopes: readonly OwnedScope[]): object {
  const { id, identifier, name } = server
  const own = scopes.filter(({ resourceServerId }) => resourceServerId === id)
  const entry = {
    identifier,
    name,
    signing_algorithm: server.signingAlgorithm ?? null,
    jwt_type: server.jwtType,
    scopes: own.map(({ token, description }) => ({ token, ...(description !== '' && { description }) })),
  }
  return withoutDefaults(entry, DEFAULT_SERVER, { identifier, name })
}

/** @param hashes by credential id; none for who may not have them */
export function clientEntry(client: PresentClient, hashes: ReadonlyMap<string, string>): object {
  const { id, name } = client
  const entry = {
    id,
    name,
    state: client.state,
    token_endpoint_auth_method: client.tokenEndpointAuthMethod,
    strict_auth_method: client.strictAuthMethod,
    grant_types: client.grantTypes,
    default_resource_server: client.defaultResourceServer ?? null,
    several_resources: client.severalResources,
    allowed_networks: client.allowedNetworks,
    tokens_per_minute: client.tokensPerMinute ?? null,
    scopes: client.scopes,
    optional_scopes: client.optionalScopes,
  }
  const live = client.credentials.filter(({ state }) => state === 'live')
  const credentials = live.map((one) => credentialEntry(one, hashes.get(one.id)))
  const printed = withoutDefaults(entry, DEFAULT_CLIENT, { id, name })
  return credentials.length === 0 ? printed : { ...printed, credentials }
}

/** Of a reference its beginning is left out: nobody can change it. */
function credentialEntry(one: StoredCredential, hash: string | undefined): object {
  const until = one.expiresAt === undefined ? null : isoOfSeconds(one.expiresAt)
  return {
    id: one.id,
    ...(one.label !== '' && { label: one.label }),
    ...(hash !== undefined && { hash, origin: one.origin }),
    ...(hash !== undefined && one.notBefore !== undefined && { not_before: isoOfSeconds(one.notBefore) }),
    ...(until !== null && { expires_at: until }),
  }
}

function withoutDefaults(entry: object, defaults: object, required: object): object {
  const usual = new Map(Object.entries(defaults))
  const told = Object.entries(entry).filter(
    ([name, value]) => name in required || JSON.stringify(usual.get(name)) !== JSON.stringify(value),
  )
  return Object.fromEntries(told)
}
