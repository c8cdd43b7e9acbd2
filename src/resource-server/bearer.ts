/**
 * Reads the bearer token of a request, RFC 6750 §2.1. Only the Authorization header counts: tokens in a form
 * (§2.2) or in a query (§2.3) end up in logs and are ignored.
 */
import type { IncomingMessage } from 'node:http'
import { Refusal } from './refusal.ts'

const BEARER_SCHEME = /^bearer(?: |$)/i
// §2.1: credentials = "Bearer" 1*SP b64token
const BEARER_CREDENTIALS = /^bearer +(?<token>[A-Za-z0-9._~+/-]+=*)$/i

export function readBearerToken(request: IncomingMessage): string {
  // `headers.authorization` would be the first of several, and the next server may look at the last.
  const [authorization, ...others] = request.headersDistinct['authorization'] ?? []
  if (others.length > 0) {
    throw new Refusal('invalid_request', 'the request has more than one Authorization header')
  }
  // §3.1: a request without a token, or with another scheme, is told the scheme and no error.
  if (authorization === undefined || !BEARER_SCHEME.test(authorization)) {
    throw new Refusal(undefined, 'this API needs a bearer access token in the Authorization header')
  }
  const token = BEARER_CREDENTIALS.exec(authorization)?.groups?.['token']
  if (token === undefined) {
    throw new Refusal(
      'invalid_request',
      'the Authorization header is not of the form: Bearer, a space, one token',
    )
  }
  return token
}
