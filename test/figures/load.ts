/**
 * Token requests on a few connections, each sent when the one before it was answered. Each answer is looked at: a token
 * counts when the keys of its issuer verify it. Goes to this machine only, and ends by itself.
 */
import { Agent, request } from 'node:http'
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose'
import type { DemoClient } from './site.ts'

export type Outcome = {
  readonly requests: number
  readonly failed: number
  /** What went wrong, and how often. */
  readonly failures: Readonly<Record<string, number>>
}

const AT_MOST_MS = 20 * 60_000

type Settings = { readonly port: number; readonly client: DemoClient; readonly connections: number }

export async function startLoad({ port, client, connections }: Settings) {
  const { host, pathname } = new URL(client.issuer)
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: client.clientId,
    client_secret: client.secret,
  }).toString()
  const ask = (path: string, body?: string) =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      const method = body === undefined ? 'GET' : 'POST'
      const headers = {
        Host: host,
        ...(body !== undefined && {
          'Content-Type': 'application/x-www-form-urlencoded',
          'Content-Length': body.length,
        }),
      }
      const asked = request({ host: '127.0.0.1', port, path: pathname + path, method, headers, agent })
      asked.on('response', (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (part: string) => (text += part))
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
        response.on('error', reject)
      })
      asked.on('error', reject)
      asked.end(body)
    })

  const published = await ask('/.well-known/jwks.json')
  const keys = createLocalJWKSet(JSON.parse(published.text) as JSONWebKeySet)
  const failures: Record<string, number> = {}
  let until = Date.now() + AT_MOST_MS
  let requests = 0

  const worker = async () => {
    while (Date.now() < until) {
      requests += 1
      try {
        const { status, text } = await ask('/oauth2/token', form)
        if (status !== 200) throw new Error(`${status} ${text}`)
        const { access_token: token } = JSON.parse(text) as { access_token: string }
        await jwtVerify(token, keys, { issuer: client.issuer, subject: client.clientId })
      } catch (error) {
        const { message } = error as Error
        failures[message] = (failures[message] ?? 0) + 1
      }
    }
  }
  const workers = Array.from({ length: connections }, worker)

  return {
    async stop(): Promise<Outcome> {
      until = 0
      await Promise.all(workers)
      agent.destroy()
      const failed = Object.values(failures).reduce((sum, count) => sum + count, 0)
      return { requests, failed, failures }
    },
  }
}
