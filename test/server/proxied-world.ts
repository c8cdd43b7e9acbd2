/**
 * A world behind a proxy, with two tenants and one client of each, and a record of what arrived at Regent. The proxy stamps
 * each request that it knows of with its caller and an id: one that arrives without was smuggled past it (RFC 9112 §11.2).
 */
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { openMetrics } from '../../src/observe/metrics.ts'
import { opsServer } from '../../src/server/ops-server.ts'
import { encodeForm, listen, openWorld, type Credentials } from '../support/world.ts'
import { issuerOf } from './issuer.ts'
import { startProxy, type ProxyName } from './proxy.ts'
import { exchange, type Answer, type Exchange, type ExchangeOptions, type Place } from './raw.ts'
import { readRefusal } from './refusal.ts'

export type Arrived = {
  readonly callers: readonly string[]
  readonly requestIds: readonly string[]
  readonly hosts: readonly string[]
  readonly target: string
  /** From the proxy. */
  readonly socket: Socket
  readonly response: ServerResponse
}

export type ProxiedWorld = Awaited<ReturnType<typeof openProxiedWorld>>

/** Whom a smuggled request says it comes from. */
export const NOBODY = '192.0.2.66'
const SERVERNAME = 'acme.eu.token.example'

const formOf = ({ id, secret }: Credentials) =>
  encodeForm({ grant_type: 'client_credentials', client_id: id, client_secret: secret })

export async function openProxiedWorld(name: ProxyName) {
  const world = await openWorld({ trustedProxies: ['127.0.0.1'] })
  const [acme, rival] = [
    await world.workspace('https://acme.eu.token.example/orders'),
    await world.workspace('https://rival.eu.token.example/orders'),
  ]
  const [robot, rivalRobot] = [await acme.client('robot'), await rival.client('robot')]
  const ops = opsServer(
    () => ({ ready: true }),
    openMetrics(() => undefined),
  )
  const opsPort = await listen(ops)
  const arrived: Arrived[] = []
  world.server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    arrived.push(readArrival(request, response))
  })
  const proxy = await startProxy(name, { port: world.port, opsPort })
  const callers = new Set<string>()
  const looked = { requests: 0, events: 0 }

  const there = {
    world,
    proxy,
    arrived,
    robot,
    form: formOf(robot),
    rivalForm: formOf(rivalRobot),
    arrivedFrom: (caller: string) => arrived.filter((one) => one.callers.includes(caller)),
    /** A way through the proxy, from an address of its own. */
    from(caller: string, servername = SERVERNAME): Place {
      callers.add(caller)
      return proxy.from(caller, servername)
    },

    /** Sends it and holds what comes back against what arrived. */
    async send(caller: string, bytes: string | Buffer, options: ExchangeOptions = {}) {
      const patient = { patience: 5000, silence: 1000, ...options }
      const sent = await exchange(there.from(caller), bytes, patient).catch(whenNoAnswer)
      const own = there.arrivedFrom(caller).flatMap(({ requestIds }) => requestIds)
      const faults = sent.answers.flatMap(({ headers, status }) => {
        const [id] = headers.get('x-request-id') ?? []
        return id === undefined || own.includes(id) || isUnstamped(id) ? [] : [`a stranger's ${status}`]
      })
      return { ...sent, faults }
    },

    /** @returns `200 {issuer}`; our refusal as code and reason; or `nginx 400` where the proxy answered by itself */
    read(answer: Answer, caller: string): string {
      if (!answer.headers.has('x-request-id')) return `${name} ${answer.status}`
      if (answer.status === 200) return `200 ${issuerOf(answer) ?? ''}`.trim()
      return readRefusal(world, answer, expect.stringMatching(`^(?:${caller}|127\\.0\\.0\\.1)$`))
    },

    /** What must never be so, whatever was sent; of what happened since it was last asked. */
    faults(): readonly string[] {
      const [requests, events] = [arrived.slice(looked.requests), world.seen.slice(looked.events)]
      looked.requests = arrived.length
      looked.events = world.seen.length
      return [...requests.flatMap(stampFaults), ...repeated(arrived), ...events.flatMap(tokenFaults)]
    },

    async close() {
      await proxy.stop()
      ops.close()
      await once(ops, 'close')
      await world.close()
    },
  }

  /** Refused before the stamp was read: no message, or so many headers that it was not among those that are. */
  const isUnstamped = (id: string) =>
    world.seen.some(
      (one) =>
        one.type === 'request_refused' &&
        one.requestId === id &&
        (one.peer === '127.0.0.1' || one.reason === 'too_many_headers'),
    )

  function stampFaults(one: Arrived): readonly string[] {
    const [caller = 'nobody'] = one.callers
    const stamped = one.callers.length === 1 && one.requestIds.length === 1 && callers.has(caller)
    const refused = one.response.statusCode === 431
    return [
      ...(stamped || refused ? [] : [`${one.target} arrived from ${one.callers.join(' and ')}`]),
      ...(one.response.statusCode >= 500 ? [`${one.target} was answered ${one.response.statusCode}`] : []),
    ]
  }

  function tokenFaults(one: (typeof world.seen)[number]): readonly string[] {
    if (one.type === 'server_error') return [`server_error: ${String(one.error)}`]
    if (one.type !== 'token_issued') return []
    const asked = arrived.find(({ requestIds }) => requestIds.includes(one.requestId))
    // Host and path of the one request that the token answers.
    const host = asked?.hosts.join().toLowerCase().replace(/:443$/, '').replace(/\.$/, '')
    const named = `https://${host}${asked?.target}`
    return named.startsWith(`${one.issuer}/`) ? [] : [`${one.issuer} in answer to ${named}`]
  }

  return there
}

/** What a proxy writes to whom it takes for an HTTP/0.9 or an HTTP/2 client. */
function whenNoAnswer(error: unknown): Exchange {
  if (!/^no HTTP answer: (?:<html>|\0)/.test((error as Error).message)) throw error
  return { answers: [], closed: true, reset: false }
}

function readArrival({ rawHeaders, socket, url = '' }: IncomingMessage, response: ServerResponse): Arrived {
  const all = (header: string) =>
    rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === header)
  return {
    callers: all('x-forwarded-for'),
    requestIds: all('x-request-id'),
    hosts: all('host'),
    target: url,
    socket,
    response,
  }
}

function repeated(arrived: readonly Arrived[]): readonly string[] {
  const ids = arrived.flatMap(({ requestIds }) => requestIds)
  return ids.length === new Set(ids).size ? [] : ['two requests arrived with one id']
}
