/** A workspace as the model knows it: what was true of it, and when. Opens it, and reads of it what only the database knows. */
import type { ChangeNeeds } from '../../../src/changes/change.ts'
import { createResourceServer } from '../../../src/changes/create-resource-server.ts'
import { createWorkspace } from '../../../src/changes/create-workspace.ts'
import type { ClientId } from '../../../src/ids.ts'
import type { ResourceServer } from '../../../src/tenancy/resource-server.ts'
import type { WorkspaceSlug } from '../../../src/tenancy/slug.ts'
import type { Tenant, Workspace } from '../../../src/tenancy/tenant.ts'
import { INVOICES, ORDERS, RESOURCES, type ModelClient, type Resource } from './answer.ts'
import { history, type History } from './history.ts'
import type { Addressed, ModelNodes } from './nodes.ts'
import type { Operation } from './operations.ts'

/** Two tenants in each of two regions, each with the same slugs of workspaces. */
export const TENANTS = [
  ['acme', 'eu', { chosenSecrets: true, chosenDigests: true }],
  ['rival', 'eu', { chosenSecrets: true, chosenDigests: false }],
  ['acme', 'us', { chosenSecrets: true, chosenDigests: true }],
  ['rival', 'us', { chosenSecrets: false, chosenDigests: true }],
] as const
export const SLUGS = ['orders', 'depot'] as const
/** As they are numbered. */
export const PLACES = SLUGS.flatMap((slug) =>
  TENANTS.map(([tenant, region]) => `${tenant}.${region}/${slug}`),
)

/** The first workspaces of all tenants are there from the beginning. */
export function placeOf<Item>(places: readonly Item[], { kind, place }: Operation): Item {
  const found = places[kind === 'open workspace' ? TENANTS.length + (place % TENANTS.length) : place]
  if (found === undefined) throw new Error(`there is no place ${place}`)
  return found
}

export type Signing = { readonly algorithm: string; readonly type: string }
export type Keys = {
  /** Algorithm -> kid. */
  readonly active: Readonly<Record<string, string>>
  readonly published: readonly string[]
}

export type PlacedClient = {
  readonly id: ClientId
  readonly state: History<ModelClient | undefined>
  /** Secrets that it had once. */
  readonly revoked: string[]
}

export type Opened = {
  readonly workspace: Workspace
  readonly servers: Readonly<Record<Resource, ResourceServer>>
  readonly keys: History<Keys>
  /** Of the resource server of orders; the other one signs as its workspace does. */
  readonly signing: History<Signing>
  readonly limit: History<number | undefined>
}

export type Place = {
  readonly address: Addressed
  readonly tenant: Tenant
  readonly tenantLimit: History<number | undefined>
  readonly needs: ChangeNeeds
  readonly settings: { readonly chosenSecrets: boolean; readonly chosenDigests: boolean }
  readonly exists: History<boolean>
  /** Undefined before it is there. */
  opened: Opened | undefined
  /** By slot: the present one. */
  readonly clients: Map<number, PlacedClient>
}

export function newPlace(
  nodes: ModelNodes,
  tenant: Tenant,
  tenantLimit: Place['tenantLimit'],
  slug: string,
  settings: Place['settings'],
): Place {
  const region = tenant.region as 'eu' | 'us'
  return {
    address: { region, tenant: tenant.slug, workspace: slug as WorkspaceSlug },
    tenant,
    tenantLimit,
    needs: nodes.needs(region),
    settings,
    exists: history(nodes.tick, false),
    opened: undefined,
    clients: new Map(),
  }
}

export async function openPlace(nodes: ModelNodes, place: Place): Promise<void> {
  const { needs, tenant, settings, address } = place
  await place.exists.change(async () => {
    const { workspace } = await createWorkspace(needs, tenant, { slug: address.workspace, settings })
    const server = async (identifier: Resource) => {
      const scopes = Object.fromEntries(RESOURCES[identifier].map((token) => [token, '']))
      return (await createResourceServer(needs, workspace, { identifier, name: identifier, scopes }))
        .resourceServer
    }
    const servers = { [ORDERS]: await server(ORDERS), [INVOICES]: await server(INVOICES) }
    place.opened = {
      workspace,
      servers: servers as Opened['servers'],
      keys: history(nodes.tick, await readKeys(nodes, workspace)),
      signing: history<Signing>(nodes.tick, { algorithm: 'ES256', type: 'at+jwt' }),
      limit: history<number | undefined>(nodes.tick, undefined),
    }
    return true
  })
}

/** Kids are made in the database's transaction: which key signs is the word of the table. */
export async function readKeys(nodes: ModelNodes, { id }: Workspace): Promise<Keys> {
  const keys = await nodes.superuser<{ kid: string; algorithm: string; state: string }>(
    `select kid, algorithm, state from regent.signing_key
       where workspace_id = $1 and state in ('published', 'active', 'retired')`,
    [id],
  )
  return {
    active: Object.fromEntries(
      keys.filter(({ state }) => state === 'active').map(({ kid, algorithm }) => [algorithm, kid]),
    ),
    published: keys.map(({ kid }) => kid).toSorted(),
  }
}

/** As if their leads had passed. */
export async function ripenKeys(nodes: ModelNodes, { id }: Workspace): Promise<void> {
  await nodes.superuser(
    `update regent.signing_key set published_at = published_at - interval '9 days',
         may_sign_at = least(may_sign_at, now() - interval '1 day')
       where workspace_id = $1 and state = 'published'`,
    [id],
  )
}

/** Before it, no question can be asked any more. */
export function forgetBefore(place: Place, read: number): void {
  const { opened, exists, tenantLimit, clients } = place
  for (const one of [exists, tenantLimit, opened?.keys, opened?.signing, opened?.limit]) one?.forget(read)
  for (const { state } of clients.values()) state.forget(read)
}
