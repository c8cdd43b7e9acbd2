/**
 * The private port: whether the process lives, whether it should get requests, and its metrics. Asks no database: a node whose
 * database is away is alive, and restarting it mends nothing.
 */
import { createServer, type Server } from 'node:http'
import type { Metrics } from '../observe/metrics.ts'

export type Readiness = { readonly ready: true } | { readonly ready: false; readonly reason: string }

/** Milliseconds in which a question must have arrived. */
const PATIENCE = 5000

/** Not listening yet. */
export function opsServer(readiness: () => Readiness, metrics: Metrics): Server {
  return createServer({ headersTimeout: PATIENCE, requestTimeout: PATIENCE }, (request, response) => {
    const answer = (status: number, body: object) => {
      response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' })
      response.end(JSON.stringify(body))
    }
    const state = readiness()
    if (request.url === '/livez') answer(200, { live: true })
    else if (request.url === '/readyz') answer(state.ready ? 200 : 503, state)
    else if (request.url === '/metrics') {
      metrics.print().then(
        (text) => response.writeHead(200, { 'Content-Type': metrics.contentType }).end(text),
        () => answer(500, { error: 'the metrics cannot be read' }),
      )
    } else answer(404, { error: 'nothing here: ask /livez, /readyz or /metrics' })
  })
}
