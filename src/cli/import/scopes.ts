/** Scopes as another product had them, and whose they are here: a scope belongs to exactly one resource server. Pure. */
import { isScopeToken } from '../../oauth/scope.ts'
import type { ImportFault } from './report.ts'

/** Scopes that are about people (OpenID Connect), or about how tokens are kept alive. */
const OF_PEOPLE = new Set(['openid', 'offline_access', 'offline', 'profile', 'email', 'address', 'phone'])

const isTaken = (token: string): boolean =>
  isScopeToken(token) && token.length <= 200 && !OF_PEOPLE.has(token)

export function readScopes(tokens: readonly string[]): {
  taken: readonly string[]
  dropped: readonly string[]
} {
  const distinct = [...new Set(tokens)].filter((token) => token !== '')
  return { taken: distinct.filter(isTaken), dropped: distinct.filter((token) => !isTaken(token)) }
}

/** In words, where there are any. */
export function dropped(tokens: readonly string[]): readonly string[] {
  return tokens.length === 0 ? [] : [`without ${tokens.join(', ')}, of which there is none here`]
}

export function ownerFault(
  token: string,
  owner: string | undefined,
  audiences: readonly string[],
): ImportFault {
  if (owner !== undefined) {
    return {
      fault: `the scope ${token} belongs to ${owner}, which is no absolute URI`,
      mend: `Say --scope ${token}=URL`,
    }
  }
  const candidates = audiences.length === 0 ? '' : ` (the export names ${audiences.join(', ')})`
  return {
    fault: `nothing says whose the scope ${token} is`,
    mend: `Say --audience URL for the resource server that has the scopes, or --scope ${token}=URL${candidates}`,
  }
}
