/** What an administrative API answers when it refuses: problem details, RFC 9457, with a `reason` that is stable. */
import { ChangeRefusal } from '../changes/refusal.ts'
import type { Question, Reply } from '../exchange.ts'
import { OAuthError } from '../oauth/error.ts'
import type { Observe } from '../observe/observation.ts'
import { isUnavailable } from '../storage/transaction.ts'

export type Fault = {
  /** RFC 6901, into the body; `?name` for a parameter of the query. */
  readonly pointer: string
  readonly detail: string
}

export class Problem extends Error {
  override readonly name = 'Problem'
  readonly status: number
  readonly reason: string
  readonly errors: readonly Fault[]
  readonly headers: Readonly<Record<string, string>>

  /**
   * @param reason which check refused, in snake_case: sent, and listed in docs/errors.md
   * @param detail a sentence that says what to mend
   */
  constructor(
    status: number,
    reason: string,
    detail: string,
    more: { errors?: readonly Fault[]; headers?: Readonly<Record<string, string>>; cause?: unknown } = {},
  ) {
    super(detail, { cause: more.cause })
    this.status = status
    this.reason = reason
    this.errors = more.errors ?? []
    this.headers = more.headers ?? {}
  }
}

/** The same for what is not there and for what is another tenant's. */
export function notFound(): Problem {
  return new Problem(404, 'not_found', 'nothing of this name is here')
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not found',
  405: 'Method not allowed',
  409: 'Conflict',
  412: 'Precondition failed',
  413: 'Content too large',
  415: 'Unsupported media type',
  421: 'Misdirected request',
  422: 'Unprocessable content',
  429: 'Too many requests',
  500: 'Server error',
  503: 'Unavailable',
}

/** Observes why a question is not answered, and says so. What is no refusal is a fault of ours. */
export function problemReply(
  error: unknown,
  { requestId, peer }: Pick<Question<unknown>, 'requestId' | 'peer'>,
  observe: Observe,
  endpoint?: string,
  actor?: string,
): Reply {
  const problem = toProblem(error)
  const { status, reason, message: detail, errors, headers } = problem
  const fault = status < 500 ? undefined : (problem.cause ?? error)
  if (fault !== undefined && fault !== problem) observe({ type: 'server_error', requestId, error: fault })
  observe({
    type: 'request_refused',
    requestId,
    peer,
    status,
    code: 'problem',
    reason,
    ...(endpoint !== undefined && { endpoint }),
    ...(actor !== undefined && { actor }),
  })
  return {
    status,
    headers: { 'Content-Type': 'application/problem+json', 'Cache-Control': 'no-store', ...headers },
    body: JSON.stringify({
      type: `urn:regent:problem:${reason}`,
      title: TITLES[status] ?? 'Refused',
      status,
      detail,
      reason,
      ...(errors.length > 0 && { errors }),
      request_id: requestId,
    }),
    reason,
  }
}

function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  if (error instanceof ChangeRefusal) return fromChange(error)
  // What stands before every door: an address, a frame, a body.
  if (error instanceof OAuthError)
    return new Problem(error.status, error.reason, error.message, {
      headers: error.headers,
      cause: error.cause,
    })
  if (isOutcomeUnknown(error)) {
    return new Problem(
      503,
      'outcome_unknown',
      'whether this was done is not known: repeat it with the same Idempotency-Key',
      { headers: { 'Retry-After': '5' }, cause: error },
    )
  }
  if (isUnavailable(error)) {
    return new Problem(503, 'database_unavailable', 'try again in a few seconds', {
      headers: { 'Retry-After': '5' },
      cause: error,
    })
  }
  return new Problem(500, 'server_error', 'this is a fault of the server, and it is logged', { cause: error })
}

/** Reasons of changes that are about the state that something is in; the others are about what was sent. */
const CONFLICTS: ReadonlySet<string> = new Set([
  'name_taken',
  'state_conflict',
  'key_too_young',
  'quota_exceeded',
  'too_many_credentials',
  'in_use',
  'built_in',
])

const NOT_THERE: ReadonlySet<string> = new Set([
  'unknown_client',
  'unknown_credential',
  'unknown_key',
  'unknown_resource_server',
  'unknown_tenant',
  'unknown_workspace',
])

function fromChange({ field, reason, message, cause }: ChangeRefusal): Problem {
  if (CONFLICTS.has(reason)) return new Problem(409, reason, message, { cause })
  // What the path named was there a moment ago.
  if (NOT_THERE.has(reason) && ['id', 'kid', 'workspace', 'tenant'].includes(field)) return notFound()
  const name = snakeCase(field)
  const detail = message.replaceAll(field, name)
  return new Problem(422, reason, detail, { errors: [{ pointer: `/${name}`, detail }], cause })
}

export function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

function isOutcomeUnknown(error: unknown): boolean {
  return Object(error).code === 'ETIMEDOUT'
}
