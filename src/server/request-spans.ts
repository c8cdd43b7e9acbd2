/**
 * A span for each request, by OpenTelemetry's semantic conventions for HTTP servers, whichever door it takes. What reaches a
 * span is named here: no header, no query, nothing of a body, no client and no caller, for traces may leave the region.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  context,
  propagation,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Span,
} from '@opentelemetry/api'
import type { Question, Reply } from '../exchange.ts'
import { findTracer } from '../observe/tracing.ts'
import type { WorkspaceAddress } from '../tenancy/address.ts'
import type { Origin } from '../tenancy/origin.ts'
import type { Workspace } from '../tenancy/tenant.ts'

/** As the front door lets it in. */
type Arrival = Omit<Question<WorkspaceAddress>, 'body'>

export type RequestSpan = {
  /** Spans that are begun in the work are its children. */
  within<Result>(
    work: (arrival: Arrival, request: IncomingMessage, span: RequestSpan) => Result,
    arrival: Arrival,
    request: IncomingMessage,
  ): Result
  located(workspace: Workspace): void
  /** @param reply what was found to say, whether or not anybody was there to hear it */
  end(response: ServerResponse, reply: Reply | undefined): void
}

export type RequestSpans = {
  /** @param path of the endpoint, without tenant and workspace */
  begin(path: string, arrival: Arrival, request: IncomingMessage): RequestSpan
  /** Of a request that the front door has refused: it came to no endpoint. */
  refused(request: IncomingMessage, reply: Reply): void
}

/** RFC 9110 §9 and RFC 5789: what else a caller sends as a method is no name for a span. */
const METHODS: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'CONNECT',
  'OPTIONS',
  'TRACE',
  'PATCH',
])

/** @returns undefined where no SDK was registered before: then nobody asks */
export function requestSpans({ scheme }: Origin): RequestSpans | undefined {
  const tracer = findTracer()
  if (tracer === undefined) return undefined

  const start = ({ method = '', headers }: IncomingMessage, route: string | undefined, more: Attributes) => {
    const known = METHODS.has(method)
    const name = known ? method : 'HTTP'
    // W3C Trace Context, or whatever the SDK reads.
    const parent = propagation.extract(context.active(), headers)
    const attributes = {
      'http.request.method': known ? method : '_OTHER',
      'url.scheme': scheme,
      ...(route !== undefined && { 'http.route': route }),
      ...more,
    }
    const kind = SpanKind.SERVER
    const span = tracer.startSpan(
      route === undefined ? name : `${name} ${route}`,
      { kind, attributes },
      parent,
    )
    return { span, parent }
  }

  return {
    begin(path, arrival, request) {
      const { address } = arrival
      const [target = ''] = (request.url ?? '').split('?')
      const { span, parent } = start(request, routeOf(path, target), {
        ...serverOf(arrival),
        // Within the grammar of addresses.
        'url.path': target,
        'regent.request.id': arrival.requestId,
        'regent.region': address.region,
        'regent.tenant.slug': address.tenant,
        'regent.workspace.slug': address.workspace,
      })
      const own = trace.setSpan(parent, span)
      const requestSpan: RequestSpan = {
        within: (work, ...question) => context.with(own, () => work(...question, requestSpan)),
        located: ({ id, tenant }) =>
          void span.setAttributes({ 'regent.tenant.id': tenant.id, 'regent.workspace.id': id }),
        end(response, reply) {
          // A frame that broke meanwhile was answered by somebody else.
          const status = response.headersSent ? response.statusCode : undefined
          end(span, status, reply?.reason)
        },
      }
      return requestSpan
    },

    refused(request, { status, reason }) {
      end(start(request, undefined, {}).span, status, reason)
    },
  }
}

function end(span: Span, status: number | undefined, reason: string | undefined): void {
  if (status === undefined) span.setAttribute('error.type', 'abandoned')
  else span.setAttribute('http.response.status_code', status)
  if (reason !== undefined) span.setAttribute('regent.refusal.reason', reason)
  // A refusal is the caller's to mend, and no error of a server's span.
  if (status !== undefined && status >= 500) {
    span.setAttribute('error.type', String(status))
    span.setStatus({ code: SpanStatusCode.ERROR })
  }
  span.end()
}

/** As Express's routes are written. RFC 8414 §3: a well-known string may stand in front. */
function routeOf(path: string, target: string): string {
  return target.startsWith(path) ? `${path}/:tenant/:workspace` : `/:tenant/:workspace${path}`
}

/** From the Host that the front door has let in. */
function serverOf({ headers }: Arrival): Attributes {
  const [, name, port] = /^(.*?)\.?(?::([0-9]+))?$/.exec(headers('host')[0] ?? '') ?? []
  return {
    'server.address': name?.toLowerCase() ?? '',
    ...(port !== undefined && { 'server.port': Number(port) }),
  }
}
