/** Finds a tenant by its name, in one transaction: nameless until it is known whose name it is, then as that tenant. */
import type { Database } from '../storage/transaction.ts'
import type { Region } from './region.ts'
import type { TenantSlug } from './slug.ts'
import { tenantNames, workspaceStore } from './tenancy-store.ts'
import type { Tenant } from './tenant.ts'

/** @returns undefined where the region has none of that name */
export function findTenant(
  database: Database,
  region: Region,
  slug: TenantSlug,
): Promise<Tenant | undefined> {
  return database.beforeThenInTenant(
    (connection) => tenantNames(connection).findTenantId(region, slug),
    (connection) => workspaceStore(connection).findTenant(),
  )
}
