/**
 * Changes of a tenant as a whole, for operators: suspended and resumed, deleted and restored, how many of each it may have.
 * Its documents stay while tokens are out there; its name stays taken for ever.
 */
import type { OperatorConnection } from '../storage/transaction.ts'
import { SYSTEM_TENANT } from '../tenancy/administration.ts'
import { tenantRegistry, type TenantState } from '../tenancy/tenant-registry-store.ts'
import type { Quotas, Tenant } from '../tenancy/tenant.ts'
import { quotaStore } from '../tenancy/quota-store.ts'
import type { ChangeEvent } from './change-event.ts'
import { changeAsOperator, type Changed, type ChangeNeeds } from './change.ts'
import { ChangeRefusal } from './refusal.ts'

/** Seconds: thirty days. */
export const DELETION_WAIT = 30 * 24 * 60 * 60
const LONGEST_WAIT = 365 * 24 * 60 * 60
const MOST = 1_000_000_000

/** No client of it gets a token any more, and its administration reads only. */
export const suspendTenant = (needs: ChangeNeeds, tenant: Tenant) =>
  move(needs, tenant, { from: ['live'], to: 'suspended', action: 'tenant_suspended' })

export const resumeTenant = (needs: ChangeNeeds, tenant: Tenant) =>
  move(needs, tenant, { from: ['suspended'], to: 'live', action: 'tenant_resumed' })

/** @param wait seconds in which it can be restored; afterwards nothing of it is served */
export async function deleteTenant(
  needs: ChangeNeeds,
  tenant: Tenant,
  wait = DELETION_WAIT,
): Promise<Changed<object>> {
  if (!Number.isInteger(wait) || wait < 0 || wait > LONGEST_WAIT) {
    throw new ChangeRefusal(
      'wait',
      'out_of_bounds',
      `wait must be a whole number of seconds from 0 to ${LONGEST_WAIT}`,
    )
  }
  return move(needs, tenant, { from: ['live', 'suspended'], to: 'deleted', wait, action: 'tenant_deleted' })
}

/** Undoes a deletion while its waiting time lasts: the tenant is suspended then. */
export const restoreTenant = (needs: ChangeNeeds, tenant: Tenant) =>
  move(needs, tenant, { from: ['deleted'], to: 'suspended', action: 'tenant_restored' })

/** @param quotas undefined: as many as are made. What there is already stays, also beyond them */
export async function setQuotas(
  needs: ChangeNeeds,
  tenant: Tenant,
  quotas: Quotas,
): Promise<Changed<object>> {
  for (const [field, most] of Object.entries(quotas)) {
    if (most !== undefined && (!Number.isInteger(most) || most < 1 || most > MOST))
      throw new ChangeRefusal(
        field,
        'out_of_bounds',
        `${field} must be a whole number from 1 to ${MOST}, or left out`,
      )
  }
  return changeAsOperator(
    needs,
    tenant.id,
    async (connection) => {
      if (!(await tenantRegistry(connection).updateQuotas(tenant, quotas))) throw unknownTenant()
    },
    async () => ({
      value: {},
      event: { action: 'quotas_set', subject: tenant.slug, details: { ...quotas } },
    }),
  )
}

export function unknownTenant(): ChangeRefusal {
  return new ChangeRefusal('tenant', 'unknown_tenant', 'tenant names no tenant of this region')
}

type Move = {
  readonly from: readonly TenantState[]
  readonly to: TenantState
  readonly action: ChangeEvent['action']
  readonly wait?: number
}

async function move(
  needs: ChangeNeeds,
  tenant: Tenant,
  { from, to, wait, action }: Move,
): Promise<Changed<object>> {
  if (tenant.slug === SYSTEM_TENANT)
    throw new ChangeRefusal('tenant', 'built_in', 'the tenant of the operators stays as it is')
  return changeAsOperator(
    needs,
    tenant.id,
    (connection) => moved(connection, tenant, from, to, wait),
    async (connection) => {
      const clients =
        to === 'live' || from.includes('deleted') ? 0 : await quotaStore(connection).count('clients')
      return {
        value: {},
        event: { action, subject: tenant.slug, details: { state: to, ...(wait !== undefined && { wait }) } },
        breaks: clients === 0 ? [] : [`${clients} clients get no token any more`],
      }
    },
  )
}

async function moved(
  connection: OperatorConnection,
  tenant: Tenant,
  from: readonly TenantState[],
  to: TenantState,
  wait: number | undefined,
): Promise<void> {
  if (await tenantRegistry(connection).updateTenantState(tenant, from, to, wait)) return
  throw new ChangeRefusal(
    'state',
    'state_conflict',
    to === 'suspended' && from.includes('deleted')
      ? 'only a deleted tenant whose waiting time is not over can be restored'
      : `only a tenant that is ${from.join(' or ')} can become ${to}`,
  )
}
