/** Says in a tenant's audit trail that its database is that of a backup, so that what is missing from it has a reason. */
import type { Tenant } from '../tenancy/tenant.ts'
import { change, type Changed, type ChangeNeeds } from './change.ts'

/** @param since ISO 8601: when the backup was made @param lost changes that are known to have been made after it */
export function noteRestore(
  needs: ChangeNeeds,
  tenant: Tenant,
  { since, lost }: { readonly since: string; readonly lost: number },
): Promise<Changed<object>> {
  return change(needs, tenant.id, async () => ({
    value: {},
    event: { action: 'database_restored', subject: tenant.slug, details: { since, lost } },
  }))
}
