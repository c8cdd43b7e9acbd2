/** What is observed of a change that was made: enough to make an end again that a restored backup does not know of. */
import type { ChangeEvent } from '../changes/change-event.ts'
import type { Observation } from '../observe/observation.ts'
import type { AdminRoute } from './route.ts'

type Made = {
  readonly event: ChangeEvent
  readonly requestId: string
  readonly actor: string
  readonly region: string
  /** The caller's. */
  readonly tenant: string
  readonly route: Pick<AdminRoute, 'api'>
  readonly params: Readonly<Record<string, string>>
}

export function changeMade({ event, requestId, actor, region, tenant, route, params }: Made): Observation {
  const { action, subject, workspaceId, details: { credentialId, scopes, revoked } = {} } = event
  return {
    type: 'change_made',
    requestId,
    actor,
    region,
    // Operators change tenants that are not their own.
    tenant: route.api === 'tenant' ? tenant : (params.tenant ?? subject),
    action,
    subject,
    ...(workspaceId !== undefined && { workspaceId }),
    ...(typeof credentialId === 'string' && { credentialId }),
    ...(typeof revoked === 'string' && { kid: revoked }),
    ...(Array.isArray(scopes) && { scopes: scopes.map(String) }),
  }
}
