/** Writes a reply to a response of Node's, with what every answer carries. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Reply } from '../exchange.ts'

export function writeReply(
  request: IncomingMessage,
  response: ServerResponse,
  reply: Reply,
  requestId: string,
): void {
  const body = typeof reply.body === 'string' ? Buffer.from(reply.body) : reply.body
  response.writeHead(reply.status, {
    ...reply.headers,
    'X-Request-Id': requestId,
    // RFC 9110 §8.6: of a 304 there is nothing to count.
    ...(reply.status !== 304 && { 'Content-Length': body.length }),
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}
