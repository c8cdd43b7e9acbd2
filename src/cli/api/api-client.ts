/**
 * Speaks to both administrative APIs as one client: a token for each, in memory; each POST with an Idempotency-Key, so that it can be
 * sent again when its answer was lost and nothing is done twice; what was refused thrown as `ApiProblem`. Commands decide what is
 * asked, and print it; this file knows neither.
 */
import { randomUUID } from 'node:crypto'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { CommandFault, EXIT } from '../exit-code.ts'
import { accessTokens, type Client } from './access-token.ts'
import { ApiProblem, readProblem } from './api-problem.ts'
import { ConnectionLost, type Http, type Received, type Sent } from './http.ts'
import type { Place } from './place.ts'

export type ApiName = keyof Place['apis']
export type ApiRequest = {
  /** Whose: of the tenant's own people, or of a region's operators. */
  readonly api: ApiName
  readonly method: Sent['method']
  /** Behind the API's own URL, as in `/workspaces/shop/clients`: what varies in it goes through `segment`. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | undefined>>
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly json?: object
  /** Sent as it is, in place of `json`; opened anew for each attempt. */
  readonly raw?: { readonly type: string; open(): string | Buffer | Readable }
}
export type ApiAnswer = {
  readonly status: number
  readonly headers: Received['headers']
  /** Undefined where the answer has no JSON body. */
  readonly body: Readonly<Record<string, unknown>> | undefined
}
export type ApiClient = {
  readonly place: Place
  /** @throws ApiProblem, ConnectionLost, CommandFault */
  ask(request: ApiRequest): Promise<ApiAnswer>
  /** The same, with the body as it comes: for what is long. Refusals are thrown too. */
  stream(request: ApiRequest): Promise<Received>
  /** Items of all pages of a list. */
  list(request: Pick<ApiRequest, 'api' | 'path' | 'query'>): AsyncGenerator<Readonly<Record<string, unknown>>>
  close(): Promise<void>
}

type Options = {
  readonly http: Http
  readonly place: Place
  readonly client: Client
  /** What happens meanwhile, in a sentence. */
  readonly report: (text: string) => void
}

const ATTEMPTS = 4
/** Milliseconds, doubled each time, where the server names no time. */
const PAUSE = 500
/** Milliseconds, whatever the server says. */
const LEAST = 100
/** Seconds: who is told to wait longer is not kept waiting by us. */
const LONGEST_PAUSE = 15
const PAGE = '200'

/** A part of a path that somebody typed. */
export const segment = (text: string): string => encodeURIComponent(text)

export function apiClient({ http, place, client, report }: Options): ApiClient {
  const tokens = accessTokens(http, place.tokenEndpoint, client)

  function baseOf(api: ApiName): string {
    const base = place.apis[api]
    if (base !== undefined) return base
    throw new CommandFault(
      EXIT.notAllowed,
      `This is for the operators of a region, and you are logged in at ${place.issuer}, as somebody of the tenant ${place.tenant}: name another profile with --profile.`,
    )
  }

  async function attempt(request: ApiRequest, headers: Readonly<Record<string, string>>): Promise<Received> {
    const base = baseOf(request.api)
    const url = `${base}${request.path}${printQuery(request.query)}`
    const body = request.raw?.open() ?? (request.json && JSON.stringify(request.json))
    const answer = await http.send(url, {
      method: request.method,
      headers: { ...headers, Authorization: `Bearer ${await tokens.of(base)}` },
      ...(body !== undefined && { body }),
    })
    if (answer.status < 400) return answer
    const problem = readProblem(
      answer.status,
      answer.headers['content-type'] ?? '',
      await answer.body.text(),
      url,
    )
    if (answer.status === 401) tokens.forget(base)
    const retryAfter = answer.headers['retry-after']
    throw new ApiProblem(problem, retryAfter === undefined ? undefined : Number(retryAfter))
  }

  /** @param read what is done with an answer: one that breaks off meanwhile is asked for again */
  async function retried<T>(request: ApiRequest, read: (answer: Received) => Promise<T>): Promise<T> {
    const type = request.raw?.type ?? (request.json && 'application/json')
    const headers = {
      ...(type !== undefined && { 'Content-Type': type }),
      ...(request.method === 'POST' && { 'Idempotency-Key': randomUUID() }),
      ...request.headers,
    }
    for (let count = 1; ; count += 1) {
      try {
        return await read(await attempt(request, headers))
      } catch (error) {
        const pause = count < ATTEMPTS ? pauseBefore(request, error, count) : undefined
        if (pause === undefined) throw error
        if (pause > 0) report(`${(error as Error).message}\nTrying again in ${Math.ceil(pause / 1000)} s.`)
        await sleep(pause)
      }
    }
  }

  const ask = (request: ApiRequest): Promise<ApiAnswer> =>
    retried(request, async ({ status, headers, body }) => {
      const text = await body.text().catch((cause: unknown) => {
        throw new ConnectionLost(place.issuer, cause)
      })
      return { status, headers, body: text === '' ? undefined : readObject(text, place) }
    })

  return {
    place,
    ask,
    stream: (request) => retried(request, async (answer) => answer),
    async *list({ api, path, query }) {
      let cursor: string | undefined
      do {
        const { body } = await ask({ api, method: 'GET', path, query: { limit: PAGE, ...query, cursor } })
        yield* (body?.items ?? []) as Readonly<Record<string, unknown>>[]
        cursor = body?.next_cursor as string | undefined
      } while (cursor !== undefined)
    },
    close: () => http.close(),
  }
}

/** @returns milliseconds; undefined where asking again is of no use, or could do something twice */
function pauseBefore({ method }: ApiRequest, error: unknown, count: number): number | undefined {
  const usual = PAUSE * 2 ** (count - 1)
  // Who asks again with the key of the first time is answered as then; a reading changes nothing.
  const repeatable = method === 'GET' || method === 'POST'
  if (error instanceof ConnectionLost) return repeatable && !error.nothingSent ? usual : undefined
  if (!(error instanceof ApiProblem)) return undefined
  const { status, reason } = error.problem
  // A token that has ended meanwhile: another one, at once, and once.
  if (status === 401) return count === 1 ? 0 : undefined
  if (status !== 503 && status !== 429) return undefined
  if (reason === 'outcome_unknown' && !repeatable) return undefined
  const wanted = error.retryAfter === undefined ? usual : Math.max(error.retryAfter * 1000, LEAST)
  return wanted <= LONGEST_PAUSE * 1000 ? wanted : undefined
}

function readObject(text: string, { issuer }: Place): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch (cause) {
    throw new CommandFault(
      EXIT.unavailable,
      `What answered for ${new URL(issuer).host} is not Regent: it sent no JSON. A proxy may stand in front.`,
      { cause },
    )
  }
}

function printQuery(query: ApiRequest['query'] = {}): string {
  const given = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value !== undefined) given.append(name, value)
  return given.size === 0 ? '' : `?${given.toString()}`
}
