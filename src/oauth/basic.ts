/**
 * HTTP Basic as OAuth uses it, RFC 6749 §2.3.1 on top of RFC 7617: identifier and secret are each
 * form-urlencoded, joined by a colon and then put into base64.
 */
import { OAuthError } from './error.ts'
import { decodeFormValue } from './form.ts'

// Appendix A.1 and A.2: client-id = *VSCHAR, client-secret = *VSCHAR, VSCHAR = %x20-7E
const VSCHAR = /^[\x20-\x7e]*$/
const BASIC = /^basic +([A-Za-z0-9+/]+={0,2})$/i

/** @param authorization the value of the one Authorization header */
export function readBasic(authorization: string): { clientId: string; secret: string } {
  const encoded = BASIC.exec(authorization)?.[1]
  if (encoded === undefined) {
    throw malformed(
      'authorization_scheme',
      'Authorization must be Basic with base64 of client_id:client_secret',
    )
  }
  const decoded = Buffer.from(encoded, 'base64')
  // One value has one spelling: without this, several headers would mean the same credentials.
  if (decoded.toString('base64') !== encoded) {
    throw malformed('basic_base64', 'the Basic credentials are not canonical base64 with padding')
  }
  const text = decoded.toString('latin1')
  const colon = text.indexOf(':')
  if (colon === -1)
    throw malformed('basic_without_colon', 'the Basic credentials lack the colon after client_id')
  const clientId = decodePart(text.slice(0, colon))
  const secret = decodePart(text.slice(colon + 1))
  if (clientId === '') throw malformed('basic_without_client_id', 'the Basic credentials lack the client_id')
  if (secret === '') throw malformed('basic_without_secret', 'the Basic credentials lack the client_secret')
  return { clientId, secret }
}

export function isVschar(text: string): boolean {
  return VSCHAR.test(text)
}

function decodePart(text: string): string {
  let value: string | undefined
  try {
    value = decodeFormValue(text)
  } catch (cause) {
    if (!(cause instanceof OAuthError)) throw cause
  }
  if (value === undefined || !isVschar(value)) {
    throw malformed('basic_encoding', 'client_id and client_secret must be form-urlencoded before base64')
  }
  return value
}

// §5.2: credentials that were tried in the Authorization header are answered with 401 and the matching scheme.
function malformed(reason: string, message: string) {
  return new OAuthError('invalid_client', reason, message)
}
