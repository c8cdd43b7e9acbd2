import { once } from 'node:events'
import { Agent, createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { stopServer } from '../../src/server/stop-server.ts'

describe('stopping a server', () => {
  it('does not wait for a connection that is kept by whoever was answered last (T73)', async () => {
    let cut = 0
    const server = createServer().listen(0, '127.0.0.1')
    server.keepAliveTimeout = 0
    const closeAll = server.closeAllConnections.bind(server)
    server.closeAllConnections = () => {
      cut += 1
      closeAll()
    }
    await once(server, 'listening')
    const agent = new Agent({ keepAlive: true })
    const asked = request({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, agent }).end()
    const [, response] = (await once(server, 'request')) as [IncomingMessage, ServerResponse]

    const stopped = stopServer(server, 0)
    // It is busy until then, and idle after.
    await once(server, 'close', { signal: AbortSignal.timeout(500) }).catch(() => undefined)
    response.end('answered')
    const [answer] = (await once(asked, 'response')) as [IncomingMessage]
    expect(answer.resume().headers.connection).toBe('keep-alive')
    await stopped
    expect(cut).toBe(0)
    agent.destroy()
  })
})
