/** A contestant: listens on the port that it is given, and says so. */
import type { RequestListener } from 'node:http'
import { createServer } from 'node:http'

export const CLIENT_ID = process.env.BENCH_CLIENT_ID ?? 'bench'
export const CLIENT_SECRET = process.env.BENCH_CLIENT_SECRET ?? ''
export const RESOURCE = 'https://api.example'
export const SCOPE = 'read'
export const ISSUER = 'http://localhost'

export function listen(listener: RequestListener): void {
  createServer({ keepAliveTimeout: 60_000 }, listener).listen(Number(process.env.PORT), '127.0.0.1', () =>
    process.stdout.write('listening\n'),
  )
}
