/** Carries a plan out, in the transaction that it was made in: workspaces, what they own, then who may ask for it. */
import { newResourceServerId, type ResourceServerId } from '../../ids.ts'
import { keyStore } from '../../keys/key-store.ts'
import { nextRotation } from '../../keys/rotation-schedule.ts'
import type { ResourceIdentifier } from '../../oauth/resource.ts'
import { databaseTime } from '../../storage/database-time.ts'
import type { TenantConnection } from '../../storage/transaction.ts'
import { resourceServerStore } from '../../tenancy/resource-server-store.ts'
import { scopeBatchStore } from '../../tenancy/scope-batch-store.ts'
import type { WorkspaceSlug } from '../../tenancy/slug.ts'
import { workspaceStore } from '../../tenancy/tenancy-store.ts'
import type { Tenant, Workspace } from '../../tenancy/tenant.ts'
import { tombstoneStore } from '../../tenancy/tombstone-store.ts'
import { workspaceSettingsStore } from '../../tenancy/workspace-settings-store.ts'
import type { ChangeNeeds } from '../change.ts'
import { newWorkspace } from '../create-workspace.ts'
import { BEGIN, MAINTAIN, takeKeySteps } from '../key-changes.ts'
import type { Step } from './step.ts'
import type { PresentTenant, PresentWorkspace, WantedWorkspace } from './wanted.ts'
import { inBatches, writeClients } from './write-clients.ts'

type StepOf<Kind extends Step['kind']> = Extract<Step, { readonly kind: Kind }>

/** @returns the workspaces that it wrote to, as they are then */
export async function writeSteps(
  needs: ChangeNeeds,
  connection: TenantConnection,
  tenant: Tenant,
  present: PresentTenant,
  steps: readonly Step[],
  onWritten: (steps: number) => void,
): Promise<ReadonlyMap<WorkspaceSlug, Workspace>> {
  const written = new Map<WorkspaceSlug, Workspace>()
  for (const [slug, own] of byWorkspace(steps)) {
    const found = present.workspaces.get(slug)
    const [first] = own
    if (first?.kind === 'workspace' && first.of.do === 'delete') {
      await workspaceSettingsStore(connection).updateWorkspaceState(first.of.present.id, 'deleted')
      written.set(slug, first.of.present)
      onWritten(1)
    } else {
      const workspace = await writeWorkspace(needs, connection, tenant, found, first)
      written.set(slug, workspace)
      await writeContent(needs, connection, workspace, found, own, onWritten)
    }
  }
  return written
}

function byWorkspace(steps: readonly Step[]): ReadonlyMap<WorkspaceSlug, readonly Step[]> {
  const groups = new Map<WorkspaceSlug, Step[]>()
  for (const step of steps) {
    const group = groups.get(step.workspace)
    if (group === undefined) groups.set(step.workspace, [step])
    else group.push(step)
  }
  return groups
}

async function writeWorkspace(
  needs: ChangeNeeds,
  connection: TenantConnection,
  tenant: Tenant,
  found: PresentWorkspace | undefined,
  step: Step | undefined,
): Promise<Workspace> {
  if (step?.kind === 'workspace' && step.of.do === 'create') {
    const { slug, settings, disabled } = step.of.wanted
    const workspace = newWorkspace(needs, tenant, slug, settings)
    await workspaceStore(connection).insertWorkspace(workspace)
    await writeSettings(connection, workspace, undefined, disabled)
    return workspace
  }
  if (found === undefined) throw new Error('a step of a plan is about a workspace that is not there')
  if (step?.kind !== 'workspace' || step.of.do !== 'update') return found.workspace
  const { settings, disabled } = step.of.wanted
  const workspace: Workspace = { ...found.workspace, ...settings }
  await writeSettings(connection, workspace, found.workspace, disabled)
  // What is out there may live longer now: no key goes before it has ended.
  await keyStore(connection, workspace.id).raiseMaxima(workspace.accessTokenLifetime, workspace.jwksMaxAge)
  return workspace
}

/** @param before undefined: it is new */
async function writeSettings(
  connection: TenantConnection,
  workspace: Workspace,
  before: Workspace | undefined,
  disabled: WantedWorkspace['disabled'],
): Promise<void> {
  const store = workspaceSettingsStore(connection)
  const { keyRotation } = workspace
  const due =
    keyRotation === before?.keyRotation
      ? undefined
      : { at: nextRotation(keyRotation, await databaseTime(connection)) }
  await store.updateWorkspace(workspace, due)
  if (disabled !== (before?.disabled === true))
    await store.updateWorkspaceState(workspace.id, disabled ? 'disabled' : 'enabled')
}

