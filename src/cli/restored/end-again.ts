/** Ends once more what a backup has brought back, by the same changes that ended it the first time. */
import type { Client } from '../../clients/client.ts'
import { clientListStore } from '../../clients/client-list-store.ts'
import { deleteTenant, suspendTenant } from '../../changes/tenant-changes.ts'
import { listAllWorkspaces } from '../../changes/apply/read-present.ts'
import type { ChangeNeeds } from '../../changes/change.ts'
import { deleteClient, setClientState } from '../../changes/client-changes.ts'
import { revokeCredential } from '../../changes/credential-changes.ts'
import { revokeKey } from '../../changes/key-changes.ts'
import { ChangeRefusal } from '../../changes/refusal.ts'
import { withdrawScopes } from '../../changes/scope-changes.ts'
import { setWorkspaceState } from '../../changes/workspace-changes.ts'
import type { ClientId, CredentialId, Kid } from '../../ids.ts'
import type { ScopeToken } from '../../oauth/scope.ts'
import { workspaceStore } from '../../tenancy/tenancy-store.ts'
import type { Tenant, Workspace } from '../../tenancy/tenant.ts'
import type { Ending } from './endings.ts'

/** `nothing`: it is not there, or is ended already. */
export type Done = 'ended' | 'nothing'

/** Safe to repeat. */
export async function endAgain(needs: ChangeNeeds, tenant: Tenant, ending: Ending): Promise<Done> {
  try {
    return (await end(needs, tenant, ending)) ? 'ended' : 'nothing'
  } catch (error) {
    // It names what is not there (any more): a client that was made after the backup, a credential that was revoked.
    if (error instanceof ChangeRefusal) return 'nothing'
    throw error
  }
}

async function end(needs: ChangeNeeds, tenant: Tenant, ending: Ending): Promise<boolean> {
  if (ending.of === 'tenant') {
    await (ending.state === 'suspended' ? suspendTenant(needs, tenant) : deleteTenant(needs, tenant))
    return true
  }
  const workspace = await findWorkspace(needs, tenant, ending.workspaceId)
  if (workspace === undefined) return false
  if (ending.of === 'workspace') {
    if (ending.state === 'disabled' && workspace.disabled === true) return false
    await setWorkspaceState(needs, workspace, ending.state)
    return true
  }
  if (ending.of === 'key') {
    await revokeKey(needs, workspace, ending.kid as Kid)
    return true
  }
  const id = ending.clientId as ClientId
  if (ending.of === 'credential')
    await revokeCredential(needs, workspace, id, ending.credentialId as CredentialId)
  else if (ending.of === 'grant') await withdrawScopes(needs, workspace, id, [ending.scope as ScopeToken])
  else if (ending.state === 'deleted') await deleteClient(needs, workspace, id)
  else if ((await stateOf(needs, workspace, id)) === 'enabled')
    await setClientState(needs, workspace, id, 'disabled')
  else return false
  return true
}

async function findWorkspace(
  { database }: ChangeNeeds,
  tenant: Tenant,
  id: string,
): Promise<Workspace | undefined> {
  return database.inTenant(tenant.id, async (connection) => {
    const found = (await listAllWorkspaces(connection)).find((one) => one.id === id)
    return found && workspaceStore(connection).findWorkspace(found.slug)
  })
}

async function stateOf(
  { database }: ChangeNeeds,
  workspace: Workspace,
  id: ClientId,
): Promise<Client['state'] | undefined> {
  return database.inTenant(workspace.tenant.id, async (connection) => {
    const [found] = await clientListStore(connection, workspace.id).listClients({ id }, undefined, 1)
    return found?.state
  })
}
