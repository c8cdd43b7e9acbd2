/**
 * The door of administration: Express's router with a route for each of the APIs'. Routes only choose; what they are asked for
 * stands in the address that the front door has read, whose segments are never encoded.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Router, type Request, type RequestHandler, type Response } from 'express'
import type { Administration } from '../admin/administration.ts'
import type { AdminQuestion } from '../admin/question.ts'
import { problemReply } from '../admin/problem.ts'
import type { AdminRoute } from '../admin/route.ts'
import type { Reply } from '../exchange.ts'
import type { Observe } from '../observe/observation.ts'
import { arrivingBody, readBody } from './body.ts'
import type { WriteReply } from './write-reply.ts'

/** A question whose body has not been read. */
export type AdminArrival = Omit<AdminQuestion, 'body'>
export type AdminDoor = (arrival: AdminArrival, request: IncomingMessage, response: ServerResponse) => void

type Needs = {
  readonly administration: Administration
  readonly observe: Observe
  readonly writeReply: WriteReply
}

const PREFIX = { tenant: '/api/admin/:tenant', system: '/api/system' } as const
/** A resource server with some thousand scopes. */
const MAX_BODY_BYTES = 256 * 1024
const NO_BODY = Promise.resolve(Buffer.alloc(0))

export function adminDoor({ administration, observe, writeReply }: Needs): AdminDoor {
  const router = Router({ caseSensitive: true, strict: true })
  const arrivals = new WeakMap<IncomingMessage, AdminArrival>()

  const answer = async (
    found: { readonly route?: AdminRoute; readonly allow?: readonly string[] },
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> => {
    const arrival = arrivals.get(request)
    if (arrival === undefined) throw new Error('a request came to Express past the front door')
    const arrived = performance.now()
    const endpoint = found.route?.name ?? 'administration'
    const takes = found.route?.streams?.takes
    const reply = await (takes === undefined ? readBody(request, MAX_BODY_BYTES) : NO_BODY)
      .then((body): Promise<Reply> | undefined => {
        const params = found.route ? paramsOf(found.route.path, arrival.address.path) : {}
        const arriving = takes && { arriving: arrivingBody(request, takes.most) }
        return body && administration.answer(found, params, { ...arrival, body, ...arriving })
      })
      .catch((error: unknown) => problemReply(error, arrival, observe, endpoint))
    if (response.headersSent) return
    if (reply === undefined || response.destroyed) return observe({ type: 'request_abandoned', endpoint })
    writeReply(request, response, reply, arrival.requestId)
    const seconds = (performance.now() - arrived) / 1000
    observe({ type: 'request_answered', endpoint, status: reply.status, seconds })
  }
  const handler =
    (found: { readonly route?: AdminRoute; readonly allow?: readonly string[] }): RequestHandler =>
    (request, response) =>
      answer(found, request, response)

  for (const [path, routes] of byPath(administration.routes)) {
    const here = router.route(path)
    for (const route of routes) here[METHODS[route.method]](handler({ route }))
    here.all(handler({ allow: routes.map(({ method }) => method) }))
  }
  router.use(handler({}))

  return (arrival, request, response) => {
    arrivals.set(request, arrival)
    router(request as Request, response as Response, (fault?: unknown) => {
      if (fault !== undefined) observe({ type: 'server_error', requestId: arrival.requestId, error: fault })
      response.destroy()
    })
  }
}

const METHODS = { GET: 'get', POST: 'post', PATCH: 'patch', PUT: 'put', DELETE: 'delete' } as const

const parameters = (path: string) => path.split(':').length

/** What has fewer parameters comes first: `keys/rotate` is no kid. */
function byPath(routes: readonly AdminRoute[]): readonly (readonly [string, readonly AdminRoute[]])[] {
  const paths = new Map<string, AdminRoute[]>()
  for (const route of routes) {
    const path = (PREFIX[route.api] + route.path).replaceAll(/\{(\w+)\}/g, ':$1')
    paths.set(path, [...(paths.get(path) ?? []), route])
  }
  return [...paths].toSorted(([one], [other]) => parameters(one) - parameters(other))
}

/** @param path of the address, as it came */
function paramsOf(pattern: string, path: string): Readonly<Record<string, string>> {
  const values = path.split('/')
  return Object.fromEntries(
    pattern.split('/').flatMap((segment, index) => {
      const name = /^\{(\w+)\}$/.exec(segment)?.[1]
      return name === undefined ? [] : [[name, values[index] ?? '']]
    }),
  )
}
