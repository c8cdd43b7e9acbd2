/**
 * The Express door: a route for each endpoint of a workspace, `/:tenant/:workspace/oauth2/token` among them. Routes
 * only choose the endpoint. Which tenant and workspace it is asked for was read by the front door; the parameters that
 * Express has decoded are not looked at.
 */
import express, { type Express, type Request, type Response } from 'express'
import { refusalOf } from '../endpoints/answer.ts'
import { openToAll, type WorkspaceEndpoint } from '../endpoints/workspace-endpoint.ts'
import type { Directory } from '../directory/directory.ts'
import type { Reply } from '../exchange.ts'
import type { Observe } from '../observe/observation.ts'
import { nothingHere } from '../tenancy/address.ts'
import type { Region } from '../tenancy/region.ts'
import { readBody } from './body.ts'
import type { Arrival } from './front-door.ts'
import { writeReply } from './write-reply.ts'

type Needs = {
  readonly endpoints: readonly WorkspaceEndpoint[]
  readonly directories: ReadonlyMap<Region, Directory>
  readonly observe: Observe
  readonly isDraining: () => boolean
  /** What the front door has read of a request. */
  readonly arrivalOf: (request: Request) => Arrival
}

export function expressDoor({ endpoints, directories, observe, isDraining, arrivalOf }: Needs): Express {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.set('query parser', false)
  app.set('case sensitive routing', true)
  app.set('strict routing', true)

  const reply = async (
    request: Request,
    response: Response,
    answer: (arrival: Arrival) => Promise<Reply | undefined>,
  ) => {
    const arrival = arrivalOf(request)
    const written = await answer(arrival).catch((error: unknown) => refusalOf(error, arrival, observe))
    // Nobody waits any more, or the frame was refused meanwhile.
    if (written === undefined || response.destroyed || response.headersSent) return
    // The front door looked when the request came; it may have taken a while.
    if (isDraining()) response.setHeader('Connection', 'close')
    writeReply(request, response, written, arrival.requestId)
  }

  for (const endpoint of endpoints) {
    const ask = openToAll(endpoint, { directories, observe })
    const takesBody = endpoint.methods.includes('POST')
    const routes = [`/:tenant/:workspace${endpoint.path}`]
    // RFC 8414 §3: the well-known string stands before the path of the issuer.
    if (endpoint.path === '/.well-known/oauth-authorization-server')
      routes.push(`${endpoint.path}/:tenant/:workspace`)
    app.all(routes, (request, response) =>
      reply(request, response, async (arrival) => {
        const body = takesBody ? await readBody(request) : Buffer.alloc(0)
        return body && ask({ ...arrival, body })
      }),
    )
  }
  app.use((request, response) => reply(request, response, () => Promise.reject(nothingHere())))
  return app
}
