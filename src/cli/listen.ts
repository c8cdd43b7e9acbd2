/** Ports: whether one is free, listening on it, and leaving it. */
import { once } from 'node:events'
import { createServer, type Server as NetServer } from 'node:net'
import type { Server } from 'node:http'
import { OperatorError } from '../storage/operator-error.ts'

/** Asked before anything is written: a port in use is the most common reason why a start fails. */
export async function requireFreePort(port: number, host: string, remedy: string): Promise<void> {
  const probe = createServer()
  await listenOn(probe, port, host, remedy)
  probe.close()
  await once(probe, 'close')
}

export async function listenOn(server: NetServer, port: number, host: string, remedy: string): Promise<void> {
  // Not by a callback: Express 5 and others hand it the error.
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'EADDRINUSE')
      throw new OperatorError(`Port ${port} on ${host} is in use: ${remedy}`, { cause })
    throw new OperatorError(`Regent cannot listen on port ${port} of ${host} (${code}): ${remedy}`, { cause })
  }
}

/** Milliseconds that requests under way have to end. */
const GRACE = 2000

export async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return
  const closed = once(server, 'close')
  server.close()
  server.closeIdleConnections()
  const timer = setTimeout(() => server.closeAllConnections(), GRACE)
  await closed
  clearTimeout(timer)
}
