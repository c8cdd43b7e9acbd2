/** What a route demands and a token grants: scope tokens, RFC 6749 §3.3. */
import type { AccessTokenClaims } from './access-token.ts'
import { Refusal } from './refusal.ts'

// §3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
const SCOPE_TOKEN = /^[\x21\x23-\x5b\x5d-\x7e]+$/

/** Finds a mistyped demand when the route is made, not when the first request comes. */
export function requireScopeTokens(scopeTokens: readonly string[]): void {
  for (const scopeToken of scopeTokens) {
    if (typeof scopeToken !== 'string' || !SCOPE_TOKEN.test(scopeToken)) {
      throw new TypeError(
        `requireToken: not a scope token (RFC 6749 section 3.3): ${JSON.stringify(scopeToken)}`,
      )
    }
  }
}

/** RFC 6750 §3.1: the token must grant every scope token of the route. */
export function requireScope(claims: AccessTokenClaims, scopeTokens: readonly string[]): void {
  const granted = readScope(claims)
  if (!scopeTokens.every((scopeToken) => granted.includes(scopeToken))) {
    const scope = scopeTokens.join(' ')
    throw new Refusal('insufficient_scope', 'the token does not grant the scope that this route needs', {
      scope,
    })
  }
}

/** RFC 9068 §2.2.3: `scope`, a string; an array `scp` is what some workspaces say instead. */
function readScope({ scope, scp }: AccessTokenClaims): readonly unknown[] {
  if (scope !== undefined) {
    return typeof scope === 'string' ? scope.split(' ') : []
  }
  return Array.isArray(scp) ? scp : []
}
