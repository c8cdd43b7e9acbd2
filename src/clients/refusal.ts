/** One answer for all that only the right client may know; the operator sees which check it was. */
import { OAuthError } from '../oauth/error.ts'

export type AuthenticationFault =
  | 'client_id_syntax'
  | 'client_disabled'
  | 'credential_expired'
  | 'credential_not_yet_valid'
  | 'credential_revoked'
  | 'method_not_registered'
  | 'network_not_allowed'
  | 'secret_form'
  | 'secret_syntax'
  | 'tenant_suspended'
  | 'unknown_client'
  | 'unknown_credential'
  | 'workspace_disabled'
  | 'wrong_secret'

export function authenticationFailed(reason: AuthenticationFault): OAuthError {
  return new OAuthError(
    'invalid_client',
    reason,
    'client authentication failed: check client_id and client_secret, and that host and path name the workspace of this client',
  )
}

/** @param retryAfter seconds */
export function tooManyAttempts(retryAfter: number): OAuthError {
  return new OAuthError(
    'temporarily_unavailable',
    'too_many_attempts',
    'too many failing attempts with this client_id from this address: ask again after the seconds that Retry-After names',
    { status: 429, headers: { 'Retry-After': String(retryAfter) } },
  )
}
