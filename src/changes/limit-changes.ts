/**
 * Changes of how many tokens a minute may be issued to a client, from a workspace, or to a tenant with all its workspaces.
 * A tenant's own limit is what its operator gives it: its row is written as an operator, never as the tenant.
 */
import { clientStore } from '../clients/client-store.ts'
import type { ClientId } from '../ids.ts'
import { tenantRegistry, workspaceStore } from '../tenancy/tenancy-store.ts'
import type { Tenant, Workspace } from '../tenancy/tenant.ts'
import type { ChangeEvent } from './change-event.ts'
import { change, recorded, type Changed, type ChangeNeeds } from './change.ts'
import { unknownClient } from './client-changes.ts'
import { ChangeRefusal } from './refusal.ts'

export type Limited =
  | { readonly tenant: Tenant }
  | { readonly workspace: Workspace; readonly clientId?: never }
  | { readonly workspace: Workspace; readonly clientId: ClientId }

const MOST = 1_000_000_000

/** @param tokensPerMinute undefined: as many as are asked for */
export async function setIssuanceLimit(
  needs: ChangeNeeds,
  of: Limited,
  tokensPerMinute: number | undefined,
): Promise<Changed<object>> {
  requireLimit(tokensPerMinute)
  if ('tenant' in of) {
    const { tenant } = of
    return needs.database.asOperatorThenTenant(
      tenant.id,
      async (connection) => {
        const done = await tenantRegistry(connection).updateTenantLimit(tenant, tokensPerMinute)
        if (!done)
          throw new ChangeRefusal('tenant', 'unknown_tenant', 'tenant names no tenant of this region')
      },
      (connection) =>
        recorded(needs, connection, async () => ({
          value: {},
          event: limitSet({ subject: tenant.slug }, 'tenant', tokensPerMinute),
        })),
    )
  }
  const { workspace, clientId } = of
  return change(needs, workspace.tenant.id, async (connection) => {
    if (clientId !== undefined) {
      const done = await clientStore(connection, workspace.id).updateClientLimit(clientId, tokensPerMinute)
      if (!done) throw unknownClient()
    } else if (!(await workspaceStore(connection).updateWorkspaceLimit(workspace.id, tokensPerMinute))) {
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

function requireLimit(tokensPerMinute: number | undefined): void {
  if (tokensPerMinute === undefined) return
  if (Number.isInteger(tokensPerMinute) && tokensPerMinute >= 1 && tokensPerMinute <= MOST) return
  throw new ChangeRefusal(
    'tokensPerMinute',
    'out_of_bounds',
    `tokensPerMinute must be a whole number from 1 to ${MOST}; leave it out for no limit, and disable a client to give it none`,
  )
}
