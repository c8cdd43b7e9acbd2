/** Tenants as operators see them, and the nodes of a region. */
import { z } from 'zod'
import type { OperatorConnection } from '../../storage/transaction.ts'
import { ADMIN_WORKSPACE, administrationOf } from '../../tenancy/administration.ts'
import { issuerFor } from '../../tenancy/origin.ts'
import type { Region } from '../../tenancy/region.ts'
import { tenantListStore, type ListedTenant } from '../../tenancy/tenant-list-store.ts'
import { notFound } from '../problem.ts'
import type { Connection, Context } from '../route.ts'
import { iso } from '../shapes.ts'

const MOST = z.int().min(1).max(1_000_000_000).nullable()
export const TENANT_SETTINGS = {
  tokens_per_minute: MOST,
  max_workspaces: MOST,
  max_resource_servers: MOST,
  max_clients: MOST,
  max_scopes: MOST,
}
export const TENANT = z.object({
  slug: z.string(),
  region: z.string(),
  state: z.enum(['live', 'suspended', 'deleted']),
  gone_at: z.string().optional().meta({ description: 'of a deleted one: until then it can be restored' }),
  ...TENANT_SETTINGS,
  created_at: z.string(),
})
export const ADMINISTRATOR = z.object({
  token_endpoint: z.string(),
  api: z.string(),
  client_id: z.string(),
  client_secret: z.string().meta({ description: 'shown this once' }),
})
export const NODE = z.object({
  id: z.string(),
  version: z.string(),
  feed_number: z.int(),
  connections: z.int(),
  master_key_ids: z.array(z.string()),
})

export function showTenant(tenant: ListedTenant): z.input<typeof TENANT> {
  return {
    slug: tenant.slug,
    region: tenant.region,
    state: tenant.state,
    ...(tenant.goneAt !== undefined && { gone_at: new Date(tenant.goneAt * 1000).toISOString() }),
    tokens_per_minute: tenant.tokensPerMinute ?? null,
    max_workspaces: tenant.quotas.workspaces ?? null,
    max_resource_servers: tenant.quotas.resourceServers ?? null,
    max_clients: tenant.quotas.clients ?? null,
    max_scopes: tenant.quotas.scopes ?? null,
    created_at: iso(tenant.createdAt) ?? '',
  }
}

export async function findTenant(
  connection: Connection,
  region: Region,
  slug: string | undefined,
): Promise<ListedTenant> {
  const [found] = await tenantListStore(connection as OperatorConnection, region).listTenants(
    undefined,
    1,
    slug ?? '',
  )
  if (found === undefined) throw notFound()
  return found
}

export const administratorOf = (
  context: Context,
  slug: ListedTenant['slug'],
  { clientId, secret }: { clientId: string; secret: string },
) => {
  const { origin, region } = context
  return {
    token_endpoint: `${issuerFor(origin, { region, tenant: slug, workspace: ADMIN_WORKSPACE })}/oauth2/token`,
    api: administrationOf(origin, { region, slug }),
    client_id: clientId,
    client_secret: secret,
  }
}