async function writeContent(
  needs: ChangeNeeds,
  connection: TenantConnection,
  workspace: Workspace,
  found: PresentWorkspace | undefined,
  steps: readonly Step[],
  onWritten: (steps: number) => void,
): Promise<void> {
  const servers = new Map<ResourceIdentifier, ResourceServerId>(
    [...(found?.resourceServers.values() ?? [])].map(({ id, identifier }) => [identifier, id]),
  )
  const ofServers = steps.filter((step) => step.kind === 'resource_server')
  const ofScopes = steps.filter((step) => step.kind === 'scope')
  await writeServers(connection, workspace, ofServers, servers)
  await writeScopes(connection, workspace, ofScopes, servers)
  const ofWhole = steps.some(({ kind }) => kind === 'workspace')
  if (ofWhole || ofServers.length > 0) {
    // Verifiers may lack the first key of an algorithm, unless whoever chose it is as new as the key.
    const chosenAnew = found !== undefined && (ofWhole || ofServers.some(({ of }) => of.do === 'update'))
    await takeKeySteps(needs, connection, workspace, chosenAnew ? MAINTAIN : BEGIN)
  }
  onWritten(steps.length - steps.filter(({ kind }) => kind === 'client' || kind === 'credential').length)
  const { region, actor } = needs
  await writeClients({ connection, region, workspaceId: workspace.id, servers, actor, onWritten }, steps)
  await endServers(needs, connection, workspace, ofServers, ofScopes, found)
}

async function writeServers(
  connection: TenantConnection,
  { id: workspaceId }: Workspace,
  steps: readonly StepOf<'resource_server'>[],
  servers: Map<ResourceIdentifier, ResourceServerId>,
): Promise<void> {
  const store = resourceServerStore(connection, workspaceId)
  for (const { of } of steps) {
    if (of.do === 'create') {
      const { scopes, ...wanted } = of.wanted
      const id = newResourceServerId()
      servers.set(wanted.identifier, id)
      await store.insertResourceServer({ id, ...wanted })
      await scopeBatchStore(connection, workspaceId).insertScopes(
        scopes.map((scope) => ({ ...scope, resourceServerId: id })),
      )
    } else if (of.do === 'update') {
      const { name, signingAlgorithm, jwtType } = of.wanted
      await store.updateName(of.present.id, name)
      await store.updateSigning(of.present.id, signingAlgorithm, jwtType)
    }
  }
}

async function writeScopes(
  connection: TenantConnection,
  { id: workspaceId }: Workspace,
  steps: readonly StepOf<'scope'>[],
  servers: ReadonlyMap<ResourceIdentifier, ResourceServerId>,
): Promise<void> {
  const many = scopeBatchStore(connection, workspaceId)
  const rows = (wanted: 'create' | 'update') =>
    steps.flatMap(({ owner, of }) => {
      const resourceServerId = servers.get(owner)
      return of.do === wanted && resourceServerId !== undefined ? [{ ...of.wanted, resourceServerId }] : []
    })
  await inBatches(rows('create'), (batch) => many.insertScopes(batch))
  await inBatches(rows('update'), (batch) => many.updateDescriptions(batch))
}

/** When nobody is granted anything of them any more. */
async function endServers(
  { region }: ChangeNeeds,
  connection: TenantConnection,
  { id: workspaceId }: Workspace,
  ofServers: readonly StepOf<'resource_server'>[],
  ofScopes: readonly StepOf<'scope'>[],
  found: PresentWorkspace | undefined,
): Promise<void> {
  const store = resourceServerStore(connection, workspaceId)
  const ended = ofServers.flatMap(({ of }) => (of.do === 'delete' ? [of.present] : []))
  const gone = new Set(ended.map(({ id }) => id))
  const scopes = [
    ...ofScopes.flatMap(({ of }) => (of.do === 'delete' ? [of.present] : [])),
    ...[...(found?.scopes.values() ?? [])].filter(({ resourceServerId }) => gone.has(resourceServerId)),
  ]
  for (const { resourceServerId, token } of scopes) await store.deleteScope(resourceServerId, token)
  for (const { id } of ended) await store.deleteResourceServer(id)
  const names = ended.map(({ identifier }) => identifier)
  if (names.length > 0)
    await tombstoneStore(connection, region, workspaceId).insertTombstones('resource_server', names)
}
