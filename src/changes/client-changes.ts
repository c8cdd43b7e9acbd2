/** Changes of a client's life: created, disabled and enabled, deleted. */
import { isClientId, SECRET_METHODS, type Client, type SecretMethod } from '../clients/client.ts'
import { clientListStore, type ListedClient } from '../clients/client-list-store.ts'
import { clientStore } from '../clients/client-store.ts'
import { isNetwork } from '../clients/networks.ts'
import type { ClientId, ResourceServerId } from '../ids.ts'
import { sqlState } from '../storage/transaction.ts'
import type { Workspace } from '../tenancy/tenant.ts'
import { tombstoneStore } from '../tenancy/tombstone-store.ts'
import { change, requireFree, taken, type Changed, type ChangeNeeds } from './change.ts'
import { requireLimit, requireText } from './input.ts'
import { requireQuota } from './quota.ts'
import { ChangeRefusal, unknownClient } from './refusal.ts'
import { addGrants } from './scope-changes.ts'

const MAX_NETWORKS = 50

export type ClientInput = {
  readonly id: string
  readonly name: string
  readonly tokenEndpointAuthMethod?: SecretMethod
  readonly strictAuthMethod?: boolean
  readonly defaultResourceServerId?: ResourceServerId
  readonly severalResources?: boolean
  readonly grantTypes?: readonly string[]
  readonly allowedNetworks?: readonly string[]
  /** What it gets when it asks for no scope. */
  readonly scopes?: readonly string[]
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
  requireClient({ ...input, tokenEndpointAuthMethod })
  const client: Client = {
    id,
    name: input.name,
    state: 'enabled',
    tokenEndpointAuthMethod,
    strictAuthMethod: input.strictAuthMethod ?? false,
    grantTypes: input.grantTypes ?? ['client_credentials'],
    defaultResourceServerId: input.defaultResourceServerId,
    severalResources: input.severalResources ?? false,
    allowedNetworks: input.allowedNetworks ?? [],
  }
  return change(needs, workspace.tenant.id, async (connection) => {
    await requireFree('id', clientStore(connection, workspace.id).insertClient(client)).catch(explain)
    // Asked after the insert: whoever deletes the same name at this moment has been waited for by then.
    if (await tombstoneStore(connection, needs.region, workspace.id).isBuried('client', id)) throw taken('id')
    await requireQuota(connection, 'clients')
    await addGrants(connection, workspace, client.id, input.scopes ?? [], true)
    const { id: _, ...details } = client
    return {
      value: { client },
      event: { action: 'client_created', workspaceId: workspace.id, subject: id, details },
    }
  })
}

export type ClientPatch = Partial<
  Omit<ClientInput, 'id' | 'grantTypes' | 'defaultResourceServerId' | 'scopes'>
> & {
  /** Null: as many as it asks for. */
  readonly tokensPerMinute?: number | null
  /** Null: none any more. */
  readonly defaultResourceServerId?: ResourceServerId | null
}

/** Only what is named changes. */
export async function updateClient(
  needs: ChangeNeeds,
  workspace: Workspace,
  id: ClientId,
  { defaultResourceServerId, tokensPerMinute, ...patch }: ClientPatch,
): Promise<Changed<object>> {
  requireClient({ ...patch })
  requireLimit(tokensPerMinute ?? undefined)
  return change(needs, workspace.tenant.id, async (connection) => {
    const [before] = await clientListStore(connection, workspace.id).listClients({ id }, undefined, 1)
    if (before === undefined) throw unknownClient()
    const after = {
      ...before,
      ...patch,
      ...(tokensPerMinute !== undefined && { tokensPerMinute: tokensPerMinute ?? undefined }),
      ...(defaultResourceServerId !== undefined && {
        defaultResourceServerId: defaultResourceServerId ?? undefined,
      }),
    }
    const store = clientStore(connection, workspace.id)
    await store.updateClient(after).catch(explain)
    if (tokensPerMinute !== undefined) await store.updateClientLimit(id, after.tokensPerMinute)
    const changed = Object.keys({
      ...patch,
      ...(tokensPerMinute !== undefined && { tokensPerMinute }),
      ...(defaultResourceServerId !== undefined && { defaultResourceServerId }),
    })
    const only = (values: ListedClient) =>
      Object.fromEntries(changed.map((name) => [name, values[name as keyof ListedClient] ?? null]))
    return {
      value: {},
      event: {
        action: 'client_changed',
        workspaceId: workspace.id,
        subject: id,
        details: { before: only(before), after: only(after) },
      },
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

function requireClient({
  name,
  tokenEndpointAuthMethod: method,
  allowedNetworks = [],
}: Partial<ClientInput>): void {
  if (name !== undefined) requireText('name', name, 1, 200)
  if (method !== undefined && !SECRET_METHODS.includes(method)) {
    const field = 'tokenEndpointAuthMethod'
    throw new ChangeRefusal(field, 'unknown_method', `${field} must be one of ${SECRET_METHODS.join(', ')}`)
  }
  if (allowedNetworks.length > MAX_NETWORKS || !allowedNetworks.every(isNetwork)) {
    const message = `allowedNetworks must be at most ${MAX_NETWORKS} addresses and subnets, as 192.0.2.0/24 or 2001:db8::/32`
    throw new ChangeRefusal('allowedNetworks', 'network_syntax', message)
  }
}

/** 23503, foreign key violation: this workspace has no such resource server. */
function explain(cause: unknown): never {
  throw sqlState(cause) === '23503' ? unknownResourceServer(cause) : cause
}

function unknownResourceServer(cause: unknown): ChangeRefusal {
  const field = 'defaultResourceServerId'
  const message = `${field} names no resource server of this workspace`
  return new ChangeRefusal(field, 'unknown_resource_server', message, { cause })
}
