/**
 * The plan: from what a tenant should be and what it is to the steps between, in the order to read them. What is there and not
 * wanted stays, unless it is to be pruned. Pure; yields `undefined` where there is nothing to do, so that whoever takes ten thousand
 * of them can do something else in between.
 */
import type { ResourceIdentifier } from '../../oauth/resource.ts'
import type { ScopeToken } from '../../oauth/scope.ts'
import type { WorkspaceSlug } from '../../tenancy/slug.ts'
import { planCredentials } from './plan-credentials.ts'
import { difference, type PlanFault, type Planned } from './step.ts'
import { clientValues, serverValues, settingsOf, workspaceValues } from './values.ts'
import {
  NOTHING_BURIED,
  type PresentTenant,
  type PresentWorkspace,
  type WantedClient,
  type WantedResourceServer,
  type WantedWorkspace,
} from './wanted.ts'

type Path = PlanFault['path']

type Place = {
  readonly slug: WorkspaceSlug
  readonly path: Path
  readonly prune: boolean
  readonly present: PresentWorkspace | undefined
}

/** @param prune what is there and not wanted ends */
export function* planTenant(
  wanted: readonly WantedWorkspace[],
  present: PresentTenant,
  prune: boolean,
): Generator<Planned> {
  for (const [index, workspace] of wanted.entries()) {
    const { slug } = workspace
    const found = present.workspaces.get(slug)
    const path: Path = ['workspaces', index]
    if (found === undefined && present.takenSlugs.has(slug)) {
      yield fault([...path, 'slug'], 'name_taken', `the name ${slug} was given out before: choose another`)
      continue
    }
    yield planWorkspace(workspace, found)
    const place: Place = { slug, path, prune, present: found }
    const buried = present.buried.get(slug) ?? NOTHING_BURIED
    yield* planServers(workspace, place, buried.resourceServers)
    yield* planClients(workspace, place, buried.clients)
  }
  const names = new Set(wanted.map(({ slug }) => slug))
  for (const [slug, { workspace }] of present.workspaces) {
    if (names.has(slug)) continue
    const what = { kind: 'workspace', workspace: slug, name: slug } as const
    yield { ...what, of: { do: prune ? 'delete' : 'keep', present: workspace } }
  }
}

function planWorkspace(wanted: WantedWorkspace, found: PresentWorkspace | undefined): Planned {
  const { slug, settings, disabled } = wanted
  const after = workspaceValues({ ...settings, disabled })
  const what = { kind: 'workspace', workspace: slug, name: slug } as const
  if (found === undefined) return { ...what, of: { do: 'create', wanted }, after }
  const differs = difference(workspaceValues(settingsOf(found.workspace)), after)
  return differs && { ...what, of: { do: 'update', wanted, present: found.workspace }, ...differs }
}

function* planServers(
  { resourceServers }: WantedWorkspace,
  place: Place,
  buried: ReadonlySet<string>,
): Generator<Planned> {
  const { slug, present, prune } = place
  for (const [index, wanted] of resourceServers.entries()) {
    const path = [...place.path, 'resourceServers', index]
    const { identifier } = wanted
    const what = { kind: 'resource_server', workspace: slug, name: identifier } as const
    const found = present?.resourceServers.get(identifier)
    if (found === undefined && buried.has(identifier))
      yield fault([...path, 'identifier'], 'name_taken', `${identifier} was given out before: choose another`)
    if (found === undefined) {
      const scopes = wanted.scopes.map(({ token }) => token)
      yield { ...what, of: { do: 'create', wanted }, after: { ...serverValues(wanted), scopes } }
    } else {
      const differs = difference(serverValues(found), serverValues(wanted))
      yield differs && { ...what, of: { do: 'update', wanted, present: found }, ...differs }
    }
    yield* planScopes(wanted, path, place)
  }
  const names = new Set(resourceServers.map(({ identifier }) => identifier))
  for (const [identifier, found] of present?.resourceServers ?? []) {
    if (names.has(identifier)) continue
    // What it owns ends with it, or stays with it.
    const what = { kind: 'resource_server', workspace: slug, name: identifier } as const
    yield { ...what, of: { do: prune ? 'delete' : 'keep', present: found } }
  }
}

