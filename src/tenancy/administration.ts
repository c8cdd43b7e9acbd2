/**
 * Names of what administers: each tenant has a built-in workspace whose clients administer that tenant and nothing else, and
 * each region a built-in tenant whose clients are its operators. Both APIs are resource servers of Regent itself.
 */
import type { ResourceIdentifier } from '../oauth/resource.ts'
import type { Origin } from './origin.ts'
import { printHostUrl } from './origin.ts'
import type { Region } from './region.ts'
import type { TenantSlug, WorkspaceSlug } from './slug.ts'

export const ADMIN_WORKSPACE = 'admin' as WorkspaceSlug
export const SYSTEM_TENANT = 'system' as TenantSlug

/** Scope tokens of a tenant's API, and what each allows in words. */
export const TENANT_SCOPES = {
  'workspaces:read': 'see workspaces, their settings and limits',
  'workspaces:write': 'create workspaces, change their settings and limits, disable and delete them',
  'resource-servers:read': 'see resource servers and the scopes that they own',
  'resource-servers:write': 'create, change and delete resource servers and scopes',
  'clients:read': 'see clients, what they were granted, and when each credential was used',
  'clients:write': 'create, change, disable and delete clients, and grant them scopes',
  'credentials:write': 'make, rotate and revoke secrets',
  'credentials:import': 'take secrets along as hashes: apply them, and export them',
  'keys:read': 'see signing keys and what depends on them',
  'keys:write': 'rotate and revoke signing keys',
  'audit:read': 'read, export and verify the audit trail',
  'usage:read': 'see how many tokens each client got',
} as const

/** Scope tokens of the operators' API. They administer their own clients with those above. */
export const SYSTEM_SCOPES = {
  'tenants:read': 'see tenants, their state and quotas, and the live nodes',
  'tenants:write':
    'create, suspend, delete and restore tenants, set quotas, and give a tenant a new administrator',
} as const

export type TenantScope = keyof typeof TENANT_SCOPES
export type SystemScope = keyof typeof SYSTEM_SCOPES

/** The audience of tokens for the administration of a tenant; of `system`, that of the region's operators. */
export function administrationOf(
  origin: Origin,
  { region, slug }: { readonly region: Region; readonly slug: TenantSlug },
): ResourceIdentifier {
  const url =
    slug === SYSTEM_TENANT
      ? `${printHostUrl(origin, { region })}/api/system`
      : `${printHostUrl(origin, { region, tenant: slug })}/api/admin/${slug}`
  return url as ResourceIdentifier
}
