/** One request for a token on a kept connection: its answer without what differs between any two, and how long it took. */
import { Agent, request } from 'node:http'
import { encodeForm, type Credentials } from '../support/world.ts'

const agent = new Agent({ keepAlive: true, maxSockets: 256 })

export type Answer = { readonly status: number; readonly bytes: string; readonly milliseconds: number }

export function ask(
  port: number,
  { host, path }: { readonly host: string; readonly path: string },
  { id, secret }: Credentials,
): Promise<Answer> {
  const body = encodeForm({ grant_type: 'client_credentials', client_id: id, client_secret: secret })
  const headers = {
    Host: host,
    'Content-Type': 'application/x-www-form-urlencoded',
    'Content-Length': Buffer.byteLength(body),
  }
  return new Promise((resolve, reject) => {
    const started = performance.now()
    const asked = request({
      agent,
      host: '127.0.0.1',
      port,
      method: 'POST',
      path: `${path}/oauth2/token`,
      headers,
    })
    asked.on('error', reject).on('response', (response) => {
      const chunks: Buffer[] = []
      response.on('error', reject).on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        const milliseconds = performance.now() - started
        const { date: _, 'x-request-id': requestId = '', ...rest } = response.headers
        const text = JSON.stringify([response.statusCode, rest, Buffer.concat(chunks).toString()])
        resolve({
          status: response.statusCode ?? 0,
          bytes: text.replaceAll(String(requestId), 'ID'),
          milliseconds,
        })
      })
    })
    asked.end(body)
  })
}
