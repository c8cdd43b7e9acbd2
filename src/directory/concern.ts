/** Which part of memory an entry of the feed concerns. A kind that is not known here concerns all that it can name. */
import type { ClientId } from '../ids.ts'
import type { FeedEntry } from './change-feed-store.ts'
import type { Concern } from './memory.ts'

const OF_CLIENT: ReadonlySet<string> = new Set([
  'client_created',
  'client_changed',
  'client_enabled',
  'client_disabled',
  'client_deleted',
  'scopes_granted',
  'scopes_withdrawn',
  'secret_created',
  'secret_rotated',
  'secret_replaced',
  'replacement_used',
  'credential_changed',
  'credential_revoked',
])
/** Of a workspace as such: what its clients were granted stays as it is. */
const OF_SETTINGS: ReadonlySet<string> = new Set([
  'workspace_created',
  'resource_server_created',
  'keys_changed',
  'workspace_changed',
  'resource_server_renamed',
  'scopes_added',
])

export function concernOf({
  kind,
  tenantId,
  workspaceId,
  subject,
}: Pick<FeedEntry, 'kind' | 'tenantId' | 'workspaceId' | 'subject'>): Concern {
  // A row that a later release, or damage, has left without its tenant.
  if (typeof tenantId !== 'string') return { of: 'region' }
  if (workspaceId === undefined) return { of: 'tenant', tenantId }
  if (OF_CLIENT.has(kind) && subject !== undefined) {
    return { of: 'client', tenantId, workspaceId, clientId: subject as ClientId }
  }
  return { of: OF_SETTINGS.has(kind) ? 'settings' : 'workspace', tenantId, workspaceId }
}
