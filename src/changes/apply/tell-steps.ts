/** What the audit trail tells of each step: never a hash. Pure. */
import type { WorkspaceId } from '../../ids.ts'
import type { ChangeAction, ChangeEvent } from '../change-event.ts'
import type { Step } from './step.ts'

const ACTIONS: Readonly<Record<Step['kind'], Readonly<Partial<Record<Step['of']['do'], ChangeAction>>>>> = {
  workspace: { create: 'workspace_created', update: 'workspace_changed', delete: 'workspace_deleted' },
  resource_server: {
    create: 'resource_server_created',
    update: 'resource_server_changed',
    delete: 'resource_server_deleted',
  },
  scope: { create: 'scopes_added', update: 'scope_changed', delete: 'scope_removed' },
  client: { create: 'client_created', update: 'client_changed', delete: 'client_deleted' },
  credential: { create: 'secret_imported', update: 'credential_changed', delete: 'credential_revoked' },
}

/** @returns undefined for what changes nothing */
export function eventOf(step: Step, workspaceId: WorkspaceId): ChangeEvent | undefined {
  const action = ACTIONS[step.kind][step.of.do]
  if (action === undefined) return undefined
  const { before, after } = step
  const values = step.of.do === 'update' ? { before, after } : after
  if (step.kind === 'credential')
    return { action, workspaceId, subject: step.client, details: { credentialId: step.name, ...values } }
  if (step.kind === 'scope')
    return { action, workspaceId, subject: step.owner, details: { scope: step.name, ...values } }
  return { action, workspaceId, subject: step.name, details: { ...values } }
}
