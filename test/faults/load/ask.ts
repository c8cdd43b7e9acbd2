/** Requests to one node over connections that are kept, with the Host that the address needs. Loopback only. */
import { Agent, request } from 'node:http'
import type { Caller, Party } from '../place/population.ts'
import type { Ask } from './check-token.ts'

export type Answer = {
  readonly status: number
  readonly body: string
  readonly retryAfter: string | undefined
  readonly closes: boolean
}
export type Door = ReturnType<typeof openDoor>

/** Milliseconds after which a request that nobody answered is given up. */
const PATIENCE = 8000

export function openDoor(port: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 })

  const send = (method: 'GET' | 'POST', { host }: Party, path: string, body?: string) =>
    new Promise<Answer>((resolve, reject) => {
      const form = 'application/x-www-form-urlencoded'
      const length =
        body === undefined ? {} : { 'Content-Type': form, 'Content-Length': Buffer.byteLength(body) }
      const asked = request({
        host: '127.0.0.1',
        port,
        path,
        method,
        agent,
        headers: { Host: host, ...length },
      })
      const timer = setTimeout(() => asked.destroy(withCode('nobody answered', 'TIMEOUT')), PATIENCE)
      const fail = (error: Error) => {
        clearTimeout(timer)
        reject(error)
      }
      asked.on('error', fail)
      asked.on('response', (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (part: string) => (text += part))
        response.on('error', fail)
        response.on('end', () => {
          clearTimeout(timer)
          resolve({
            status: response.statusCode ?? 0,
            body: text,
            retryAfter: response.headers['retry-after'],
            closes: response.headers.connection === 'close',
          })
        })
      })
      asked.end(body)
    })

  return {
    /** Rejects when no answer comes. */
    token(
      { party, clientId, secret }: Pick<Caller, 'party' | 'clientId' | 'secret'>,
      ask: Ask,
    ): Promise<Answer> {
      const form = new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: clientId,
        client_secret: secret,
      })
      form.set(ask.parameter, ask.value)
      return send('POST', party, `${party.path}/oauth2/token`, form.toString())
    },
    keySet: (party: Party) => send('GET', party, `${party.path}/.well-known/jwks.json`),
    close: () => agent.destroy(),
  }
}

/** Why a request got no answer, in a word. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return code ?? message
}

function withCode(message: string, code: string): Error {
  return Object.assign(new Error(message), { code })
}
