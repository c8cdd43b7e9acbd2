/** Why a client cannot act by a credential of its own, right as that may be: one of the two lives no more, or not yet. Pure. */
import type { Credential, KnownClient } from './client.ts'
import type { AuthenticationFault } from './refusal.ts'

/** @param now seconds since 1970 */
export function lifeFault(
  client: Pick<KnownClient, 'state'>,
  { state, notBefore, expiresAt }: Credential,
  now: number,
): AuthenticationFault | undefined {
  if (state !== 'live') return 'credential_revoked'
  if (notBefore !== undefined && now < notBefore) return 'credential_not_yet_valid'
  if (expiresAt !== undefined && now >= expiresAt) return 'credential_expired'
  if (client.state !== 'enabled') return 'client_disabled'
  return undefined
}
