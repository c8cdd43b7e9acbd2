/**
 * The demo: a tenant in each region that is there, each with a workspace, two resource servers and a client. Made piece
 * by piece through the same changes as everything else; what a killed start left half made, the next one completes.
 */
import type { ChangeNeeds } from '../changes/change.ts'
import { createClient } from '../changes/client-changes.ts'
import { createResourceServer } from '../changes/create-resource-server.ts'
import { createTenant } from '../changes/create-tenant.ts'
import { createWorkspace } from '../changes/create-workspace.ts'
import { createSecret, revokeCredential } from '../changes/credential-changes.ts'
import { grantScopes } from '../changes/scope-changes.ts'
import { knownClientStore } from '../clients/known-client-store.ts'
import { MAX_LIVE_CREDENTIALS, type KnownClient } from '../clients/client.ts'
import type { ClientId } from '../ids.ts'
import type { ResourceIdentifier } from '../oauth/resource.ts'
import { OperatorError } from '../storage/operator-error.ts'
import { findTenant } from '../tenancy/find-tenant.ts'
import { issuerFor, printOrigin } from '../tenancy/origin.ts'
import type { Region } from '../tenancy/region.ts'
import { resourceServerStore } from '../tenancy/resource-server-store.ts'
import type { TenantSlug, WorkspaceSlug } from '../tenancy/slug.ts'
import { workspaceStore } from '../tenancy/tenancy-store.ts'
import type { Workspace } from '../tenancy/tenant.ts'

const TENANTS = { eu: 'acme', au: 'billabong', us: 'cascade', none: 'dune' } as Record<Region, TenantSlug>
const WORKSPACE = 'shop' as WorkspaceSlug
export const DEMO_CLIENT = 'nightly-batch' as ClientId

export type DemoClient = { readonly issuer: string; readonly clientId: string; readonly secret: string }

/** The demo's regions in the order of telling: the one that the tour uses first. */
export const DEMO_REGIONS: readonly Region[] = ['eu', 'au', 'us', 'none']

/** The resource servers of a demo tenant; the sample API is the first. */
export function demoResourceServers(tenant: string) {
  return [
    {
      identifier: `https://orders.${tenant}.example`,
      name: 'Orders',
      scopes: { 'orders:read': 'read orders', 'orders:write': 'place and change orders' },
    },
    {
      identifier: `https://invoices.${tenant}.example`,
      name: 'Invoices',
      scopes: { 'invoices:read': 'read invoices', 'invoices:write': 'issue invoices' },
    },
  ] as const
}

/**
 * @param secret of this demo's client, where it was kept
 * @returns the client with a secret that works; a new one where none was kept
 */
export async function createDemo(needs: ChangeNeeds, secret: string | undefined): Promise<DemoClient> {
  const slug = TENANTS[needs.region]
  const tenant =
    (await findTenant(needs.database, needs.region, slug)) ?? (await createTenant(needs, { slug })).tenant
  const workspace =
    (await needs.database.inTenant(tenant.id, (connection) =>
      workspaceStore(connection).findWorkspace(WORKSPACE),
    )) ?? (await createWorkspace(needs, tenant, { slug: WORKSPACE })).workspace
  requireSameOrigin(needs, workspace)
  const servers = demoResourceServers(slug)
  for (const server of servers) {
    const exists = await needs.database.inTenant(tenant.id, (connection) =>
      resourceServerStore(connection, workspace.id).findResourceServer(
        server.identifier as ResourceIdentifier,
      ),
    )
    if (exists === undefined) await createResourceServer(needs, workspace, server)
  }
  if ((await findClient(needs, workspace)) === undefined)
    await createDemoClient(needs, workspace, servers[0].identifier)
  const client = await findClient(needs, workspace)
  const scopes = servers.flatMap((server) => Object.keys(server.scopes))
  if (client?.grants.length !== scopes.length) await grantScopes(needs, workspace, DEMO_CLIENT, scopes)
  return {
    issuer: workspace.issuer,
    clientId: DEMO_CLIENT,
    secret: secret ?? (await newSecret(needs, workspace, client)),
  }
}

/** @returns whether this region's demo client is there, and has a secret */
export async function demoExists(needs: ChangeNeeds): Promise<boolean> {
  const tenant = await findTenant(needs.database, needs.region, TENANTS[needs.region])
  const workspace =
    tenant &&
    (await needs.database.inTenant(tenant.id, (connection) =>
      workspaceStore(connection).findWorkspace(WORKSPACE),
    ))
  const client = workspace && (await findClient(needs, workspace))
  return client !== undefined && client.credentials.length > 0 && client.grants.length > 0
}

async function createDemoClient(needs: ChangeNeeds, workspace: Workspace, identifier: string): Promise<void> {
  const server = await needs.database.inTenant(workspace.tenant.id, (connection) =>
    resourceServerStore(connection, workspace.id).findResourceServer(identifier as ResourceIdentifier),
  )
  await createClient(needs, workspace, {
    id: DEMO_CLIENT,
    name: 'The batch that runs at night',
    tokenEndpointAuthMethod: 'client_secret_post',
    ...(server && { defaultResourceServerId: server.id }),
  })
}

/** Secrets whose file was lost are worth nothing: the oldest makes room. */
async function newSecret(
  needs: ChangeNeeds,
  workspace: Workspace,
  client: KnownClient | undefined,
): Promise<string> {
  const live = client?.credentials.filter(({ state }) => state === 'live') ?? []
  const [oldest] = live
  if (live.length >= MAX_LIVE_CREDENTIALS && oldest)
    await revokeCredential(needs, workspace, DEMO_CLIENT, oldest.id)
  return (await createSecret(needs, workspace, DEMO_CLIENT, { label: 'demo' })).secret
}

function findClient({ database }: ChangeNeeds, { tenant, id }: Workspace): Promise<KnownClient | undefined> {
  return database.inTenant(tenant.id, (connection) =>
    knownClientStore(connection, id).findClient(DEMO_CLIENT),
  )
}

/** Issuers are for ever, and hold scheme, domain and port. */
function requireSameOrigin({ origin, region }: ChangeNeeds, { issuer, tenant, slug }: Workspace): void {
  if (issuer === issuerFor(origin, { region, tenant: tenant.slug, workspace: slug })) return
  const made = new URL(issuer)
  const base = made.hostname
    .split('.')
    .slice(region === 'none' ? 1 : 2)
    .join('.')
  const past = `${made.protocol}//${base}${made.port && `:${made.port}`}`
  throw new OperatorError(
    `This data was made for ${past}, and issuers never change, but this start is for ${printOrigin(origin)}: start it with ${past.startsWith('http://localhost:') ? `PORT=${made.port}` : `REGENT_ORIGIN=${past}`}, or use another folder (--data).`,
  )
}
