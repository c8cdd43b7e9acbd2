/** A bad day in front of a server: some of the next calls of administration are answered by nobody, or with that it is busy. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'

export type Spoiling =
  /** Done, and the answer is lost on the way. */
  | 'lost'
  /** Not done: come again. */
  | 429
  | 503

type Listener = (request: IncomingMessage, response: ServerResponse) => void

export function spoiledServer(server: Server) {
  const listeners = server.listeners('request') as Listener[]
  let next: Spoiling[] = []
  /** Of calls that change something. */
  const keys: (string | undefined)[] = []
  server.removeAllListeners('request')
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const isChange = request.url?.startsWith('/api/') === true && request.method !== 'GET'
    const spoiling = isChange ? next.shift() : undefined
    if (isChange) keys.push(request.headers['idempotency-key'] as string | undefined)
    if (typeof spoiling === 'number') {
      response.writeHead(spoiling, { 'Content-Type': 'application/problem+json', 'Retry-After': '0' })
      response.end(JSON.stringify({ status: spoiling, reason: 'busy', detail: 'come again' }))
      return
    }
    if (spoiling === 'lost') response.end = () => response.destroy()
    for (const listener of listeners) listener(request, response)
  })
  return {
    spoil(...all: Spoiling[]) {
      next = all
      keys.length = 0
    },
    keys,
  }
}
