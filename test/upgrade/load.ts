/**
 * Token requests to whichever nodes a balancer would choose from just now, in turns. A token counts when the keys that every one
 * of these nodes publishes verify it: whoever asks one node for keys verifies what another one has signed.
 */
import { Agent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { askAt, type Answer, type Asking } from '../support/ask.ts'
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose'

export type Client = { readonly issuer: string; readonly clientId: string; readonly secret: string }
const agent = new Agent({ keepAlive: true })

export const ask = (port: number, url: string, asking: Asking = {}): Promise<Answer> =>
  askAt(port, url, { agent, ...asking })

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
      const { status, body } = await askToken(port, client)
      if (status !== 200) throw new Error(`${status} ${body}`)
      const { access_token: token } = JSON.parse(body) as { access_token: string }
      for (const other of now) {
        if (!nodes.includes(other)) continue // It was taken out meanwhile.
        const keys = await ask(other, `${client.issuer}/.well-known/jwks.json`)
        await jwtVerify(token, createLocalJWKSet(JSON.parse(keys.body) as JSONWebKeySet), {
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
