/** What every change of a tenant by its operators has in common. */
import type { ListedTenant } from '../tenancy/tenant-list-store.ts'
import type { ChangePlan, Context, Shown } from './route.ts'
import { findTenant, showTenant } from './shown/tenant.ts'

export async function changeTenant(
  context: Context,
  make: (tenant: ListedTenant) => ChangePlan<object>['make'],
): Promise<Shown> {
  const { region, params } = context
  const tenant = await context.readAsOperator((connection) => findTenant(connection, region, params.tenant))
  return context.change({
    make: make(tenant),
    state: async (connection) => showTenant(await findTenant(connection, region, params.tenant)),
    show: async (connection) => ({
      status: 200,
      body: showTenant(await findTenant(connection, region, params.tenant)),
    }),
  })
}
