/** Why an attempt fails, in this order: nobody there, a wrong secret, and only then what state all is in. Pure. */
import type { Workspace } from '../tenancy/tenant.ts'
import type { Credential, KnownClient } from './client.ts'
import type { Presented } from './credentials.ts'
import { lifeFault } from './life-fault.ts'
import { isWithinNetworks } from './networks.ts'
import type { AuthenticationFault } from './refusal.ts'

type AskedFor = { readonly presented: Presented; readonly workspace: Workspace; readonly peer: string }

/** @param right whether the secret is, where a credential was found */
export function attemptFault(
  { presented: { method }, workspace, peer }: AskedFor,
  client: KnownClient | undefined,
  credential: Credential | undefined,
  right: boolean,
  now: number,
): AuthenticationFault | undefined {
  if (client === undefined) return 'unknown_client'
  if (credential === undefined) return 'unknown_credential'
  if (!right) return 'wrong_secret'
  const ended = lifeFault(client, credential, now)
  if (ended !== undefined) return ended
  if (workspace.disabled === true) return 'workspace_disabled'
  if (workspace.tenant.suspended === true) return 'tenant_suspended'
  if (!isWithinNetworks(peer, client.allowedNetworks)) return 'network_not_allowed'
  if (client.strictAuthMethod && client.tokenEndpointAuthMethod !== method) return 'method_not_registered'
  return undefined
}
