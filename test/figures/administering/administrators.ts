/**
 * Speaks to one administrative API for several of its clients in turn, over connections that are kept: each client may make
 * so many calls a minute. Their tokens are renewed before they end. Every request and every answer is held to the OpenAPI
 * document.
 */
import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Body } from '../../admin/api.ts'
import { documented } from '../../admin/documented.ts'
import { noteSecret, noteTokens } from '../../support/noted-secrets.ts'

export type Administrator = {
  readonly clientId: string
  readonly secret: string
  readonly tokenEndpoint: string
}
export type Answer = {
  readonly status: number
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly body: Body
  readonly text: string
}
export type Method = 'get' | 'post' | 'patch' | 'delete'
export type Administrators = ReturnType<typeof administratorsOf>

/** Milliseconds: tokens of the built-in workspaces live ten minutes. */
const RENEWED = 8 * 60_000
const PATIENCE = 60_000

const agents = new Map<number, Agent>()

/** @param port of a node, on this machine. Rejects when no answer comes */
export function send(
  port: number,
  method: string,
  url: string,
  body: string | undefined,
  headers: Readonly<Record<string, string>>,
): Promise<Omit<Answer, 'body'>> {
  const { host, pathname, search } = new URL(url)
  const agent = agents.get(port) ?? new Agent({ keepAlive: true })
  agents.set(port, agent)
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) }
    const asked = request({
      agent,
      host: '127.0.0.1',
      port,
      method: method.toUpperCase(),
      path: pathname + search,
      headers: { Host: host, ...length, ...headers },
      timeout: PATIENCE,
    })
    asked.on('timeout', () => asked.destroy(new Error('nobody answered')))
    asked.on('error', reject)
    asked.on('response', (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => (text += part))
      // A server that is killed in the middle of its answer has not answered.
      response.on('close', () =>
        response.complete
          ? resolve({ status: response.statusCode ?? 0, headers: response.headers, text })
          : reject(new Error('the answer was cut off')),
      )
    })
    asked.end(body)
  })
}

/** Of nodes that are no more. */
export function forgetPort(port: number): void {
  agents.get(port)?.destroy()
  agents.delete(port)
}

export async function askForToken(
  port: number,
  tokenEndpoint: string,
  clientId: string,
  secret: string,
): Promise<Omit<Answer, 'body'>> {
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: clientId,
    client_secret: secret,
  })
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded' }
  const answer = await send(port, 'post', tokenEndpoint, form.toString(), headers)
  if (answer.status === 200) noteTokens(answer.text)
  return answer
}

/** @param url of the API */
export function administratorsOf(url: string, all: readonly Administrator[]) {
  const tokens = new Map<Administrator, { readonly token: string; readonly until: number }>()
  let turn = 0

  const tokenOf = async (port: number, one: Administrator): Promise<string> => {
    const known = tokens.get(one)
    if (known !== undefined && known.until > performance.now()) return known.token
    const { status, text } = await askForToken(port, one.tokenEndpoint, one.clientId, one.secret)
    if (status !== 200) throw new Error(`an administrator got no token: ${status} ${text}`)
    const { access_token: token } = JSON.parse(text) as { access_token: string }
    tokens.set(one, { token, until: performance.now() + RENEWED })
    return token
  }

  return {
    url,
    /**
     * Rejects when no answer comes; who has called too often waits, and calls again.
     * @param by which of them calls; else whose turn it is
     */
    async ask(
      port: number,
      method: Method,
      path: string,
      body?: object,
      headers: Readonly<Record<string, string>> = {},
      by = (turn += 1),
    ): Promise<Answer> {
      const one = all[by % all.length] as Administrator
      for (;;) {
        const answer = await send(port, method, url + path, body && JSON.stringify(body), {
          Authorization: `Bearer ${await tokenOf(port, one)}`,
          ...(body && { 'Content-Type': 'application/json' }),
          ...headers,
        })
        const type = String(answer.headers['content-type'] ?? '')
        const json: Body = type.endsWith('json') && !type.endsWith('ndjson') ? JSON.parse(answer.text) : {}
        for (const holder of [json, json.administrator ?? {}])
          for (const name of ['secret', 'client_secret'])
            if (typeof holder[name] === 'string') noteSecret('client secret', holder[name])
        documented(method, new URL(url).pathname + path, body, answer.status, type, json)
        if (answer.status !== 429) return { ...answer, body: json }
        await sleep(Number(answer.headers['retry-after'] ?? 1) * 1000)
      }
    },
  }
}

/** Each item once, by so many at a time. */
export async function inLanes<Item>(
  lanes: number,
  items: Iterable<Item>,
  work: (item: Item, lane: number) => Promise<void>,
): Promise<void> {
  const queue = items[Symbol.iterator]()
  const lane = async (_: unknown, number: number) => {
    for (let next = queue.next(); next.done !== true; next = queue.next()) await work(next.value, number)
  }
  await Promise.all(Array.from({ length: lanes }, lane))
}

export const numbers = (count: number): readonly number[] =>
  Array.from({ length: count }, (_, index) => index)
