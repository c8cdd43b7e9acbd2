/** Gives a tenant another administrator, beside those that it has: for operators, when all secrets are lost. */
import { newRandomId, type ClientId } from '../ids.ts'
import { ADMIN_WORKSPACE, SYSTEM_TENANT, TENANT_SCOPES } from '../tenancy/administration.ts'
import { workspaceStore } from '../tenancy/tenancy-store.ts'
import type { Tenant } from '../tenancy/tenant.ts'
import { changeAsOperator, type Changed, type ChangeNeeds } from './change.ts'
import { addAdministration, addAdministrator, type FirstAdministrator } from './create-tenant.ts'
import { newWorkspace } from './create-workspace.ts'
import { makeSecret } from './make-secret.ts'
import { ChangeRefusal } from './refusal.ts'

/** A tenant from before there was administration gets its built-in workspace with it. */
export async function addTenantAdministrator(
  needs: ChangeNeeds,
  tenant: Tenant,
): Promise<Changed<FirstAdministrator>> {
  if (tenant.slug === SYSTEM_TENANT)
    throw new ChangeRefusal(
      'tenant',
      'built_in',
      'operators are made by their own API, or by regent bootstrap --recover',
    )
  const found = await needs.database.inTenant(tenant.id, (connection) =>
    workspaceStore(connection).findWorkspace(ADMIN_WORKSPACE),
  )
  const workspace = found ?? { ...newWorkspace(needs, tenant, ADMIN_WORKSPACE), builtIn: true }
  const clientId = `admin-${newRandomId().slice(0, 8)}` as ClientId
  const made = await makeSecret(needs, workspace, { label: 'given by an operator' })
  return changeAsOperator(
    needs,
    tenant.id,
    async () => {},
    async (connection) => {
      if (found === undefined) await addAdministration(needs, connection, workspace, TENANT_SCOPES)
      await addAdministrator(needs, connection, workspace, clientId, TENANT_SCOPES, made)
      return {
        value: { clientId, secret: made.secret },
        event: { action: 'administrator_added', workspaceId: workspace.id, subject: clientId },
      }
    },
  )
}
