/** What must not stand in a URL, where logs and histories keep it (RFC 6749 §2.3.1). */
import { CREDENTIAL_PARAMETERS } from '../clients/credentials.ts'
import { OAuthError } from '../oauth/error.ts'
import { readParameterNames } from '../oauth/form.ts'

const NEVER_IN_QUERY: ReadonlySet<string> = new Set([
  ...CREDENTIAL_PARAMETERS,
  'grant_type',
  'scope',
  'resource',
])

export function requireCleanQuery(query: string | undefined): void {
  if (query !== undefined && readParameterNames(query).some((name) => NEVER_IN_QUERY.has(name))) {
    throw new OAuthError(
      'invalid_request',
      'credentials_in_query',
      'parameters belong into the body, never into the URL: treat a secret that was sent there as disclosed',
    )
  }
}
