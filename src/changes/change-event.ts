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
  | 'tenant_suspended'
  | 'tenant_resumed'
  | 'tenant_deleted'
  | 'tenant_restored'
  | 'quotas_set'
  /** Changes that were made after the backup are gone: `details` says of which time, and how many are known. */
  | 'database_restored'
  | 'operator_recovered'
  | 'administrator_added'
  | 'workspace_created'
  | 'workspace_changed'
  | 'workspace_enabled'
  | 'workspace_disabled'
  | 'workspace_deleted'
  | 'workspace_emptied'
  | 'resource_server_created'
  | 'resource_server_renamed'
  | 'resource_server_deleted'
  | 'scopes_added'
  | 'scope_removed'
  | 'signing_chosen'
  | 'client_created'
  | 'client_changed'
  | 'client_enabled'
  | 'client_disabled'
  | 'client_deleted'
  | 'scopes_granted'
  | 'scopes_withdrawn'
  | 'secret_created'
  | 'secret_rotated'
  | 'secret_replaced'
  | 'replacement_used'
  | 'credential_changed'
  | 'credential_revoked'
  | 'keys_changed'
  /** Of many at once, each told of before it. */
  | 'document_applied'
  | 'resource_server_changed'
  | 'scope_changed'
  | 'secret_imported'
  /** Of a tenant, of a workspace, or of a client: `details.of` says which. */
  | 'limit_set'
