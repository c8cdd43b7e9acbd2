/** Replies in the shapes of the standards: RFC 6749 §5.1 for what was granted, §5.2 for every refusal. */
import type { Question, Reply } from '../exchange.ts'
import { OAuthError } from '../oauth/error.ts'
import type { Observe } from '../observe/observation.ts'

/** §5.1 asks for both on whatever holds a token or credentials; refusals are nobody else's business either. */
const NO_STORE = { 'Cache-Control': 'no-store', Pragma: 'no-cache' } as const

export function jsonReply(
  status: number,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): Reply {
  return {
    status,
    headers: { 'Content-Type': 'application/json', ...NO_STORE, ...headers },
    body: JSON.stringify(body),
  }
}

/**
 * Observes why a question is not answered, and says so. What is no refusal is a fault of ours: a bare `server_error`.
 * @param issuer where the question was addressed to, once that is known; a 401 names it in its challenge
 * @param endpoint the path of that which was asked, where one was
 */
export function refusalOf(
  error: unknown,
  { requestId, peer }: Pick<Question<unknown>, 'requestId' | 'peer'>,
  observe: Observe,
  issuer?: string,
  endpoint?: string,
): Reply {
  const refusal = error instanceof OAuthError ? error : undefined
  // Behind a 503 there is a fault too, and whoever mends it needs to see it.
  const fault = refusal === undefined ? error : refusal.status >= 500 ? refusal.cause : undefined
  if (fault !== undefined) observe({ type: 'server_error', requestId, error: fault })
  const { code, reason, status, message, headers } =
    refusal ??
    new OAuthError('server_error', 'server_error', 'this is a fault of the server, and it is logged')
  observe({
    type: 'request_refused',
    requestId,
    peer,
    status,
    code,
    reason,
    ...(issuer !== undefined && { issuer }),
    ...(endpoint !== undefined && { endpoint }),
  })
  const refused = { error: code, error_description: `${message} (request ${requestId})` }
  const reply = jsonReply(status, refused, {
    ...(status === 401 && { 'WWW-Authenticate': printChallenge(issuer ?? 'regent', refused) }),
    ...headers,
  })
  return { ...reply, reason }
}

/**
 * §5.2: a 401 carries the challenge of the scheme that was used, and Basic is the only one there is. It says what the body
 * says, since some clients read nothing else of a 401; parameters that a scheme does not know are passed over (RFC 9110
 * §11.2). No value needs escaping: §5.2's alphabet has neither quotes nor backslashes, and an issuer has none.
 */
function printChallenge(realm: string, refused: { error: string; error_description: string }): string {
  const { error, error_description: description } = refused
  return `Basic realm="${realm}", charset="UTF-8", error="${error}", error_description="${description}"`
}
