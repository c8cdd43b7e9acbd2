/** What a change leaves behind in the audit trail and in the change feed. Types only. */
import type { WorkspaceId } from '../ids.ts'

/** What happened, in the past tense. Never holds a secret: it is kept for ever. */
export type ChangeEvent = {
  readonly action: ChangeAction
  readonly workspaceId?: WorkspaceId
  readonly subject: string
  readonly details?: Readonly<Record<string, unknown>>
}

export type ChangeAction =
  | 'tenant_created'
  | 'workspace_created'
  | 'resource_server_created'
  | 'signing_chosen'
  | 'client_created'
  | 'client_enabled'
  | 'client_disabled'
  | 'client_deleted'
  | 'scopes_granted'
  | 'scopes_withdrawn'
  | 'secret_created'
  | 'credential_revoked'
  | 'keys_changed'
  /** Of a tenant, of a workspace, or of a client: `details.of` says which. */
  | 'limit_set'
