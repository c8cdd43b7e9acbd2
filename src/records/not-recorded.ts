/** What who waits for a row of the issuance log is told when there is none. */
import { OAuthError } from '../oauth/error.ts'

export function notRecorded(cause: unknown): OAuthError {
  return new OAuthError('temporarily_unavailable', 'issuance_not_recorded', 'try again in a moment', {
    headers: { 'Retry-After': '1' },
    cause,
  })
}
