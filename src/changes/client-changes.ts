/** Changes of a client's life: created, disabled and enabled, deleted. */
import { isClientId, SECRET_METHODS, type Client, type SecretMethod } from '../clients/client.ts'
import { clientStore } from '../clients/client-store.ts'
import type { ClientId, ResourceServerId } from '../ids.ts'
import { sqlState } from '../storage/transaction.ts'
import type { Workspace } from '../tenancy/tenant.ts'
import { tombstoneStore } from '../tenancy/tombstone-store.ts'
import { change, requireFree, taken, type Changed, type ChangeNeeds } from './change.ts'
import { requireText } from './input.ts'
import { ChangeRefusal } from './refusal.ts'

export type ClientInput = {
  readonly id: string
  readonly name: string
  readonly tokenEndpointAuthMethod?: SecretMethod
  readonly strictAuthMethod?: boolean
  readonly defaultResourceServerId?: ResourceServerId
  readonly severalResources?: boolean
  readonly grantTypes?: readonly string[]
}

export async function createClient(
  needs: ChangeNeeds,
  workspace: Workspace,
  input: ClientInput,
): Promise<Changed<{ client: Client }>> {
  const { id, tokenEndpointAuthMethod = 'client_secret_basic' } = input
  if (!isClientId(id)) {
    throw new ChangeRefusal('id', 'client_id_syntax', 'id must be 1 to 128 of A-Z, a-z, 0-9 and - . _ ~')
  }
  requireText('name', input.name, 1, 200)
  if (!SECRET_METHODS.includes(tokenEndpointAuthMethod)) {
    const field = 'tokenEndpointAuthMethod'
    throw new ChangeRefusal(field, 'unknown_method', `${field} must be one of ${SECRET_METHODS.join(', ')}`)
  }
  const client: Client = {
    id,
    name: input.name,
    state: 'enabled',
    tokenEndpointAuthMethod,
    strictAuthMethod: input.strictAuthMethod ?? false,
    grantTypes: input.grantTypes ?? ['client_credentials'],
    defaultResourceServerId: input.defaultResourceServerId,
    severalResources: input.severalResources ?? false,
  }
  return change(needs, workspace.tenant.id, async (connection) => {
    await requireFree('id', clientStore(connection, workspace.id).insertClient(client)).catch(
      (cause: unknown) => {
        // 23503, foreign key violation: this workspace has no such resource server.
        throw sqlState(cause) === '23503' ? unknownResourceServer(cause) : cause
      },
    )
    // Asked after the insert: whoever deletes the same name at this moment has been waited for by then.
    if (await tombstoneStore(connection, needs.region, workspace.id).isBuried('client', id)) throw taken('id')
    const { id: _, ...details } = client
    return {
      value: { client },
      event: { action: 'client_created', workspaceId: workspace.id, subject: id, details },
    }
  })
}

export async function setClientState(
  needs: ChangeNeeds,
  workspace: Workspace,
  id: ClientId,
  state: Client['state'],
): Promise<Changed<object>> {
  return change(needs, workspace.tenant.id, async (connection) => {
    if (!(await clientStore(connection, workspace.id).updateClientState(id, state))) throw unknownClient()
    const action = state === 'enabled' ? 'client_enabled' : 'client_disabled'
    return { value: {}, event: { action, workspaceId: workspace.id, subject: id } }
  })
}

/** With its credentials and grants. Its id stays taken. */
export async function deleteClient(
  needs: ChangeNeeds,
  workspace: Workspace,
  id: ClientId,
): Promise<Changed<object>> {
  return change(needs, workspace.tenant.id, async (connection) => {
    if (!(await clientStore(connection, workspace.id).deleteClient(id))) throw unknownClient()
    await tombstoneStore(connection, needs.region, workspace.id).insertTombstone('client', id)
    return { value: {}, event: { action: 'client_deleted', workspaceId: workspace.id, subject: id } }
  })
}

function unknownResourceServer(cause: unknown): ChangeRefusal {
  const field = 'defaultResourceServerId'
  const message = `${field} names no resource server of this workspace`
  return new ChangeRefusal(field, 'unknown_resource_server', message, { cause })
}

export function unknownClient(): ChangeRefusal {
  return new ChangeRefusal('id', 'unknown_client', 'id names no client of this workspace')
}
