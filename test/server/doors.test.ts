/**
 * Two servers of one database, one with the fast lane and one without: whatever they are asked, they answer with the same
 * bytes, but for the date, the request's id, and what differs from one token to the next.
 */
import type { Server } from 'node:http'
import { assembleServer } from '../../src/server/assemble.ts'
import type { TokenServer } from '../../src/server/server-parts.ts'
import {
  basic,
  encodeForm,
  INVOICES,
  listen,
  openWorld,
  ORDERS,
  type Credentials,
  type Form,
  type World,
} from '../support/world.ts'
import { BROWSER } from '../pages/look.ts'
import { contestedFrames, doubtfulFrames, framesBefore } from './frames.ts'
import { HEADS, LIES } from './heads.ts'
import { HOSTS } from './host-spellings.ts'
import { malformedRequests } from './malformed-requests.ts'
import { DOCUMENT_PATHS, PATHS } from './path-spellings.ts'
import { exchange, pooled, request, type Answer, type Exchange, type ExchangeOptions } from './raw.ts'
import { comparable } from './refusal.ts'

const SEED = 20_261_125
const COUNT = 2000

const HOST = 'Host: acme.eu.token.example'
const FORM = 'Content-Type: application/x-www-form-urlencoded'
const TOKEN = '/acme/orders/oauth2/token'
const KEYS = '/acme/orders/.well-known/jwks.json'

type Door = 'fast lane' | 'Express'
type Question = readonly [name: string, bytes: string | Buffer, options?: ExchangeOptions]

