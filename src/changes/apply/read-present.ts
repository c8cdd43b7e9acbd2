/** Reads what a tenant is, for a plan: in pages, all in the change's transaction, so that nobody changes it meanwhile. */
import { slices } from '../../clock.ts'
import { clientListStore, type ListedClient } from '../../clients/client-list-store.ts'
import {
  credentialBatchStore,
  type CredentialName,
  type StoredCredential,
} from '../../clients/credential-batch-store.ts'
import type { ClientId, WorkspaceId } from '../../ids.ts'
import type { TenantConnection } from '../../storage/transaction.ts'
import type { Region } from '../../tenancy/region.ts'
import { resourceServerStore } from '../../tenancy/resource-server-store.ts'
import type { ResourceServer } from '../../tenancy/resource-server.ts'
import type { WorkspaceSlug } from '../../tenancy/slug.ts'
import { workspaceStore } from '../../tenancy/tenancy-store.ts'
import type { Workspace } from '../../tenancy/tenant.ts'
import { tombstoneStore } from '../../tenancy/tombstone-store.ts'
import type { Buried, PresentClient, PresentTenant, PresentWorkspace, WantedWorkspace } from './wanted.ts'

/** Rows that are read at once. */
export const PAGE = 500
const ALL = 1_000_000

/** But for the built-in workspace. What is in a workspace that nobody wants is not read. */
export async function readPresent(
  connection: TenantConnection,
  region: Region,
  wanted: readonly WantedWorkspace[],
): Promise<PresentTenant> {
  const workspaces = new Map<WorkspaceSlug, PresentWorkspace>()
  const buried = new Map<WorkspaceSlug, Buried>()
  const store = workspaceStore(connection)
  const wantedBySlug = new Map(wanted.map((one) => [one.slug, one]))
  for (const { slug } of await listAllWorkspaces(connection)) {
    const workspace = await store.findWorkspace(slug)
    if (workspace === undefined || workspace.builtIn === true) continue
    const named = wantedBySlug.get(slug)
    if (named === undefined) workspaces.set(slug, nothingOf(workspace))
    else {
      workspaces.set(slug, await readWorkspace(connection, workspace))
      buried.set(slug, await readBuried(connection, region, workspace.id, named))
    }
  }
  const takenSlugs = new Set(await store.listTakenSlugs(wanted.map(({ slug }) => slug)))
  return { workspaces, buried, takenSlugs }
}

export async function listAllWorkspaces(
  connection: TenantConnection,
): Promise<readonly { readonly id: WorkspaceId; readonly slug: WorkspaceSlug }[]> {
  const all: { readonly id: WorkspaceId; readonly slug: WorkspaceSlug }[] = []
  for (;;) {
    const page = await workspaceStore(connection).listWorkspaces(all.at(-1)?.slug, PAGE)
    all.push(...page)
    if (page.length < PAGE) return all
  }
}

const nothingOf = (workspace: Workspace): PresentWorkspace => ({
  workspace,
  resourceServers: new Map(),
  scopes: new Map(),
  clients: new Map(),
})

async function readWorkspace(connection: TenantConnection, workspace: Workspace): Promise<PresentWorkspace> {
  const owned = resourceServerStore(connection, workspace.id)
  const servers = await owned.listResourceServers(undefined, ALL)
  const scopes = await owned.listScopes()
  const credentials = await readCredentials(connection, workspace.id)
  const clients = new Map<ClientId, PresentClient>()
  const breathe = slices()
  for await (const client of eachClient(connection, workspace.id)) {
    clients.set(client.id, presentClient(client, servers, credentials.get(client.id) ?? []))
    await breathe()
  }
  return {
    workspace,
    resourceServers: new Map(servers.map((server) => [server.identifier, server])),
    scopes: new Map(scopes.map((scope) => [scope.token, scope])),
    clients,
  }
}

/** By id. */
export async function* eachClient(
  connection: TenantConnection,
  workspaceId: WorkspaceId,
): AsyncGenerator<ListedClient> {
  let after: string | undefined
  for (;;) {
    const page = await clientListStore(connection, workspaceId).listClients({}, after, PAGE)
    yield* page
    after = page.at(-1)?.id
    if (page.length < PAGE) return
  }
}

async function readCredentials(
  connection: TenantConnection,
  workspaceId: WorkspaceId,
): Promise<ReadonlyMap<ClientId, readonly StoredCredential[]>> {
  const byClient = new Map<ClientId, StoredCredential[]>()
  let after: CredentialName | undefined
  for (;;) {
    const page = await credentialBatchStore(connection, workspaceId).listStoredCredentials(after, PAGE)
    for (const one of page) {
      const own = byClient.get(one.clientId)
      if (own === undefined) byClient.set(one.clientId, [one])
      else own.push(one)
    }
    after = page.at(-1)
    if (page.length < PAGE) return byClient
  }
}

export function presentClient(
  { createdAt: _createdAt, scopes, defaultResourceServerId, ...client }: ListedClient,
  servers: readonly ResourceServer[],
  credentials: readonly StoredCredential[],
): PresentClient {
  return {
    ...client,
    defaultResourceServer: servers.find(({ id }) => id === defaultResourceServerId)?.identifier,
    scopes: scopes.filter(({ byDefault }) => byDefault).map(({ scope }) => scope),
    optionalScopes: scopes.filter(({ byDefault }) => !byDefault).map(({ scope }) => scope),
    credentials,
  }
}

async function readBuried(
  connection: TenantConnection,
  region: Region,
  workspaceId: WorkspaceId,
  { clients, resourceServers }: WantedWorkspace,
): Promise<Buried> {
  const store = tombstoneStore(connection, region, workspaceId)
  const identifiers = resourceServers.map(({ identifier }) => identifier)
  const buriedClients = new Set<string>()
  for (let from = 0; from < clients.length; from += PAGE) {
    const ids = clients.slice(from, from + PAGE).map(({ id }) => id)
    for (const name of await store.listBuried('client', ids)) buriedClients.add(name)
  }
  return {
    clients: buriedClients,
    resourceServers: new Set(await store.listBuried('resource_server', identifiers)),
  }
}
