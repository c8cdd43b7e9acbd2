/**
 * The HTTP server: Node's, with limits that keep a slow or greedy caller from holding it, the front door before Express,
 * and an answer in our shape even for what cannot be parsed.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { Administration } from '../admin/administration.ts'
import type { Clock } from '../clock.ts'
import type { Observe } from '../observe/observation.ts'
import type { Origin } from '../tenancy/origin.ts'
import type { Directory } from '../directory/directory.ts'
import type { WorkspaceEndpoint } from '../endpoints/workspace-endpoint.ts'
import { PAGE_POLICY, pages as pagesOf } from '../pages/pages.ts'
import type { Region } from '../tenancy/region.ts'
import { adminDoor } from './admin-door.ts'
import { requestAnswerer } from './answer-request.ts'
import { isHandshakeFailure, type Certificate } from './certificate.ts'
import { expressDoor } from './express-door.ts'
import { fastLane } from './fast-lane.ts'
import { frameRefusals } from './frame-refusal.ts'
import { frontDoor, MAX_HEADERS } from './front-door.ts'
import { pageDoor } from './page-door.ts'
import { callerReader } from './peer.ts'
import { securityHeaders } from './security-headers.ts'
import { requestSpans } from './request-spans.ts'
import { replyWriter } from './write-reply.ts'

type Needs = {
  readonly endpoints: readonly WorkspaceEndpoint[]
  readonly administration: Administration
  readonly directories: ReadonlyMap<Region, Directory>
  readonly clock: Clock
  readonly origin: Origin
  readonly observe: Observe
  readonly trustedProxies: readonly string[]
  readonly limits: HttpLimits
  /** Once it says so, each answer asks its caller to open another connection, elsewhere. */
  readonly isDraining: () => boolean
  /** Whether what is asked most is answered before Express is entered. */
  readonly fastLane: boolean
  /** Undefined: a proxy ends TLS, and this server speaks HTTP without. */
  readonly certificate?: Certificate | undefined
  /** 48 bytes that the processes of a node share. */
  readonly ticketKeys?: Buffer | undefined
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
export function httpServer(needs: Needs): Server | TlsServer {
  const { endpoints, directories, origin, observe, trustedProxies, limits, isDraining, certificate } = needs
  const table = securityHeaders(origin)
  const apiDocument = needs.administration.document
  const pages = pagesOf({ origin, regions: new Set(directories.keys()), apiDocument })
  const pageSecurityHeaders = securityHeaders(origin, PAGE_POLICY)
  const writeReply = replyWriter({ securityHeaders: table, pageSecurityHeaders, pages, isDraining })
  const spans = requestSpans(origin)
  const answer = requestAnswerer({ directories, clock: needs.clock, observe, writeReply, spans })
  const lane = fastLane(needs.fastLane ? endpoints : [], answer.fromEndpoint)
  const express = expressDoor({ endpoints, answer })
  const paths = new Set(endpoints.map(({ path }) => path))
  const readCaller = callerReader(trustedProxies)
  const enter = frontDoor(
    { origin, observe, paths, readCaller, writeReply, spans },
    (arrival, request, response) => {
      const door = lane.get(arrival.address.path) ?? express
      void door(arrival, request, response)
    },
    adminDoor({ administration: needs.administration, observe, writeReply }),
    pageDoor({ pages, observe, writeReply }),
  )
  const frames = frameRefusals({ readCaller, observe, writeReply, securityHeaders: table })
  const door = (request: IncomingMessage, response: ServerResponse) => {
    frames.note(request, response)
    enter(request, response)
  }
  const options = {
    maxHeaderSize: MAX_HEADER_BYTES,
    keepAliveTimeout: limits.keepAliveTimeout,
    headersTimeout: limits.headersTimeout,
    requestTimeout: limits.requestTimeout,
    connectionsCheckingInterval: 1000,
    // A missing Host gets our own 400.
    requireHostHeader: false,
  }
  const server =
    certificate === undefined
      ? createServer(options, door)
      : createTlsServer(
          { ...options, ...tlsOptions(certificate, limits), ticketKeys: needs.ticketKeys },
          door,
        )
  // Node drops the headers past its limit: one more than we take shows that there were too many.
  server.maxHeadersCount = MAX_HEADERS + 1
  server.maxConnections = limits.maxConnections
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    if (isHandshakeFailure(error)) socket.destroy()
    else frames.refuse(error, socket)
  })
  // RFC 9110 §10.1.1: what is expected beside 100-continue may be passed over; Node's own 417 is not in our shape.
  server.on('checkExpectation', door)
  // CONNECT asks for a tunnel, and has no target that could be an address (RFC 9110 §9.3.6).
  server.on('connect', (_request, socket: Socket) => {
    // Node has let go of the socket: without a listener, a caller who resets the connection would end the process.
    socket.on('error', () => socket.destroy())
    socket.resume()
    frames.refuse({ code: 'CONNECT' }, socket)
  })
  return server
}

/** RFC 9325 §3.1.1: TLS 1.2 and later. Sessions are resumed by tickets (RFC 5077, RFC 8446 §2.2), which Node gives out. */
function tlsOptions({ cert, key }: Certificate, { headersTimeout }: HttpLimits) {
  return { cert, key, minVersion: 'TLSv1.2', handshakeTimeout: headersTimeout } as const
}
