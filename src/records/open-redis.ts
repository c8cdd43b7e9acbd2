/** A connection to the Redis of one region. It holds what may be lost, so nothing here waits long or gives up for good. */
import { Redis } from 'ioredis'

/** Milliseconds after which a command that was not answered counts as failed. */
const COMMAND_TIMEOUT = 250
/** That a server's start waits for it. */
const CONNECT_TIMEOUT = 1000

/** @returns connected, or still trying: the caller finds out by asking */
export async function openRedis(url: string, commandTimeout = COMMAND_TIMEOUT): Promise<Redis> {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: CONNECT_TIMEOUT,
    commandTimeout,
    // What cannot be sent now fails now: nobody waits for a connection, and nothing old is sent later.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    enableAutoPipelining: true,
    // With jitter: nodes that lost it together do not come back together.
    retryStrategy: (attempt) => Math.min(attempt * 100, 3000) * (0.5 + Math.random() / 2),
  })
  // Each failure is also that of a command; unheard, ioredis would print it.
  redis.on('error', () => {})
  await Promise.race([
    redis.connect().catch(() => {}),
    new Promise<void>((resolve) => setTimeout(resolve, CONNECT_TIMEOUT).unref()),
  ])
  return redis
}
