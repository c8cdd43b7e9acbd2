/**
 * Changes of how many tokens a minute may be issued to a client, from a workspace, or to a tenant with all its workspaces.
 * A tenant's own limit is what its operator gives it: its row is written as an operator, never as the tenant.
 */
import { clientStore } from '../clients/client-store.ts'
import type { ClientId } from '../ids.ts'
import { tenantRegistry } from '../tenancy/tenant-registry-store.ts'
import type { Tenant, Workspace } from '../tenancy/tenant.ts'
import { workspaceSettingsStore } from '../tenancy/workspace-settings-store.ts'
import type { ChangeEvent } from './change-event.ts'
import { change, changeAsOperator, type Changed, type ChangeNeeds } from './change.ts'
import { requireLimit } from './input.ts'
import { ChangeRefusal, unknownClient } from './refusal.ts'

export type Limited =
  | { readonly tenant: Tenant }
  | { readonly workspace: Workspace; readonly clientId?: never }
  | { readonly workspace: Workspace; readonly clientId: ClientId }

/** @param tokensPerMinute undefined: as many as are asked for */
export async function setIssuanceLimit(
  needs: ChangeNeeds,
  of: Limited,
  tokensPerMinute: number | undefined,
): Promise<Changed<object>> {
  requireLimit(tokensPerMinute)
  if ('tenant' in of) {
    const { tenant } = of
    return changeAsOperator(
      needs,
      tenant.id,
      async (connection) => {
        const done = await tenantRegistry(connection).updateTenantLimit(tenant, tokensPerMinute)
        if (!done)
          throw new ChangeRefusal('tenant', 'unknown_tenant', 'tenant names no tenant of this region')
      },
      async () => ({ value: {}, event: limitSet({ subject: tenant.slug }, 'tenant', tokensPerMinute) }),
    )
  }
  const { workspace, clientId } = of
  return change(needs, workspace.tenant.id, async (connection) => {
    if (clientId !== undefined) {
      const done = await clientStore(connection, workspace.id).updateClientLimit(clientId, tokensPerMinute)
      if (!done) throw unknownClient()
    } else if (
      !(await workspaceSettingsStore(connection).updateWorkspaceLimit(workspace.id, tokensPerMinute))
    ) {
      throw new ChangeRefusal('workspace', 'unknown_workspace', 'workspace names no workspace of this tenant')
    }
    const where = { workspaceId: workspace.id, subject: clientId ?? workspace.slug }
    const event = limitSet(where, clientId === undefined ? 'workspace' : 'client', tokensPerMinute)
    return { value: {}, event }
  })
}

function limitSet(
  where: Pick<ChangeEvent, 'workspaceId' | 'subject'>,
  of: 'tenant' | 'workspace' | 'client',
  tokensPerMinute: number | undefined,
): ChangeEvent {
  return { action: 'limit_set', ...where, details: { of, tokensPerMinute: tokensPerMinute ?? null } }
}
