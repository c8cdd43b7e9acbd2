/**
 * A small API of the quickstart's, protected as any API would be: it knows the issuer and its own identifier, and the
 * kit does the rest. It shares nothing with the token service but the network.
 */
import type { Server } from 'node:http'
import { createServer } from 'node:http'
import express from 'express'
import { accessTokenOf, resourceServer } from '../resource-server/resource-server.ts'

const ORDERS = [
  { id: 1001, item: 'fountain pen', quantity: 2 },
  { id: 1002, item: 'blotting paper', quantity: 40 },
]

/** Not listening yet. */
export function sampleApi(issuer: string, audience: string): Server {
  const { requireToken } = resourceServer({ issuer, audience })
  const app = express()
  app.disable('x-powered-by')
  app.get('/orders', requireToken('orders:read'), (request, response) => {
    response.json({ askedBy: accessTokenOf(request).client_id, orders: ORDERS })
  })
  return createServer(app)
}
