/**
 * Callers at several addresses of this machine (127.0.0.0/8, RFC 6890 §2.2.2), that keep their connections; and a steady rate
 * that waits for no answer, so that a server that is slow is not asked less.
 */
import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose'
import type { PlantedClient, PlantedWorkspace } from './planting.ts'

export type Answer = {
  readonly status: number
  /** Seconds. */
  readonly retryAfter: number | undefined
  readonly text: string
  readonly milliseconds: number
}

export type Callers = ReturnType<typeof callersOf>

const PATIENCE_MS = 300_000

export function callersOf(port: number) {
  const agents = new Map<string, Agent>()
  const agentOf = (peer: string) => {
    const agent = agents.get(peer) ?? new Agent({ keepAlive: true })
    agents.set(peer, agent)
    return agent
  }
  const keysOf = new Map<string, ReturnType<typeof createLocalJWKSet>>()

  const send = (peer: string, { host, path }: PlantedWorkspace, target: string, body?: string) =>
    new Promise<Answer>((resolve, reject) => {
      const started = performance.now()
      const asked = request({
        agent: agentOf(peer),
        localAddress: peer,
        host: '127.0.0.1',
        port,
        method: body === undefined ? 'GET' : 'POST',
        path: path + target,
        headers: {
          Host: host,
          ...(body !== undefined && {
            'Content-Type': 'application/x-www-form-urlencoded',
            'Content-Length': Buffer.byteLength(body),
          }),
        },
        timeout: PATIENCE_MS,
      })
      asked.on('timeout', () => asked.destroy(new Error('no answer in five minutes')))
      asked.on('error', reject)
      asked.on('response', (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (part: string) => (text += part))
        response.on('error', reject)
        response.on('end', () => {
          const told = response.headers['retry-after']
          const retryAfter = told === undefined ? undefined : Number(told)
          resolve({
            status: response.statusCode ?? 0,
            retryAfter,
            text,
            milliseconds: performance.now() - started,
          })
        })
      })
      asked.end(body)
    })

  const ask = (peer: string, at: PlantedWorkspace, id: string, secret: string): Promise<Answer> =>
    send(
      peer,
      at,
      '/oauth2/token',
      `grant_type=client_credentials&client_id=${encodeURIComponent(id)}&client_secret=${encodeURIComponent(secret)}`,
    )

  return {
    ask,

    /** @returns the answer; `status` is 0 where it said 200 and its token is not one for this client */
    async askRight(peer: string, { at, id, secret }: PlantedClient): Promise<Answer> {
      const answer = await ask(peer, at, id, secret)
      if (answer.status !== 200) return answer
      let keys = keysOf.get(at.issuer)
      if (keys === undefined) {
        const { text } = await send(peer, at, '/.well-known/jwks.json')
        keys = createLocalJWKSet(JSON.parse(text) as JSONWebKeySet)
        keysOf.set(at.issuer, keys)
      }
      const { access_token: token } = JSON.parse(answer.text) as { access_token: string }
      return jwtVerify(token, keys, { issuer: at.issuer, subject: id }).then(
        () => answer,
        () => ({ ...answer, status: 0 }),
      )
    },

    close(): void {
      for (const agent of agents.values()) agent.destroy()
    },
  }
}

type Pace = {
  readonly seconds: number
  /** A second. */
  readonly rate: number
  /** That may be under way; what is due beyond is left out. */
  readonly atOnce: number
}

/** @returns how many were begun, when all have ended */
export async function steadily(
  { seconds, rate, atOnce }: Pace,
  work: (index: number) => Promise<void>,
): Promise<number> {
  const under = new Set<Promise<void>>()
  const begun = performance.now()
  let due = 0
  let sent = 0
  const total = Math.round(seconds * rate)
  while (due < total) {
    const now = Math.min(total, Math.floor(((performance.now() - begun) * rate) / 1000) + 1)
    for (; due < now; due += 1) {
      if (under.size >= atOnce) continue
      const one = work(sent).finally(() => under.delete(one))
      under.add(one)
      sent += 1
    }
    await sleep(Math.max(1, (due * 1000) / rate - (performance.now() - begun)))
  }
  await Promise.all(under)
  return sent
}

/** Counts by what is counted. */
export function tally() {
  const counts: Record<string, number> = {}
  return { counts, add: (key: string) => void (counts[key] = (counts[key] ?? 0) + 1) }
}
