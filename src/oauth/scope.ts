/** Scope, RFC 6749 §3.3: always the whole set; one element is a scope token. */
import type { Brand } from '../ids.ts'
import { OAuthError } from './error.ts'

export type ScopeToken = Brand<string, 'ScopeToken'>
/** No token twice; the order is the one it was asked for or stored in, and means nothing (§3.3). */
export type Scope = readonly ScopeToken[]

// §3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
const SCOPE_TOKEN = /^[\x21\x23-\x5b\x5d-\x7e]+$/

export function isScopeToken(text: string): text is ScopeToken {
  return SCOPE_TOKEN.test(text)
}

/** §3.3: tokens parted by exactly one space. Refuses anything else as `invalid_scope` (§5.2: "malformed"). */
export function parseScope(text: string): Scope {
  const tokens = text.split(' ')
  if (!tokens.every(isScopeToken)) {
    throw new OAuthError(
      'invalid_scope',
      'scope_syntax',
      'scope is a list of scope tokens with exactly one space between two of them',
    )
  }
  return [...new Set(tokens)]
}

export function printScope(scope: Scope): string {
  return scope.join(' ')
}
