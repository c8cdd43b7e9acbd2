/** Writes a reply to a response of Node's, with what every answer carries: the one way out of both doors. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Reply } from '../exchange.ts'

export type WriteReply = (
  request: IncomingMessage,
  response: ServerResponse,
  reply: Reply,
  requestId: string,
) => void

type Needs = {
  readonly securityHeaders: readonly string[]
  /** Once it says so, each answer asks its caller to open another connection, elsewhere. */
  readonly isDraining: () => boolean
}

export function replyWriter({ securityHeaders, isDraining }: Needs): WriteReply {
  return (request, response, reply, requestId) => {
    const { body } = reply
    const headers = printHeaders(securityHeaders, reply, requestId)
    // RFC 9110 §8.6: of a 304 there is nothing to count.
    if (reply.status !== 304) headers.push('Content-Length', String(Buffer.byteLength(body)))
    if (isDraining() && !('Connection' in reply.headers)) headers.push('Connection', 'close')
    response.writeHead(reply.status, headers)
    // A text leaves together with the headers, in one write.
    response.end(request.method === 'HEAD' ? undefined : body)
  }
}

/** @returns names and values, one after the other, of what does not depend on the connection */
export function printHeaders(
  securityHeaders: readonly string[],
  { headers }: Reply,
  requestId: string,
): string[] {
  const printed = [...securityHeaders]
  for (const [name, value] of Object.entries(headers)) printed.push(name, value)
  printed.push('X-Request-Id', requestId)
  return printed
}
