/**
 * Stops a server without losing a request behind a balancer that obeys readiness: readiness is off and answers close
 * their connections at once, the listener stays open while balancers notice, then no more is taken in, and what is
 * under way has a bounded time to end.
 */
import { once } from 'node:events'
import type { Server } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

/** Milliseconds from the signal until what is still open is cut. */
const PATIENCE = 25_000
const IDLE_CHECK = 250

/** @param drain milliseconds that the listener stays open; readiness is off already */
export async function stopServer(server: Server, drain: number): Promise<void> {
  await sleep(drain)
  const closed = once(server, 'close')
  server.close()
  // Whoever keeps a connection after an answer that did not close it would hold up the stop until its own time-out.
  const idle = setInterval(() => server.closeIdleConnections(), IDLE_CHECK)
  const cut = setTimeout(() => server.closeAllConnections(), PATIENCE - drain)
  await closed
  clearInterval(idle)
  clearTimeout(cut)
}
