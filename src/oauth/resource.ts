/** Resource indicators, RFC 8707 §2: absolute URIs that name resource servers, compared byte for byte. */
import type { Brand } from '../ids.ts'
import { OAuthError } from './error.ts'

export type ResourceIdentifier = Brand<string, 'ResourceIdentifier'>

const MAX_LENGTH = 512
// RFC 3986 §4.3: absolute-URI = scheme ":" hier-part [ "?" query ], in the characters that §2 allows. No fragment.
const ABSOLUTE_URI = /^[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9._~:/?[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+$/

export function isResourceIdentifier(text: string): text is ResourceIdentifier {
  return text.length <= MAX_LENGTH && ABSOLUTE_URI.test(text)
}

/** Refuses what is no absolute URI, or has a fragment, as `invalid_target` (§2). */
export function parseResource(text: string): ResourceIdentifier {
  if (!isResourceIdentifier(text)) {
    throw new OAuthError(
      'invalid_target',
      'resource_syntax',
      'resource must be an absolute URI without a fragment',
    )
  }
  return text
}
