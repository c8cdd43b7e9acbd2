/** The answer to whoever comes while too many wait for the same thing: bounded, so that strangers cannot fill memory. */
import { OAuthError } from '../oauth/error.ts'

export function tooManyWait(reason: 'too_many_waiting' | 'too_many_failing'): OAuthError {
  return new OAuthError('temporarily_unavailable', reason, 'try again in a second', {
    status: 429,
    headers: { 'Retry-After': '1' },
  })
}
