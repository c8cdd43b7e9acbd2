/** Changes of what a client may ask for. */
import { clientStore } from '../clients/client-store.ts'
import type { ClientId } from '../ids.ts'
import { isScopeToken, type ScopeToken } from '../oauth/scope.ts'
import { sqlState, type TenantConnection } from '../storage/transaction.ts'
import type { Workspace } from '../tenancy/tenant.ts'
import { change, type Changed, type ChangeNeeds } from './change.ts'
import { ChangeRefusal, unknownClient } from './refusal.ts'

/** @param byDefault whether the client gets them when it asks for no scope (RFC 6749 §3.3) */
export async function grantScopes(
  needs: ChangeNeeds,
  workspace: Workspace,
  clientId: ClientId,
  scopes: readonly string[],
  byDefault = true,
): Promise<Changed<object>> {
  return change(needs, workspace.tenant.id, async (connection) => {
    if (!(await clientStore(connection, workspace.id).lockClient(clientId))) throw unknownClient()
    await addGrants(connection, workspace, clientId, scopes, byDefault)
    return {
      value: {},
      event: {
        action: 'scopes_granted',
        workspaceId: workspace.id,
        subject: clientId,
        details: { scopes, byDefault },
      },
    }
  })
}

/** The part of a change that grants them. */
export async function addGrants(
  connection: TenantConnection,
  workspace: Workspace,
  clientId: ClientId,
  scopes: readonly string[],
  byDefault: boolean,
): Promise<void> {
  const tokens = scopes.filter(isScopeToken)
  if (tokens.length !== scopes.length) throw unknownScope()
  const store = clientStore(connection, workspace.id)
  for (const token of tokens) {
    await store.upsertGrant(clientId, token, byDefault).catch((cause: unknown) => {
      // 23503, foreign key violation: no resource server of this workspace owns it.
      throw sqlState(cause) === '23503' ? unknownScope(cause) : cause
    })
  }
}

export async function withdrawScopes(
  needs: ChangeNeeds,
  workspace: Workspace,
  clientId: ClientId,
  scopes: readonly ScopeToken[],
): Promise<Changed<object>> {
  return change(needs, workspace.tenant.id, async (connection) => {
    const store = clientStore(connection, workspace.id)
    if (!(await store.lockClient(clientId))) throw unknownClient()
    for (const token of scopes) {
      if (!(await store.deleteGrant(clientId, token))) throw unknownScope()
    }
    return {
      value: {},
      event: {
        action: 'scopes_withdrawn',
        workspaceId: workspace.id,
        subject: clientId,
        details: { scopes },
      },
    }
  })
}

function unknownScope(cause?: unknown): ChangeRefusal {
  return new ChangeRefusal(
    'scopes',
    'unknown_scope',
    'scopes names a scope token that this workspace lacks',
    { cause },
  )
}
