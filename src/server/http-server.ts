/**
 * The HTTP server: Node's, with limits that keep a slow or greedy caller from holding it, the front door before Express,
 * and an answer in our shape even for what cannot be parsed.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { refusalOf } from '../endpoints/answer.ts'
import { OAuthError } from '../oauth/error.ts'
import { newRandomId } from '../ids.ts'
import type { Observe } from '../observe/observation.ts'
import type { Origin } from '../tenancy/origin.ts'
import { expressDoor } from './express-door.ts'
import { frontDoor, MAX_HEADERS, type Arrival } from './front-door.ts'
import { callerReader } from './peer.ts'

type Needs = Omit<Parameters<typeof expressDoor>[0], 'arrivalOf'> & {
  readonly origin: Origin
  readonly observe: Observe
  readonly trustedProxies: readonly string[]
  readonly limits: HttpLimits
  /** Once it says so, each answer asks its caller to open another connection, elsewhere. */
  readonly isDraining: () => boolean
}

/** What a caller may hold of a node; times in milliseconds. */
export type HttpLimits = {
  /** Longer than the idle time of balancers, so that they close connections and not we. */
  readonly keepAliveTimeout: number
  readonly headersTimeout: number
  readonly requestTimeout: number
  readonly maxConnections: number
}

export const DEFAULT_LIMITS: HttpLimits = {
  keepAliveTimeout: 75_000,
  headersTimeout: 5000,
  requestTimeout: 10_000,
  maxConnections: 10_000,
}

const MAX_HEADER_BYTES = 16 * 1024

/** Not listening yet. */
export function httpServer(needs: Needs): Server {
  const { endpoints, origin, observe, trustedProxies, limits, isDraining } = needs
  const arrivals = new WeakMap<IncomingMessage, Arrival>()
  const app = expressDoor({
    ...needs,
    arrivalOf(request) {
      const arrival = arrivals.get(request)
      if (arrival === undefined) throw new Error('a request came to Express past the front door')
      return arrival
    },
  })
  const paths = new Set(endpoints.map(({ path }) => path))
  const door = frontDoor(
    { origin, observe, paths, isDraining, readCaller: callerReader(trustedProxies) },
    (arrival, request, response) => {
      arrivals.set(request, arrival)
      app(request, response)
    },
  )
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      keepAliveTimeout: limits.keepAliveTimeout,
      headersTimeout: limits.headersTimeout,
      requestTimeout: limits.requestTimeout,
      connectionsCheckingInterval: 1000,
      // A missing Host gets our own 400.
      requireHostHeader: false,
    },
    door,
  )
  // Node drops the headers past its limit: one more than we take shows that there were too many.
  server.maxHeadersCount = MAX_HEADERS + 1
  server.maxConnections = limits.maxConnections
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) =>
    refuseFrame(error, socket, observe),
  )
  // CONNECT asks for a tunnel, and has no target that could be an address (RFC 9110 §9.3.6).
  server.on('connect', (_request, socket: Socket) => refuseFrame({ code: 'CONNECT' }, socket, observe))
  return server
}

/** RFC 9112 §3, §6.3: what is no HTTP message is answered once, and the connection closed. */
function refuseFrame({ code = '' }: { code?: string | undefined }, socket: Socket, observe: Observe): void {
  if (!socket.writable || code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const requestId = newRandomId()
  const reply = refusalOf(frameRefusal(code), { requestId, peer: socket.remoteAddress ?? '' }, observe)
  const headers = { ...reply.headers, 'X-Request-Id': requestId, Connection: 'close' }
  const lines = Object.entries({ ...headers, 'Content-Length': String(Buffer.byteLength(reply.body)) })
  socket.end(
    `HTTP/1.1 ${reply.status} Refused\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${String(reply.body)}`,
  )
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
      return new OAuthError('invalid_request', 'malformed_message', 'this is no well-formed HTTP/1.1 request')
  }
}
