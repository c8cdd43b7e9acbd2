/** Holds a tenant to how many of each it may have. Changes of a tenant come one after the other, so the count is exact. */
import type { TenantConnection } from '../storage/transaction.ts'
import { quotaStore } from '../tenancy/quota-store.ts'
import type { Quotas } from '../tenancy/tenant.ts'
import { ChangeRefusal } from './refusal.ts'

/** Asked after the insert. @throws ChangeRefusal `quota_exceeded` */
export async function requireQuota(connection: TenantConnection, of: keyof Quotas): Promise<void> {
  const store = quotaStore(connection)
  const most = (await store.findQuotas())[of]
  if (most === undefined || (await store.count(of)) <= most) return
  throw new ChangeRefusal(
    of,
    'quota_exceeded',
    `this tenant may have ${most} of these: delete one, or ask the operator for more`,
  )
}
