/**
 * Every refusal that a client can receive. RFC 6749 §5.2 names the codes; RFC 8707 §2 adds `invalid_target`.
 * A refusal has two readers: the client sees `code` and `message`, the operator also sees `reason`, which
 * names the exact check, is listed in docs/errors.md, and is never sent.
 */
const STATUS = {
  invalid_request: 400,
  invalid_client: 401,
  invalid_scope: 400,
  invalid_target: 400,
  unauthorized_client: 400,
  unsupported_grant_type: 400,
  // Registered for the authorization endpoint (§4.1.2.1); no code is registered for a token endpoint at its limit.
  temporarily_unavailable: 503,
  server_error: 500,
} as const

export type OAuthErrorCode = keyof typeof STATUS

export class OAuthError extends Error {
  override readonly name = 'OAuthError'
  readonly code: OAuthErrorCode
  readonly reason: string
  readonly status: number
  readonly headers: Readonly<Record<string, string>>

  /**
   * @param reason which check refused, in snake_case: stable, searchable, never sent
   * @param message a literal sentence that says what to mend, in the alphabet of §5.2 (no quotes, no backslash),
   *   without a final stop: the request id follows it
   * @param answer what departs from §5.2's status for this code, and headers beside the usual ones
   */
  constructor(
    code: OAuthErrorCode,
    reason: string,
    message: string,
    answer: { status?: number; headers?: Readonly<Record<string, string>>; cause?: unknown } = {},
  ) {
    super(message, { cause: answer.cause })
    this.code = code
    this.reason = reason
    this.status = answer.status ?? STATUS[code]
    this.headers = answer.headers ?? {}
  }
}