function* planScopes(
  { identifier, scopes }: WantedResourceServer,
  path: Path,
  { slug, present, prune }: Place,
): Generator<Planned> {
  const owner = present?.resourceServers.get(identifier)
  const what = { kind: 'scope', workspace: slug, owner: identifier } as const
  for (const [index, wanted] of scopes.entries()) {
    const { token, description } = wanted
    const found = present?.scopes.get(token)
    if (found !== undefined && found.resourceServerId !== owner?.id) {
      const detail = `${token} belongs to another resource server of this workspace: take it away there first`
      yield fault([...path, 'scopes', index, 'token'], 'name_taken', detail)
    } else if (found === undefined) {
      // With its resource server, where that is new.
      yield owner && { ...what, name: token, of: { do: 'create', wanted }, after: { description } }
    } else {
      const differs = difference({ description: found.description }, { description })
      yield differs && { ...what, name: token, of: { do: 'update', wanted, present: found }, ...differs }
    }
  }
  const tokens = new Set(scopes.map(({ token }) => token))
  for (const found of present?.scopes.values() ?? []) {
    if (found.resourceServerId !== owner?.id || tokens.has(found.token)) continue
    yield { ...what, name: found.token, of: { do: prune ? 'delete' : 'keep', present: found } }
  }
}

function* planClients(
  workspace: WantedWorkspace,
  { slug, path: above, present, prune }: Place,
  buried: ReadonlySet<string>,
): Generator<Planned> {
  const { clients } = workspace
  const known = knownNames(workspace, present, prune)
  for (const [index, wanted] of clients.entries()) {
    const path = [...above, 'clients', index]
    const found = present?.clients.get(wanted.id)
    if (found === undefined && buried.has(wanted.id))
      yield fault([...path, 'id'], 'name_taken', `${wanted.id} was given out before: choose another`)
    yield* unknownNames(wanted, path, known)
    const what = { kind: 'client', workspace: slug, name: wanted.id } as const
    const after = clientValues(wanted)
    if (found === undefined) yield { ...what, of: { do: 'create', wanted }, after }
    else {
      const differs = difference(clientValues(found), after)
      yield differs && { ...what, of: { do: 'update', wanted, present: found }, ...differs }
    }
    yield* planCredentials(slug, wanted, found?.credentials ?? [], path, prune)
  }
  const ids = new Set(clients.map(({ id }) => id))
  for (const [id, found] of present?.clients ?? []) {
    if (ids.has(id)) yield undefined
    else {
      const what = { kind: 'client', workspace: slug, name: id } as const
      yield { ...what, of: { do: prune ? 'delete' : 'keep', present: found } }
    }
  }
}

type Known = {
  readonly servers: ReadonlySet<ResourceIdentifier>
  readonly scopes: ReadonlySet<ScopeToken>
}

/** What clients may be granted: what is wanted, and what stays. */
function knownNames(
  { resourceServers }: WantedWorkspace,
  present: PresentWorkspace | undefined,
  prune: boolean,
): Known {
  const servers = new Set(resourceServers.map(({ identifier }) => identifier))
  const scopes = new Set(resourceServers.flatMap((server) => server.scopes.map(({ token }) => token)))
  if (prune) return { servers, scopes }
  for (const identifier of present?.resourceServers.keys() ?? []) servers.add(identifier)
  for (const token of present?.scopes.keys() ?? []) scopes.add(token)
  return { servers, scopes }
}

function* unknownNames(
  { scopes, optionalScopes, defaultResourceServer: server }: WantedClient,
  path: Path,
  known: Known,
): Generator<Planned> {
  for (const [field, tokens] of Object.entries({ scopes, optionalScopes })) {
    for (const [index, token] of tokens.entries()) {
      if (known.scopes.has(token)) continue
      const detail = `no resource server of this workspace owns the scope ${token}`
      yield fault([...path, field, index], 'unknown_scope', detail)
    }
  }
  if (server === undefined || known.servers.has(server)) return
  const detail = `this workspace has no resource server ${server}`
  yield fault([...path, 'defaultResourceServer'], 'unknown_resource_server', detail)
}

function fault(path: Path, reason: string, detail: string): Planned {
  return { fault: { path, reason, detail } }
}
