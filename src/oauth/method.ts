/** The methods that a URL takes, RFC 9110 §9.1. */
import { OAuthError } from './error.ts'

/** @throws OAuthError 405, with those that are allowed (§15.5.6) */
export function requireMethod(method: string, allowed: readonly string[]): void {
  if (!allowed.includes(method)) {
    const allow = allowed.join(', ')
    throw new OAuthError('invalid_request', 'method_not_allowed', `this URL takes ${allow} only`, {
      status: 405,
      headers: { Allow: allow },
    })
  }
}
