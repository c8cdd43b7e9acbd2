/** An API that is protected with the kit, on a real port. */
import { createServer } from 'node:http'
import express, { type ErrorRequestHandler } from 'express'
import {
  accessTokenOf,
  resourceServer,
  type ResourceServerOptions,
} from '../../src/resource-server/resource-server.ts'
import { close, listen } from './listen.ts'

const sendFault: ErrorRequestHandler = (error: Error, _request, response, _next) => {
  response.status(500).json({ fault: error.message })
}

export type Api = Awaited<ReturnType<typeof openApi>>

export async function openApi(options: ResourceServerOptions) {
  const { requireToken } = resourceServer(options)
  const app = express()
  app.use(express.urlencoded())
  app.get('/orders', requireToken('read'), (request, response) => {
    response.json(accessTokenOf(request))
  })
  app.post('/orders', requireToken('read', 'orders:create'), (_request, response) => {
    response.status(201).end()
  })
  app.get('/whoami', requireToken(), (request, response) => {
    response.json({ client: accessTokenOf(request).client_id })
  })
  app.get('/open', (request, response) => {
    response.json(accessTokenOf(request))
  })
  app.use(sendFault)

  const server = createServer(app)
  return { server, port: await listen(server), close: () => close(server) }
}
