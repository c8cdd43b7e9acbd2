/**
 * The Express door: a route for each endpoint of a workspace, `/:tenant/:workspace/oauth2/token` among them. Routes
 * only choose the endpoint. Which tenant and workspace it is asked for was read by the front door; the parameters that
 * Express has decoded are not looked at. It is Express's router without its application, which would give each request and
 * response a prototype of its own: nothing here needs that, and it costs as much as all the rest.
 */
import type { IncomingMessage } from 'node:http'
import { Router, type Request, type RequestHandler, type Response } from 'express'
import type { WorkspaceEndpoint } from '../endpoints/workspace-endpoint.ts'
import { nothingHere } from '../tenancy/address.ts'
import type { AnswerRequest, requestAnswerer } from './answer-request.ts'
import type { Arrival } from './front-door.ts'

type Needs = {
  readonly endpoints: readonly WorkspaceEndpoint[]
  readonly answer: ReturnType<typeof requestAnswerer>
}

export function expressDoor({ endpoints, answer }: Needs): AnswerRequest {
  const router = Router({ caseSensitive: true, strict: true })
  const arrivals = new WeakMap<IncomingMessage, Arrival>()

  const route =
    (answered: AnswerRequest): RequestHandler =>
    (request, response) => {
      const arrival = arrivals.get(request)
      if (arrival === undefined) throw new Error('a request came to Express past the front door')
      return answered(arrival, request, response)
    }

  for (const endpoint of endpoints) {
    const routes = [`/:tenant/:workspace${endpoint.path}`]
    // RFC 8414 §3: the well-known string stands before the path of the issuer.
    if (endpoint.path === '/.well-known/oauth-authorization-server')
      routes.push(`${endpoint.path}/:tenant/:workspace`)
    for (const path of routes) router.route(path).all(route(answer.fromEndpoint(endpoint)))
  }

  return async (arrival, request, response) => {
    arrivals.set(request, arrival)
    const otherwise = (fault?: unknown) =>
      void answer.withRefusal(fault ?? nothingHere())(arrival, request, response)
    // Without the application, they are what Node made of them.
    router(request as Request, response as Response, otherwise)
  }
}
