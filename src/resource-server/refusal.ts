/**
 * Everything with which a protected route turns a request away: the codes of RFC 6750 §3.1, no code at all where
 * the request brought no token, and 503 where this API is the one that cannot. Messages are literal sentences in
 * the alphabet of §3 (no quotes, no backslash) and never repeat what was sent.
 */
const STATUS = {
  invalid_request: 400,
  invalid_token: 401,
  insufficient_scope: 403,
  // Borrowed from RFC 6749 §4.1.2.1: RFC 6750 has no code for an API that cannot get the keys.
  temporarily_unavailable: 503,
} as const

export type RefusalCode = keyof typeof STATUS

/** What `verify` rejects with. `code` is undefined only where the request brought no bearer token. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: RefusalCode | undefined
  readonly status: number
  /** §3: the scope tokens that the route needs. */
  readonly scope: string | undefined
  /** Seconds, RFC 9110 §10.2.3. */
  readonly retryAfter: number | undefined

  constructor(
    code: RefusalCode | undefined,
    message: string,
    more: { scope?: string; retryAfter?: number; cause?: unknown } = {},
  ) {
    super(message, { cause: more.cause })
    this.code = code
    this.status = code === undefined ? 401 : STATUS[code]
    this.scope = more.scope
    this.retryAfter = more.retryAfter
  }
}
