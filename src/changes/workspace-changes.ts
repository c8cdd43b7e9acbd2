/** Changes of a workspace: its settings, whether its clients get tokens, its end. Its name and issuer stay taken for ever. */
import { keyStore } from '../keys/key-store.ts'
import { nextRotation } from '../keys/rotation-schedule.ts'
import { databaseTime } from '../storage/database-time.ts'
import type { TenantConnection } from '../storage/transaction.ts'
import { workspaceStore } from '../tenancy/tenancy-store.ts'
import type { Workspace } from '../tenancy/tenant.ts'
import { workspaceSettingsStore } from '../tenancy/workspace-settings-store.ts'
import { change, type Changed, type ChangeNeeds } from './change.ts'
import { requireSettings, type WorkspaceInput } from './create-workspace.ts'
import { MAINTAIN, takeKeySteps } from './key-changes.ts'
import { ChangeRefusal } from './refusal.ts'

export type WorkspaceSettings = NonNullable<WorkspaceInput['settings']>

/** Only what is named changes. A longer life of tokens raises what keys wait for, in the same transaction. */
export async function updateWorkspace(
  needs: ChangeNeeds,
  workspace: Workspace,
  patch: WorkspaceSettings,
): Promise<Changed<{ workspace: Workspace }>> {
  requireOrdinary(workspace)
  return change(needs, workspace.tenant.id, async (connection) => {
    const before = await requireWorkspace(connection, workspace)
    const after: Workspace = { ...before, ...patch }
    requireSettings(after)
    const dueAt =
      after.keyRotation === before.keyRotation
        ? undefined
        : { at: nextRotation(after.keyRotation, await databaseTime(connection)) }
    await workspaceSettingsStore(connection).updateWorkspace(after, dueAt)
    // What is out there may live longer now: no key goes before it has ended.
    await keyStore(connection, workspace.id).raiseMaxima(after.accessTokenLifetime, after.jwksMaxAge)
    await takeKeySteps(needs, connection, after, MAINTAIN)
    const changed = Object.keys(patch) as (keyof WorkspaceSettings)[]
    const only = (values: Workspace) =>
      Object.fromEntries(changed.map((name) => [name, values[name] ?? null]))
    return {
      value: { workspace: after },
      event: {
        action: 'workspace_changed',
        workspaceId: workspace.id,
        subject: workspace.slug,
        details: { before: only(before), after: only(after) },
      },
      breaks:
        before.chosenSecrets && !after.chosenSecrets
          ? ['clients with a chosen secret cannot authenticate any more']
          : [],
    }
  })
}

/** A disabled one issues no tokens, and its documents are served: what is out there stays valid until it ends. */
export async function setWorkspaceState(
  needs: ChangeNeeds,
  workspace: Workspace,
  state: 'enabled' | 'disabled' | 'deleted',
): Promise<Changed<object>> {
  requireOrdinary(workspace)
  return change(needs, workspace.tenant.id, async (connection) => {
    await requireWorkspace(connection, workspace)
    await workspaceSettingsStore(connection).updateWorkspaceState(workspace.id, state)
    const action = (
      { enabled: 'workspace_enabled', disabled: 'workspace_disabled', deleted: 'workspace_deleted' } as const
    )[state]
    return {
      value: {},
      event: { action, workspaceId: workspace.id, subject: workspace.slug },
      breaks:
        state === 'enabled'
          ? []
          : [
              'none of its clients gets a token any more',
              ...(state === 'deleted'
                ? ['its documents are gone at once: tokens that are out there fail']
                : []),
            ],
    }
  })
}

/** @throws ChangeRefusal where it is the built-in one */
export function requireOrdinary({ builtIn }: Workspace): void {
  if (builtIn === true) {
    throw new ChangeRefusal(
      'workspace',
      'built_in',
      'the built-in workspace stays as it is: make another one',
    )
  }
}

async function requireWorkspace(connection: TenantConnection, { id, slug }: Workspace): Promise<Workspace> {
  const found = await workspaceStore(connection).findWorkspace(slug)
  if (found === undefined || found.id !== id)
    throw new ChangeRefusal('workspace', 'unknown_workspace', 'workspace names no workspace of this tenant')
  return found
}
