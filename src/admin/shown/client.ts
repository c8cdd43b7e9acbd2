/** Clients as administration shows and takes them. */
import { z } from 'zod'
import { isClientId, SECRET_METHODS } from '../../clients/client.ts'
import { clientListStore, type ListedClient } from '../../clients/client-list-store.ts'
import type { ClientId } from '../../ids.ts'
import type { TenantConnection } from '../../storage/transaction.ts'
import type { Workspace } from '../../tenancy/tenant.ts'
import { notFound } from '../problem.ts'
import type { Connection, Context } from '../route.ts'
import { iso } from '../shapes.ts'

export const CLIENT_SETTINGS = {
  name: z.string(),
  token_endpoint_auth_method: z.enum(SECRET_METHODS),
  strict_auth_method: z
    .boolean()
    .meta({ description: 'only that method; otherwise both ways of sending a secret' }),
  default_resource_server_id: z.string().nullable(),
  several_resources: z.boolean().meta({ description: 'one token may be for several resource servers' }),
  allowed_networks: z
    .array(z.string())
    .meta({ description: 'addresses and subnets that it may ask from; none: anywhere' }),
}
const GRANT = z.object({ scope: z.string(), by_default: z.boolean() })
export const CLIENT = z.object({
  id: z.string(),
  state: z.enum(['enabled', 'disabled']),
  ...CLIENT_SETTINGS,
  grant_types: z.array(z.string()),
  tokens_per_minute: z.int().nullable(),
  scopes: z.array(GRANT),
  created_at: z.string(),
})
export const SCOPES = z.array(z.string()).max(200)
export const TOKENS = z.object({ day: z.string(), issued: z.int() })

export function showClient(client: ListedClient): z.input<typeof CLIENT> {
  return {
    id: client.id,
    name: client.name,
    state: client.state,
    token_endpoint_auth_method: client.tokenEndpointAuthMethod,
    strict_auth_method: client.strictAuthMethod,
    grant_types: [...client.grantTypes],
    default_resource_server_id: client.defaultResourceServerId ?? null,
    several_resources: client.severalResources,
    allowed_networks: [...client.allowedNetworks],
    tokens_per_minute: client.tokensPerMinute ?? null,
    scopes: client.scopes.map(({ scope, byDefault }) => ({ scope, by_default: byDefault })),
    created_at: iso(client.createdAt) ?? '',
  }
}

type Sent = z.output<z.ZodObject<Omit<typeof CLIENT_SETTINGS, 'default_resource_server_id'>>>
type Settings = { readonly [Name in keyof Sent]?: Sent[Name] | undefined }

/** What was sent, by the names of the code; what was not sent is left out. */
export function clientSettingsOf(settings: Settings) {
  return {
    ...(settings.name !== undefined && { name: settings.name }),
    ...(settings.token_endpoint_auth_method !== undefined && {
      tokenEndpointAuthMethod: settings.token_endpoint_auth_method,
    }),
    ...(settings.strict_auth_method !== undefined && { strictAuthMethod: settings.strict_auth_method }),
    ...(settings.several_resources !== undefined && { severalResources: settings.several_resources }),
    ...(settings.allowed_networks !== undefined && { allowedNetworks: settings.allowed_networks }),
  }
}

export const clientOf = ({ params }: Pick<Context, 'params'>): ClientId => {
  const { client = '' } = params
  if (!isClientId(client)) throw notFound()
  return client
}

export async function findClient(connection: Connection, workspace: Workspace, id: ClientId) {
  const store = clientListStore(connection as TenantConnection, workspace.id)
  const [found] = await store.listClients({ id }, undefined, 1)
  if (found === undefined) throw notFound()
  return showClient(found)
}
