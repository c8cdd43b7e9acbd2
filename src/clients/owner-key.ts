/** Which credential of which client, as a key of what a process remembers: never less than region, tenant and workspace. */
import type { Brand } from '../ids.ts'
import type { DigestOwner } from './digest.ts'

export type OwnerKey = Brand<string, 'OwnerKey'>

/** Client and credential ids have no slash (`isClientId`). */
export function ownerKey({ region, tenantId, workspaceId, clientId, credentialId }: DigestOwner): OwnerKey {
  return `${region}/${tenantId}/${workspaceId}/${clientId}/${credentialId}` as OwnerKey
}
