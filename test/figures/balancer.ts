/**
 * A balancer that obeys readiness: asks each node's /readyz five times a second, sends to ready ones in turn, keeps its
 * connections to them alive, and repeats no request: what fails is answered 502 and seen.
 */
import { once } from 'node:events'
import { Agent, createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { isReady } from './site.ts'

type Target = { readonly port: number; readonly opsPort: number }
type Upstream = { readonly port: number; readonly agent: Agent; ready: boolean; kept: boolean }

const POLL_MS = 200
// RFC 9110 §7.6.1: of this connection, not of the next one.
const OF_THE_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding'])

export async function openBalancer(port: number) {
  const upstreams = new Map<Target, Upstream>()
  let turn = 0

  const server = createServer((asked, answer) => {
    const ready = [...upstreams.values()].filter((upstream) => upstream.ready)
    const upstream = ready[(turn += 1) % ready.length]
    if (upstream === undefined) answer.writeHead(503).end('no node is ready')
    else forward(asked, answer, upstream)
  })
  server.keepAliveTimeout = 75_000
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')

  return {
    /** @returns when requests are sent there */
    async add(target: Target): Promise<void> {
      const agent = new Agent({ keepAlive: true, maxSockets: 64 })
      const upstream = { port: target.port, agent, ready: false, kept: true }
      upstreams.set(target, upstream)
      void watch(target.opsPort, upstream)
      while (!upstream.ready) await sleep(20)
    },
    remove(target: Target): void {
      const upstream = upstreams.get(target)
      upstreams.delete(target)
      if (upstream === undefined) return
      upstream.kept = false
      upstream.agent.destroy()
    },
    async close(): Promise<void> {
      for (const target of upstreams.keys()) this.remove(target)
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

async function watch(opsPort: number, upstream: Upstream): Promise<void> {
  while (upstream.kept) {
    upstream.ready = await isReady(opsPort)
    await sleep(POLL_MS)
  }
}

function forward(asked: IncomingMessage, answer: ServerResponse, { port, agent }: Upstream): void {
  const { method, url: path, headers } = asked
  const onward = request({ host: '127.0.0.1', port, method, path, headers: ofTheEnds(headers), agent })
  onward.on('response', (response) => {
    answer.writeHead(response.statusCode ?? 502, ofTheEnds(response.headers))
    response.on('error', () => answer.destroy())
    response.pipe(answer)
  })
  onward.on('error', ({ message }) => {
    if (answer.headersSent) answer.destroy()
    else answer.writeHead(502).end(message)
  })
  asked.pipe(onward)
}

function ofTheEnds<Headers extends IncomingMessage['headers']>(headers: Headers): Partial<Headers> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !OF_THE_HOP.has(name)),
  ) as Partial<Headers>
}
