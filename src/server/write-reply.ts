/** Writes a reply to a response of Node's, with what every answer carries: the one way out of both doors. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Reply } from '../exchange.ts'
import type { Pages } from '../pages/pages.ts'

/** Milliseconds. */
const STALLED = 120_000

export type WriteReply = (
  request: IncomingMessage,
  response: ServerResponse,
  reply: Reply,
  requestId: string,
) => void

type Needs = {
  readonly securityHeaders: readonly string[]
  /** The same, of pages. */
  readonly pageSecurityHeaders: readonly string[]
  readonly pages: Pick<Pages, 'refusalFor'>
  /** Once it says so, each answer asks its caller to open another connection, elsewhere. */
  readonly isDraining: () => boolean
}

export function replyWriter({ securityHeaders, pageSecurityHeaders, pages, isDraining }: Needs): WriteReply {
  return (request, response, answer, requestId) => {
    // Whether a browser looks is asked of what was refused only.
    const reply = answer.reason === undefined ? answer : pages.refusalFor(answer, askedBy(request, requestId))
    const { body } = reply
    const table = reply.page === true ? pageSecurityHeaders : securityHeaders
    const headers = printHeaders(table, reply, requestId)
    // RFC 9110 §8.6: of a 304 there is nothing to count.
    if (reply.status !== 304 && reply.stream === undefined)
      headers.push('Content-Length', String(Buffer.byteLength(body)))
    if (isDraining() && !('Connection' in reply.headers)) headers.push('Connection', 'close')
    response.writeHead(reply.status, headers)
    if (reply.stream !== undefined) {
      writeStream(reply.stream, response)
      return
    }
    // A text leaves together with the headers, in one write.
    response.end(request.method === 'HEAD' ? undefined : body)
  }
}

function askedBy({ method = '', headers }: IncomingMessage, requestId: string) {
  const { accept, authorization } = headers
  return { method, accept, authorized: authorization !== undefined, requestId }
}

/** As fast as its caller takes it; one who takes nothing for so long is not waited for. What breaks off has no last line. */
function writeStream(stream: AsyncIterable<string>, response: ServerResponse): void {
  response.setTimeout(STALLED, () => response.destroy())
  pipeline(Readable.from(stream, { objectMode: false }), response).catch(() => response.destroy())
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
