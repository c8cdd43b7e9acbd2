/**
 * A connection that an administrator ended, or that a restart of the server took away, says nothing of what was asked: it is
 * asked once more. For what cannot have written only; whether a commit was carried out, nobody knows any more.
 */
import type { Pool, PoolClient } from 'pg'

/** Milliseconds in which the pool hears of the other connections that ended with the one that was lost. */
const PAUSE = 20

/** @param work takes a connection of the pool, and gives it back whatever becomes of it */
export async function onceMoreWhenLost<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  // A connection that cannot be made is another matter, and no reason to ask again.
  const first = await pool.connect()
  try {
    return await work(first)
  } catch (error) {
    if (!isConnectionLost(error)) throw error
  }
  await new Promise((resolve) => setTimeout(resolve, PAUSE))
  return work(await pool.connect())
}

/** Whether a connection that was there is there no more, as opposed to one on which no answer came in time. */
export function isConnectionLost(error: unknown): boolean {
  const { code } = Object(error) as { code?: unknown }
  // 57P01 and 57P02: ended by an administrator, or by a crash of another one. Class 08, which poolers say as well.
  if (typeof code === 'string') return /^(?:57P0[12]|08[0-9A-Z]{3}|ECONNRESET|EPIPE)$/.test(code)
  // What pg itself says has no code.
  return error instanceof Error && /connection terminated unexpectedly|not queryable/i.test(error.message)
}
