/**
 * Answers a request that the front door let in: reads its body, asks the endpoint, writes the reply. Whichever door a
 * request takes, this is what stands behind it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { refusalOf } from '../endpoints/answer.ts'
import { openToAll, type WorkspaceEndpoint } from '../endpoints/workspace-endpoint.ts'
import type { Reply } from '../exchange.ts'
import { readBody } from './body.ts'
import type { Arrival } from './front-door.ts'
import type { RequestSpan, RequestSpans } from './request-spans.ts'
import { turnTaker } from './turn.ts'
import type { WriteReply } from './write-reply.ts'

type Needs = Parameters<typeof openToAll>[1] & {
  readonly writeReply: WriteReply
  /** Undefined: nobody asks for traces. */
  readonly spans?: RequestSpans | undefined
}

/** Never rejects: whatever goes wrong becomes an answer, or the end of the connection. */
export type AnswerRequest = (
  arrival: Arrival,
  request: IncomingMessage,
  response: ServerResponse,
) => Promise<void>

const NO_BODY = Buffer.alloc(0)

export function requestAnswerer({ directories, clock, observe, writeReply, spans }: Needs) {
  const endOfReading = turnTaker((requests) => observe({ type: 'turn_taken', requests }))
  const answered =
    (
      endpoint: string,
      find: (arrival: Arrival, request: IncomingMessage, span?: RequestSpan) => Promise<Reply | undefined>,
    ): AnswerRequest =>
    async (arrival, request, response) => {
      const arrived = performance.now()
      let span: RequestSpan | undefined
      let reply: Reply | undefined
      try {
        span = spans?.begin(endpoint, arrival, request)
        const found = span?.within(find, arrival, request) ?? find(arrival, request)
        reply = await found.catch((error: unknown) => refusalOf(error, arrival, observe, undefined, endpoint))
        // The frame was refused meanwhile, or nobody waits any more.
        if (response.headersSent) return
        if (reply === undefined || response.destroyed) {
          if (reply === undefined || reply.status < 400) observe({ type: 'request_abandoned', endpoint })
          return
        }
        writeReply(request, response, reply, arrival.requestId)
        const seconds = (performance.now() - arrived) / 1000
        observe({ type: 'request_answered', endpoint, status: reply.status, seconds })
      } catch (error) {
        observe({ type: 'server_error', requestId: arrival.requestId, error })
        response.destroy()
      } finally {
        span?.end(response, reply)
      }
    }

  return {
    fromEndpoint(endpoint: WorkspaceEndpoint): AnswerRequest {
      const ask = openToAll(endpoint, { directories, clock, observe })
      const takesBody = endpoint.methods.includes('POST')
      return answered(endpoint.path, async (arrival, request, span) => {
        const body = takesBody ? await readBody(request) : NO_BODY
        await endOfReading()
        return body && ask({ ...arrival, body }, span?.located)
      })
    },

    /** @param why an OAuthError, or what is a fault of ours */
    withRefusal: (why: unknown): AnswerRequest => answered('none', () => Promise.reject(why)),
  }
}
