/**
 * Makes a tenant in a region: its name, its own there for ever; its built-in workspace, whose clients administer it; and the
 * first of them, whose secret is shown once.
 */
import type { Client } from '../clients/client.ts'
import { clientStore } from '../clients/client-store.ts'
import { newResourceServerId, newTenantId, type ClientId } from '../ids.ts'
import type { ScopeToken } from '../oauth/scope.ts'
import type { TenantConnection } from '../storage/transaction.ts'
import { ADMIN_WORKSPACE, administrationOf, TENANT_SCOPES } from '../tenancy/administration.ts'
import { isTenantSlug, RESERVED_TENANT_SLUGS } from '../tenancy/slug.ts'
import { tenantRegistry } from '../tenancy/tenant-registry-store.ts'
import type { Tenant, Workspace } from '../tenancy/tenant.ts'
import { changeAsOperator, requireFree, type Changed, type ChangeNeeds } from './change.ts'
import { addResourceServer } from './create-resource-server.ts'
import { addWorkspace, newWorkspace } from './create-workspace.ts'
import { addSecret, makeSecret, type MadeSecret } from './make-secret.ts'
import { ChangeRefusal } from './refusal.ts'

export type FirstAdministrator = { readonly clientId: ClientId; readonly secret: string }
type Scopes = Readonly<Record<string, string>>

const FIRST = 'admin' as ClientId

export async function createTenant(
  needs: ChangeNeeds,
  input: { slug: string },
): Promise<Changed<{ tenant: Tenant; administrator: FirstAdministrator }>> {
  const { slug } = input
  if (!isTenantSlug(slug) || RESERVED_TENANT_SLUGS.has(slug)) {
    throw new ChangeRefusal(
      'slug',
      'slug_syntax',
      'slug must be 1 to 63 of a-z, 0-9 and inner hyphens, not begin with xn--, and be no reserved word',
    )
  }
  return createAdministered(needs, { id: newTenantId(), slug, region: needs.region }, FIRST, TENANT_SCOPES)
}

/** @param scopes of its administration, all of which its first administrator gets */
export async function createAdministered(
  needs: ChangeNeeds,
  tenant: Tenant,
  first: ClientId,
  scopes: Scopes,
): Promise<Changed<{ tenant: Tenant; administrator: FirstAdministrator }>> {
  const workspace: Workspace = { ...newWorkspace(needs, tenant, ADMIN_WORKSPACE), builtIn: true }
  const made = await makeSecret(needs, workspace, { label: 'first' })
  return changeAsOperator(
    needs,
    tenant.id,
    (connection) => requireFree('slug', tenantRegistry(connection).insertTenant(tenant)),
    async (connection) => {
      await addAdministration(needs, connection, workspace, scopes)
      await addAdministrator(needs, connection, workspace, first, scopes, made)
      return {
        value: { tenant, administrator: { clientId: first, secret: made.secret } },
        event: {
          action: 'tenant_created',
          subject: tenant.slug,
          details: { region: needs.region, administrator: first },
        },
      }
    },
  )
}

/** The built-in workspace, and the resource server that its clients' tokens are for. */
export async function addAdministration(
  needs: ChangeNeeds,
  connection: TenantConnection,
  workspace: Workspace,
  scopes: Scopes,
): Promise<void> {
  await addWorkspace(needs, connection, workspace)
  const id = newResourceServerId()
  await addResourceServer(
    needs,
    connection,
    workspace,
    {
      id,
      identifier: administrationOf(needs.origin, workspace.tenant),
      name: 'Administration',
      signingAlgorithm: undefined,
      jwtType: 'at+jwt',
    },
    Object.entries(scopes).map(([token, description]) => ({
      token: token as ScopeToken,
      resourceServerId: id,
      description,
    })),
  )
}

/** The part of a change that makes a client which may do everything that its administration knows. */
export async function addAdministrator(
  needs: ChangeNeeds,
  connection: TenantConnection,
  { id: workspaceId, ...workspace }: Workspace,
  clientId: ClientId,
  scopes: Scopes,
  made: MadeSecret,
): Promise<void> {
  const client: Client = {
    id: clientId,
    name: 'Administrator',
    state: 'enabled',
    tokenEndpointAuthMethod: 'client_secret_basic',
    strictAuthMethod: false,
    grantTypes: ['client_credentials'],
    defaultResourceServerId: undefined,
    severalResources: false,
    allowedNetworks: [],
  }
  const store = clientStore(connection, workspaceId)
  await requireFree('id', store.insertClient(client))
  for (const token of Object.keys(scopes)) await store.upsertGrant(clientId, token as ScopeToken, true)
  await addSecret(needs, connection, { id: workspaceId, ...workspace }, clientId, made)
}
