/** Makes a tenant in a region. Its name is its own there for ever. */
import { newTenantId } from '../ids.ts'
import { isTenantSlug, RESERVED_TENANT_SLUGS } from '../tenancy/slug.ts'
import { tenantRegistry } from '../tenancy/tenancy-store.ts'
import type { Tenant } from '../tenancy/tenant.ts'
import { recorded, requireFree, type Changed, type ChangeNeeds } from './change.ts'
import { ChangeRefusal } from './refusal.ts'

export async function createTenant(
  needs: ChangeNeeds,
  input: { slug: string },
): Promise<Changed<{ tenant: Tenant }>> {
  const { slug } = input
  if (!isTenantSlug(slug) || RESERVED_TENANT_SLUGS.has(slug)) {
    throw new ChangeRefusal(
      'slug',
      'slug_syntax',
      'slug must be 1 to 63 of a-z, 0-9 and inner hyphens, not begin with xn--, and be no reserved word',
    )
  }
  const tenant: Tenant = { id: newTenantId(), slug, region: needs.region }
  return needs.database.asOperatorThenTenant(
    tenant.id,
    (connection) => requireFree('slug', tenantRegistry(connection).insertTenant(tenant)),
    (connection) =>
      recorded(needs, connection, async () => ({
        value: { tenant },
        event: { action: 'tenant_created', subject: slug, details: { region: needs.region } },
      })),
  )
}
