/**
 * The Express door: a route for each endpoint of a workspace, `/:tenant/:workspace/oauth2/token` among them. Routes
 * only choose the endpoint. Which tenant and workspace it is asked for was read by the front door; the parameters that
 * Express has decoded are not looked at.
 */
import express, { type Express, type Request } from 'express'
import type { WorkspaceEndpoint } from '../endpoints/workspace-endpoint.ts'
import { nothingHere } from '../tenancy/address.ts'
import type { AnswerRequest, requestAnswerer } from './answer-request.ts'
import type { Arrival } from './front-door.ts'

type Needs = {
  readonly endpoints: readonly WorkspaceEndpoint[]
  readonly answer: ReturnType<typeof requestAnswerer>
  /** What the front door has read of a request. */
  readonly arrivalOf: (request: Request) => Arrival
}

export function expressDoor({ endpoints, answer, arrivalOf }: Needs): Express {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.set('query parser', false)
  app.set('case sensitive routing', true)
  app.set('strict routing', true)

  const route =
    (answered: AnswerRequest): express.RequestHandler =>
    (request, response) =>
      answered(arrivalOf(request), request, response)

  for (const endpoint of endpoints) {
    const routes = [`/:tenant/:workspace${endpoint.path}`]
    // RFC 8414 §3: the well-known string stands before the path of the issuer.
    if (endpoint.path === '/.well-known/oauth-authorization-server')
      routes.push(`${endpoint.path}/:tenant/:workspace`)
    app.all(routes, route(answer.fromEndpoint(endpoint)))
  }
  app.use(route(answer.withRefusal(nothingHere)))
  return app
}
