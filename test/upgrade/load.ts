/**
 * Token requests to whichever nodes a balancer would choose from just now, in turns. A token counts when the keys that every one
 * of these nodes publishes verify it: whoever asks one node for keys verifies what another one has signed.
 */
import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose'

export type Client = { readonly issuer: string; readonly clientId: string; readonly secret: string }
export type Answer = { readonly status: number; readonly text: string }

const agent = new Agent({ keepAlive: true })

/** Sends to the node at this port what is addressed to the URL. */
export function ask(
  port: number,
  url: string,
  {
    method = 'GET',
    bearer,
    form,
    json,
  }: {
    readonly method?: string
    readonly bearer?: string
    readonly form?: Readonly<Record<string, string>>
    readonly json?: object
  } = {},
): Promise<Answer> {
  const { host, pathname, search } = new URL(url)
  const body = json ? JSON.stringify(json) : form && new URLSearchParams(form).toString()
  return new Promise((resolve, reject) => {
    const asked = request({
      agent,
      host: '127.0.0.1',
      port,
      path: pathname + search,
      method: form ? 'POST' : method,
      headers: {
        Host: host,
        ...(bearer !== undefined && { Authorization: `Bearer ${bearer}` }),
        ...(body !== undefined && {
          'Content-Type': json ? 'application/json' : 'application/x-www-form-urlencoded',
          'Content-Length': Buffer.byteLength(body),
        }),
      },
    })
    asked.on('error', reject)
    asked.on('response', (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => (text += part))
      response.on('error', reject).on('end', () => resolve({ status: response.statusCode ?? 0, text }))
    })
    asked.end(body)
  })
}

export function askToken(port: number, { issuer, clientId, secret }: Client): Promise<Answer> {
  const form = { grant_type: 'client_credentials', client_id: clientId, client_secret: secret }
  return ask(port, `${issuer}/oauth2/token`, { form })
}

export function startLoad(client: Client, lanes: number, perSecond: number) {
  let nodes: readonly number[] = []
  const state = { over: false, tokens: 0 }
  const underWay = new Set<Promise<void>>()
  let turn = 0
  const failures: Record<string, number> = {}

  const once = async () => {
    const now = nodes
    const port = now[(turn += 1) % now.length]
    if (port === undefined) return
    try {
      const { status, text } = await askToken(port, client)
      if (status !== 200) throw new Error(`${status} ${text}`)
      const { access_token: token } = JSON.parse(text) as { access_token: string }
      for (const other of now) {
        if (!nodes.includes(other)) continue // It was taken out meanwhile.
        const keys = await ask(other, `${client.issuer}/.well-known/jwks.json`)
        await jwtVerify(token, createLocalJWKSet(JSON.parse(keys.text) as JSONWebKeySet), {
          issuer: client.issuer,
          subject: client.clientId,
        })
      }
      state.tokens += 1
    } catch (error) {
      const { message } = error as Error
      failures[message] = (failures[message] ?? 0) + 1
    }
  }
  const lane = async () => {
    while (!state.over) {
      const asked = once()
      underWay.add(asked)
      await asked
      underWay.delete(asked)
      await sleep((1000 * lanes) / perSecond)
    }
  }
  const running = Array.from({ length: lanes }, lane)

  return {
    tokens: () => state.tokens,
    failures: () => failures,
    /** From now on these are asked; returns when nothing is under way to any other. */
    async use(...ports: readonly number[]): Promise<void> {
      nodes = ports
      await Promise.all(underWay)
    },
    async stop(): Promise<void> {
      state.over = true
      await Promise.all(running)
      agent.destroy()
    },
  }
}