describe('the fast lane and Express', () => {
  let world: World
  let other: TokenServer
  let otherPort: number
  let robot: Credentials
  let wide: Credentials
  let form: string
  let good: Buffer
  const doors: Record<'lane' | 'express', Set<Door>> = { lane: new Set(), express: new Set() }

  beforeAll(async () => {
    world = await openWorld({ parts: { fastLane: true } })
    other = assembleServer({ ...world.parts, fastLane: false })
    await other.start()
    otherPort = await listen(other.http)
    noteDoors(world.server, doors.lane)
    noteDoors(other.http, doors.express)
    const orders = await world.workspace('https://acme.eu.token.example/orders', { audienceParameter: true })
    robot = await orders.client('robot')
    wide = await orders.client('wide', { onRequest: ['invoices:read'], severalResources: true })
    await world.workspace('https://rival.eu.token.example/orders')
    await Promise.all([...other.nodes.values()].map(({ directory }) => directory.feed.poll()))
    form = encodeForm({ grant_type: 'client_credentials', client_id: robot.id, client_secret: robot.secret })
    good = request(`POST ${TOKEN} HTTP/1.1`, [HOST, FORM], form)
  })
  afterAll(async () => {
    other.http.closeAllConnections()
    other.http.close()
    await other.stop()
    await world.close()
  })

  async function expectSame(questions: Iterable<Question>): Promise<ReadonlyMap<number, number>> {
    const different: unknown[] = []
    const statuses = new Map<number, number>()
    await pooled(
      questions,
      async ([name, bytes, options]) => {
        const [lane, express] = await Promise.all(
          [world.port, otherPort].map((port) => exchange(port, bytes, options)),
        )
        const [one, two] = [lane, express].map((given) => given && print(given))
        if (one !== two) different.push({ name, lane: one, express: two })
        for (const { status } of lane?.answers ?? []) statuses.set(status, (statuses.get(status) ?? 0) + 1)
      },
      8,
    )
    expect(different.slice(0, 5)).toEqual([])
    return statuses
  }

  const post = (body: string, headers: readonly string[] = [FORM], target = TOKEN): Buffer =>
    request(`POST ${target} HTTP/1.1`, [HOST, ...headers], body)
  const ask = ({ id, secret }: Credentials, more: Form) =>
    post(encodeForm({ grant_type: 'client_credentials', client_id: id, client_secret: secret, ...more }))

  it('are the two doors: the hot endpoints go through one and never through the other', async () => {
    await expectSame([
      ['a token', good],
      ['the key set', request(`GET ${KEYS} HTTP/1.1`, [HOST])],
      ['another method', request(`DELETE ${TOKEN} HTTP/1.1`, [HOST])],
    ])
    expect(doors).toEqual({ lane: new Set(['fast lane']), express: new Set(['Express']) })
  })

  it('grant the same tokens', async () => {
    const grant = encodeForm({ grant_type: 'client_credentials' })
    const statuses = await expectSame([
      ['by the body', good],
      ['by Basic', post(grant, [FORM, `Authorization: ${basic(robot)}`])],
      ['with a charset', post(form, [`${FORM}; charset=utf-8`])],
      ['a scope', ask(robot, { scope: 'read' })],
      ['a scope of another resource server', ask(wide, { scope: 'invoices:read' })],
      ['a resource', ask(robot, { resource: ORDERS })],
      ['an audience', ask(wide, { audience: ORDERS })],
      ['two resources', ask(wide, { resource: [ORDERS, INVOICES], scope: 'read invoices:read' })],
      ['parameters that nobody knows', ask(robot, { x: 'ä & b', y: '' })],
      ['a query', post(form, [FORM], `${TOKEN}?x=1`)],
      ['an unfinished secret', post(`${grant}&client_id=robot&client_secret=rgs_`)],
    ])
    expect(Object.fromEntries(statuses)).toEqual({ 200: 10, 401: 1 })
  })

  it('hand out the same documents', async () => {
    const { answers } = await exchange(world.port, request(`GET ${KEYS} HTTP/1.1`, [HOST]))
    const [etag = ''] = answers[0]?.headers.get('etag') ?? []
    const get = (headers: readonly string[], method = 'GET') =>
      request(`${method} ${KEYS} HTTP/1.1`, [HOST, ...headers])
    const statuses = await expectSame([
      ['plain', get([])],
      ['HEAD', get([], 'HEAD'), { head: true }],
      ['OPTIONS', get(['Origin: https://a.example', 'Access-Control-Request-Method: GET'], 'OPTIONS')],
      ['unchanged', get([`If-None-Match: ${etag}`])],
      ['unchanged, HEAD', get([`If-None-Match: "x", W/${etag}`], 'HEAD'), { head: true }],
      ['changed', get(['If-None-Match: "x"'])],
      ['with a body', request(`GET ${KEYS} HTTP/1.1`, [HOST], 'x'.repeat(100))],
      ['with a body that is too large', request(`GET ${KEYS} HTTP/1.1`, [HOST], 'x'.repeat(300_000))],
    ])
    expect(statuses.get(304)).toBe(2)
  })

  it('read addresses alike', async () => {
    const heads = HEADS.map(([name, line, headers]): Question => [
      name,
      request(line, [...headers, FORM], form),
    ])
    const hosts = HOSTS.map(([name, host]): Question => [
      `a host ${name}`,
      request(`POST ${TOKEN} HTTP/1.1`, [`Host: ${host}`, FORM], form),
    ])
    const paths = PATHS.map(([name, target]): Question => [name, post(form, [FORM], target)])
    const documents = DOCUMENT_PATHS.map(([name, target]): Question => [
      name,
      request(`GET ${target} HTTP/1.1`, [HOST]),
    ])
    const lies = LIES.map((lie): Question => [lie, post(form, [FORM, lie])])
    await expectSame([...heads, ...hosts, ...paths, ...documents, ...lies])
  })

  it('show the same pages, and refuse browsers alike', async () => {
    const get = (target: string, host = HOST, headers: readonly string[] = [BROWSER], method = 'GET') =>
      request(`${method} ${target} HTTP/1.1`, [host, ...headers])
    const statuses = await expectSame([
      ['the front step', get('/')],
      ['the front step of nobody', get('/', 'Host: nobody.eu.token.example')],
      ["the operators'", get('/', 'Host: eu.token.example')],
      ['the administrative APIs', get('/api')],
      ['HEAD', get('/', HOST, [], 'HEAD'), { head: true }],
      ['POST', request('POST / HTTP/1.1', [HOST, FORM], form)],
      ['a path that is not there', get('/nothing')],
      ['a workspace that is not there', get('/acme/ghost/.well-known/jwks.json')],
      [
        'HEAD of what is not there',
        get('/acme/ghost/.well-known/jwks.json', HOST, [BROWSER], 'HEAD'),
        { head: true },
      ],
      ['a host that is not ours', get('/', 'Host: token.example.org')],
      ['a host that is none', get('/', 'Host: <script>')],
      ['the token endpoint', get(TOKEN)],
      ['the token endpoint, by a machine', get(TOKEN, HOST, [])],
      ['the key set', get(KEYS)],
      ['a POST that likes pages', post('grant_type=x', [FORM, BROWSER])],
    ])
    expect(Object.fromEntries(statuses)).toEqual({ 200: 6, 400: 2, 404: 4, 405: 3 })
  })

  it('end frames alike, and answer what follows', async () => {
    const smuggled = `GET ${KEYS} HTTP/1.1\r\n${HOST}\r\n\r\n`
    const frames = [...framesBefore(smuggled), ...contestedFrames(smuggled), ...doubtfulFrames(smuggled)]
    const lasting = good.toString().replace('Connection: close\r\n', '')
    const statuses = await expectSame([
      ...frames.map(([name, headers, body]): Question => [
        name,
        `${[`POST ${TOKEN} HTTP/1.1`, HOST, FORM, ...headers, '', body].join('\r\n')}${smuggled}`,
        { silence: 1000 },
      ]),
      ['several requests', [lasting, smuggled, lasting, good].join('')],
      ['a good one and garbage', `${lasting}GARBAGE\r\n\r\n`],
      ['what waits to be told', post(form, [FORM, 'Expect: 100-continue'])],
      ['a miracle', post(form, [FORM, 'Expect: a miracle'])],
      ['an upgrade', post(form, [FORM, 'Upgrade: h2c'])],
    ])
    expect(statuses.has(100)).toBe(true)
  })

  it(`refuse alike each of ${COUNT} malformed requests (seed ${SEED})`, async () => {
    const subject = { host: 'acme.eu.token.example', path: '/acme/orders', ...robot }
    const statuses = await expectSame(
      malformedRequests(subject, COUNT, SEED).map(({ family, bytes, head, end }): Question => [
        family,
        bytes,
        { head, end, patience: 8000 },
      ]),
    )
    expect([...statuses.keys()].toSorted()).toEqual([400, 401, 404, 405, 413, 431])
  }, 240_000)
})

/** Express's router notes on a request which route it took. */
function noteDoors(server: Server, doors: Set<Door>): void {
  server.on('request', (asked) => doors.add('route' in asked ? 'Express' : 'fast lane'))
}

function print({ answers, closed }: Exchange): string {
  return [...answers.map((answer) => comparable(withPlainToken(answer))), closed ? 'closed' : 'open'].join(
    '\n',
  )
}

/** The token with its claims in the clear, without what is new in each. */
function withPlainToken(answer: Answer): Answer {
  const [, header = '', claims = ''] = /"access_token":"([^."]+)\.([^."]+)\.[^"]+"/.exec(answer.body) ?? []
  if (claims === '') return answer
  const plain = [header, claims].map((part) => Buffer.from(part, 'base64url').toString())
  return {
    ...answer,
    body: answer.body.replace(/"access_token":"[^"]+"/, plain.join('').replace(/"jti":"[\w-]{22}"/, 'JTI')),
  }
}
