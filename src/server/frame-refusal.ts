/**
 * Answers what is no HTTP message (RFC 9112 §2.2): once, in our shape, behind the answers to what came before it on the
 * connection, which is then closed. A message that has its answer gets no second one when its body turns out broken
 * or late: a proxy in front would take that for the answer to the next request.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { refusalOf } from '../endpoints/answer.ts'
import type { Reply } from '../exchange.ts'
import { newRandomId } from '../ids.ts'
import { OAuthError } from '../oauth/error.ts'
import type { Observe } from '../observe/observation.ts'
import { plainAddress, type Caller } from './peer.ts'
import { printHeaders, type WriteReply } from './write-reply.ts'

type Needs = {
  readonly readCaller: (request: IncomingMessage) => Caller
  readonly observe: Observe
  readonly writeReply: WriteReply
  readonly securityHeaders: readonly string[]
}

/** Milliseconds for which a caller may go on sending while it is told that its connection is closed (RFC 9112 §9.6). */
const LINGER = 1000

export function frameRefusals({ readCaller, observe, writeReply, securityHeaders }: Needs) {
  const latest = new WeakMap<Socket, { request: IncomingMessage; response: ServerResponse }>()
  const refused = new WeakSet<Socket>()

  const refuseBody = (code: string, request: IncomingMessage, response: ServerResponse) => {
    if (response.headersSent) {
      afterwards(response, () => request.socket.destroySoon())
      return
    }
    const caller = readCaller(request)
    const reply = refusalOf(frameRefusal(code), caller, observe)
    const headers = { ...reply.headers, Connection: 'close' }
    writeReply(request, response, { ...reply, headers }, caller.requestId)
  }

  const refuseFrame = (code: string, socket: Socket) => {
    if (!socket.writable) {
      socket.destroy()
      return
    }
    const caller = { requestId: newRandomId(), peer: plainAddress(socket.remoteAddress ?? '') }
    const reply = refusalOf(frameRefusal(code), caller, observe)
    socket.end(printReply(reply, caller.requestId, securityHeaders))
    const timer = setTimeout(() => socket.destroy(), LINGER).unref()
    socket.once('close', () => clearTimeout(timer))
  }

  return {
    /** To be told of each message whose headers could be read. */
    note(request: IncomingMessage, response: ServerResponse): void {
      latest.set(request.socket, { request, response })
    },

    refuse({ code = '' }: { code?: string | undefined }, socket: Socket): void {
      // Whatever follows a broken frame is broken too.
      if (refused.has(socket)) return
      refused.add(socket)
      // Whoever reset the connection has no address any more, whatever was wrong with what came before.
      if (!socket.writable || code === 'ECONNRESET' || socket.remoteAddress === undefined) {
        socket.destroy()
        return
      }
      const last = latest.get(socket)
      if (last === undefined) refuseFrame(code, socket)
      else if (!last.request.complete) refuseBody(code, last.request, last.response)
      else afterwards(last.response, () => refuseFrame(code, socket))
    },
  }
}

/** Pipelined answers leave in the order of their requests: behind the latest one is behind all. */
function afterwards(response: ServerResponse, work: () => void): void {
  if (response.closed) work()
  else response.once('close', work)
}

function printReply(reply: Reply, requestId: string, securityHeaders: readonly string[]): string {
  const headers = {
    ...reply.headers,
    Date: new Date().toUTCString(),
    Connection: 'close',
    'Content-Length': String(Buffer.byteLength(reply.body)),
  }
  const lines = printHeaders(securityHeaders, { ...reply, headers }, requestId).map((text, index) =>
    index % 2 === 0 ? `${text}: ` : `${text}\r\n`,
  )
  return `HTTP/1.1 ${reply.status} Refused\r\n${lines.join('')}\r\n${String(reply.body)}`
}

export function malformedMessage(): OAuthError {
  return new OAuthError('invalid_request', 'malformed_message', 'this is no well-formed HTTP/1.1 request', {
    headers: { Connection: 'close' },
  })
}

function frameRefusal(code: string): OAuthError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new OAuthError(
        'invalid_request',
        'headers_too_large',
        'the headers of the request are too large',
        { status: 431 },
      )
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new OAuthError('invalid_request', 'request_too_slow', 'the request did not arrive in time', {
        status: 408,
      })
    default:
      return malformedMessage()
  }
}
