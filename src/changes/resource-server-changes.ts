/** Changes of a resource server and of the scope tokens that it owns. What somebody was granted is withdrawn first. */
import type { ResourceServerId } from '../ids.ts'
import type { ScopeToken } from '../oauth/scope.ts'
import { sqlState } from '../storage/transaction.ts'
import { resourceServerStore } from '../tenancy/resource-server-store.ts'
import type { ResourceServer } from '../tenancy/resource-server.ts'
import type { Workspace } from '../tenancy/tenant.ts'
import { tombstoneStore } from '../tenancy/tombstone-store.ts'
import { change, requireFree, type Changed, type ChangeNeeds } from './change.ts'
import { requireOwnable } from './create-resource-server.ts'
import { requireText } from './input.ts'
import { requireQuota } from './quota.ts'
import { ChangeRefusal } from './refusal.ts'
import { requireOrdinary } from './workspace-changes.ts'

export async function renameResourceServer(
  needs: ChangeNeeds,
  workspace: Workspace,
  { id, identifier, name: before }: ResourceServer,
  name: string,
): Promise<Changed<object>> {
  requireOrdinary(workspace)
  requireText('name', name, 1, 200)
  return change(needs, workspace.tenant.id, async (connection) => {
    if (!(await resourceServerStore(connection, workspace.id).updateName(id, name)))
      throw unknownResourceServer()
    return {
      value: {},
      event: {
        action: 'resource_server_renamed',
        workspaceId: workspace.id,
        subject: identifier,
        details: { before: { name: before }, after: { name } },
      },
    }
  })
}

/** @param scopes scope token -> what it allows, in words */
export async function addScopes(
  needs: ChangeNeeds,
  workspace: Workspace,
  { id, identifier }: ResourceServer,
  scopes: Readonly<Record<string, string>>,
): Promise<Changed<object>> {
  requireOrdinary(workspace)
  const owned = requireOwnable(id, scopes)
  return change(needs, workspace.tenant.id, async (connection) => {
    const store = resourceServerStore(connection, workspace.id)
    if (!(await isThere(store, id))) throw unknownResourceServer()
    for (const scope of owned) await requireFree('scopes', store.insertScope(scope))
    await requireQuota(connection, 'scopes')
    return {
      value: {},
      event: {
        action: 'scopes_added',
        workspaceId: workspace.id,
        subject: identifier,
        details: { scopes: owned.map(({ token }) => token) },
      },
    }
  })
}

export async function removeScope(
  needs: ChangeNeeds,
  workspace: Workspace,
  { id, identifier }: ResourceServer,
  token: ScopeToken,
): Promise<Changed<object>> {
  requireOrdinary(workspace)
  return change(needs, workspace.tenant.id, async (connection) => {
    const gone = await resourceServerStore(connection, workspace.id).deleteScope(id, token).catch(explain)
    if (!gone)
      throw new ChangeRefusal('scope', 'unknown_scope', 'scope names none that this resource server owns')
    return {
      value: {},
      event: {
        action: 'scope_removed',
        workspaceId: workspace.id,
        subject: identifier,
        details: { scope: token },
      },
    }
  })
}

/** Its identifier is never given out again in this workspace. */
export async function deleteResourceServer(
  needs: ChangeNeeds,
  workspace: Workspace,
  { id, identifier }: ResourceServer,
): Promise<Changed<object>> {
  requireOrdinary(workspace)
  return change(needs, workspace.tenant.id, async (connection) => {
    const store = resourceServerStore(connection, workspace.id)
    for (const scope of await store.listScopes()) {
      if (scope.resourceServerId === id) await store.deleteScope(id, scope.token).catch(explain)
    }
    if (!(await store.deleteResourceServer(id).catch(explain))) throw unknownResourceServer()
    await tombstoneStore(connection, needs.region, workspace.id).insertTombstone(
      'resource_server',
      identifier,
    )
    return {
      value: {},
      event: { action: 'resource_server_deleted', workspaceId: workspace.id, subject: identifier },
      breaks: [`no token is issued for ${identifier} any more`],
    }
  })
}

async function isThere(
  store: ReturnType<typeof resourceServerStore>,
  id: ResourceServerId,
): Promise<boolean> {
  return (await store.listResourceServers(undefined, 1, { id })).length === 1
}

/** 23503, foreign key violation: a client was granted it, or has it as its default. */
function explain(cause: unknown): never {
  if (sqlState(cause) !== '23503') throw cause
  const message = 'clients were granted scopes of it, or have it as their default: withdraw them first'
  throw new ChangeRefusal('scope', 'in_use', message, { cause })
}

function unknownResourceServer(): ChangeRefusal {
  return new ChangeRefusal('id', 'unknown_resource_server', 'id names no resource server of this workspace')
}
