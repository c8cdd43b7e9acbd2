/** What had ended when the database was lost, of what a backup brings back: the sum of the changes, not each of them. Pure. */
import type { LostChange } from './trail.ts'

export type Ending = { readonly tenant: string; readonly at: number } & (
  | { readonly of: 'tenant'; readonly state: 'suspended' | 'deleted' }
  | { readonly of: 'workspace'; readonly workspaceId: string; readonly state: 'disabled' | 'deleted' }
  | { readonly of: 'key'; readonly workspaceId: string; readonly kid: string }
  | ({ readonly workspaceId: string; readonly clientId: string } & (
      | { readonly of: 'client'; readonly state: 'disabled' | 'deleted' }
      | { readonly of: 'credential'; readonly credentialId: string }
      | { readonly of: 'grant'; readonly scope: string }
    ))
)

/** In the order in which they came to be. What was given again later has not ended. */
export function endingsOf(lost: readonly LostChange[]): readonly Ending[] {
  const endings = new Map<string, Ending>()
  const ends = (key: string, ending: Ending) => {
    // Behind those that came before it.
    endings.delete(key)
    endings.set(key, ending)
  }
  for (const change of lost.toSorted((one, other) => one.at - other.at)) {
    const { at, tenant, action, subject, workspaceId, credentialId, kid, scopes = [] } = change
    const own = { at, tenant }
    const key = (of: string, id = '') => [tenant, workspaceId, of, subject, id].join(' ')
    const tenantKey = `${tenant} tenant`
    if (action === 'tenant_suspended' || action === 'tenant_restored')
      ends(tenantKey, { ...own, of: 'tenant', state: 'suspended' })
    if (action === 'tenant_deleted') ends(tenantKey, { ...own, of: 'tenant', state: 'deleted' })
    if (action === 'tenant_resumed') endings.delete(tenantKey)
    if (workspaceId === undefined) continue
    const inside = { ...own, workspaceId, clientId: subject }
    if (action === 'workspace_disabled')
      ends(key('workspace'), { ...own, of: 'workspace', workspaceId, state: 'disabled' })
    if (action === 'workspace_deleted')
      ends(key('workspace'), { ...own, of: 'workspace', workspaceId, state: 'deleted' })
    if (action === 'workspace_enabled') endings.delete(key('workspace'))
    if (action === 'keys_changed' && kid !== undefined)
      ends(key('key', kid), { ...own, of: 'key', workspaceId, kid })
    if (action === 'client_disabled') ends(key('client'), { ...inside, of: 'client', state: 'disabled' })
    if (action === 'client_deleted') ends(key('client'), { ...inside, of: 'client', state: 'deleted' })
    if (action === 'client_enabled') endings.delete(key('client'))
    if (action === 'credential_revoked' && credentialId !== undefined)
      ends(key('credential', credentialId), { ...inside, of: 'credential', credentialId })
    if (action === 'scopes_withdrawn')
      for (const scope of scopes) ends(key('grant', scope), { ...inside, of: 'grant', scope })
    if (action === 'scopes_granted') for (const scope of scopes) endings.delete(key('grant', scope))
  }
  return [...endings.values()]
}

/** For people: what it is, and what becomes of it. */
export function describeEnding(ending: Ending): string {
  const { tenant } = ending
  if (ending.of === 'tenant') return `tenant ${tenant}: ${ending.state}`
  if (ending.of === 'workspace') return `${tenant}, workspace ${ending.workspaceId}: ${ending.state}`
  if (ending.of === 'key') return `${tenant}, key ${ending.kid}: revoked`
  const client = `${tenant}, client ${ending.clientId}`
  if (ending.of === 'client') return `${client}: ${ending.state}`
  if (ending.of === 'credential') return `${client}, credential ${ending.credentialId}: revoked`
  return `${client}, scope ${ending.scope}: withdrawn`
}
