/** Asks the administrative APIs of a world as their users do: over HTTP, with tokens that Regent issued. */
import request, { type Response } from 'supertest'
import { bootstrap } from '../../src/changes/bootstrap.ts'
import type { Region } from '../../src/tenancy/region.ts'
import { noteSecret } from '../support/noted-secrets.ts'
import { encodeForm, type World } from '../support/world.ts'
import { documented } from './documented.ts'

/** What it is, its reader says. */
export type Body = Response['body']

export type Answer = {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Body
  readonly text: string
}
type Options = {
  readonly headers?: Readonly<Record<string, string>>
  readonly token?: string | undefined
  /** Where it is sent, in place of the API's own host. */
  readonly host?: string
}
type Method = 'get' | 'post' | 'patch' | 'put' | 'delete'

/** Speaks to one API with one token. */
export type Api = ReturnType<typeof apiOf>

export function apiOf(world: World, url: string, token: string | undefined) {
  const { host, pathname } = new URL(url)
  return {
    url,
    token,
    async ask(method: Method, path: string, body?: object | string, options: Options = {}): Promise<Answer> {
      const bearer = 'token' in options ? options.token : token
      const agent = request(world.server)
      const asked = agent[method](pathname + path).set({
        Host: options.host ?? host,
        ...(bearer && { Authorization: `Bearer ${bearer}` }),
        ...options.headers,
      })
      // What is sent as it is, is text already.
      const answer = await (body === undefined ? asked : asked.send(body)).buffer(true).parse(readText)
      const text = String(answer.body)
      const json = /[/+]json$/.test(answer.type) && text !== '' ? JSON.parse(text) : {}
      for (const name of ['secret', 'client_secret'])
        for (const holder of [json, json.administrator ?? {}])
          if (typeof holder[name] === 'string') noteSecret('client secret', holder[name])
      documented(
        method,
        pathname + path,
        typeof body === 'object' ? body : undefined,
        answer.status,
        answer.type,
        json,
        text,
      )
      return {
        status: answer.status,
        headers: answer.headers,
        body: json,
        text,
      }
    },
  }
}

function readText(answer: unknown, done: (error: Error | null, text: string) => void): void {
  const response = answer as NodeJS.ReadableStream
  const chunks: Buffer[] = []
  response.on('data', (chunk: Buffer) => chunks.push(chunk))
  response.on('end', () => done(null, Buffer.concat(chunks).toString()))
}

/** @returns an access token. @param tokenEndpoint its URL */
export async function tokenFrom(
  world: World,
  tokenEndpoint: string,
  client: { readonly id: string; readonly secret: string },
  form: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { host, pathname } = new URL(tokenEndpoint)
  const { body, status } = await request(world.server)
    .post(pathname)
    .set({ Host: host, 'Content-Type': 'application/x-www-form-urlencoded' })
    .send(
      encodeForm({
        grant_type: 'client_credentials',
        client_id: client.id,
        client_secret: client.secret,
        ...form,
      }),
    )
  if (status !== 200) throw new Error(`no token: ${status} ${JSON.stringify(body)}`)
  return (body as { access_token: string }).access_token
}

/** The operators' API of a region, whose first operator was just made. */
export async function operatorOf(world: World, region: Region): Promise<Api> {
  const operator = await bootstrap(world.needs(region))
  if (operator === undefined) throw new Error('there is an operator already')
  noteSecret('client secret', operator.secret)
  const token = await tokenFrom(world, `${operator.issuer}/oauth2/token`, {
    id: operator.clientId,
    secret: operator.secret,
  })
  const host = region === 'none' ? 'token.example' : `${region}.token.example`
  return apiOf(world, `https://${host}/api/system`, token)
}

/** Makes a tenant, and speaks for its first administrator. */
export async function tenantBy(world: World, operator: Api, slug: string) {
  const { status, body } = await operator.ask('post', '/tenants', { slug })
  if (status !== 201) throw new Error(`no tenant: ${status} ${JSON.stringify(body)}`)
  const { administrator } = body
  const client = { id: administrator.client_id as string, secret: administrator.client_secret as string }
  const token = await tokenFrom(world, administrator.token_endpoint as string, client)
  return {
    ...apiOf(world, administrator.api as string, token),
    client,
    tokenEndpoint: administrator.token_endpoint as string,
  }
}
