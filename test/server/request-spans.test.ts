/** A span for each request, the same through both doors, with nothing in it that is nobody's business. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { compare as bcryptCompare } from 'bcrypt'
import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-node'
import { findTracer, flushTraces, inSpan } from '../../src/observe/tracing.ts'
import { openWorld, type Credentials, type World, type WorldWorkspace } from '../support/world.ts'

const ROUTE = '/:tenant/:workspace/oauth2/token'
const TRACE = '0af7651916cd43dd8448eb211c80319c'
const CALLER = 'b7ad6b7169203331'

const compare = async (secret: string, hash: string) => {
  if (secret === 'what breaks bcrypt') throw new RangeError('a fault')
  return bcryptCompare(secret, hash)
}

describe('without an SDK', () => {
  it('there is no tracer, work is only done, and nothing has to be sent', async () => {
    expect(findTracer()).toBeUndefined()
    await expect(inSpan('work', async () => trace.getActiveSpan())).resolves.toBeUndefined()
    await flushTraces()
  })
})

describe.each([
  ['the fast lane', true],
  ['Express', false],
])('the spans of requests through %s', (_door, fastLane) => {
  const exporter = new InMemorySpanExporter()
  let world: World
  let orders: WorldWorkspace
  let robot: Credentials

  beforeAll(async () => {
    // Before the server is put together, as whoever preloads it does.
    new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register()
    world = await openWorld({ regions: ['eu'], parts: { fastLane, compare } })
    orders = await world.workspace('https://acme.eu.token.example/orders', { chosenSecrets: true })
    robot = await orders.client('robot')
    await orders.token(robot).expect(200)
  })
  afterAll(async () => {
    await world.close()
    trace.disable()
  })
  beforeEach(() => exporter.reset())

  /** The answer may be read before the span has ended. */
  const spans = async (count: number): Promise<readonly ReadableSpan[]> => {
    for (let tries = 0; tries < 200 && exporter.getFinishedSpans().length < count; tries++)
      await new Promise((resolve) => setTimeout(resolve, 10))
    expect(exporter.getFinishedSpans().map(({ name }) => name)).toHaveLength(count)
    return exporter.getFinishedSpans()
  }

  it('say what was asked, of whom, and what was answered, by the conventions for HTTP servers', async () => {
    const answer = await orders.token(robot).set('Host', 'ACME.eu.token.example.:443').expect(200)
    const [span] = await spans(1)
    expect(span).toMatchObject({ name: `POST ${ROUTE}`, kind: SpanKind.SERVER, parentSpanContext: undefined })
    expect(span?.status).toEqual({ code: SpanStatusCode.UNSET })
    expect(span?.attributes).toEqual({
      'http.request.method': 'POST',
      'http.response.status_code': 200,
      'http.route': ROUTE,
      'url.scheme': 'https',
      'url.path': '/acme/orders/oauth2/token',
      'server.address': 'acme.eu.token.example',
      'server.port': 443,
      'regent.request.id': answer.headers['x-request-id'],
      'regent.region': 'eu',
      'regent.tenant.slug': 'acme',
      'regent.tenant.id': orders.workspace.tenant.id,
      'regent.workspace.slug': 'orders',
      'regent.workspace.id': orders.workspace.id,
    })
  })

  it("continue the caller's trace (W3C Trace Context §3.2)", async () => {
    await orders.token(robot).set('traceparent', `00-${TRACE}-${CALLER}-01`).expect(200)
    const [span] = await spans(1)
    expect(span?.spanContext().traceId).toBe(TRACE)
    expect(span?.parentSpanContext).toMatchObject({ spanId: CALLER, isRemote: true })
  })

  it('are not recorded where the caller did not (§3.2.2.5.1), and heed nothing malformed', async () => {
    await orders.token(robot).set('traceparent', `00-${TRACE}-${CALLER}-00`).expect(200)
    await orders
      .token(robot)
      .set('traceparent', `00-${'0'.repeat(32)}-${CALLER}-01`)
      .expect(200)
    const [span] = await spans(1)
    expect(span?.parentSpanContext).toBeUndefined()
  })

  it.each([
    ['a refusal', { scope: 'nothing' }, 400, 'scope_not_granted'],
    ['a wrong secret', { client_secret: 'wrong' }, 401, 'unknown_credential'],
  ])('give the reason of %s, which is no error of ours', async (_case, form, status, reason) => {
    await orders.token(robot, form).expect(status)
    await spans(status === 401 ? 3 : 1)
    const span = exporter.getFinishedSpans().find(({ kind }) => kind === SpanKind.SERVER)
    expect(span?.attributes).toMatchObject({
      'http.response.status_code': status,
      'regent.refusal.reason': reason,
    })
    expect(span?.attributes).not.toHaveProperty('error.type')
    expect(span?.status).toEqual({ code: SpanStatusCode.UNSET })
  })

  it('are errors where the fault is ours', async () => {
    await orders.token({ id: robot.id, secret: 'what breaks bcrypt' }).expect(500)
    const all = await spans(2)
    expect(all.map(({ name, attributes }) => [name, attributes['error.type']])).toEqual([
      ['bcrypt', 'RangeError'],
      [`POST ${ROUTE}`, '500'],
    ])
    const span = all.at(-1)
    expect(span?.attributes).toMatchObject({ 'error.type': '500', 'regent.refusal.reason': 'server_error' })
    expect(span?.status).toEqual({ code: SpanStatusCode.ERROR })
  })

  it('have no route where the front door refused, and no name of a caller', async () => {
    await orders.get('/secret/place?client_secret=x').expect(404)
    const [span] = await spans(1)
    expect(span?.name).toBe('GET')
    expect(span?.attributes).toEqual({
      'http.request.method': 'GET',
      'http.response.status_code': 404,
      'url.scheme': 'https',
      'regent.refusal.reason': 'unknown_address',
    })
  })

  it('have a route for each form of an address (RFC 8414 §3)', async () => {
    const document = '/.well-known/oauth-authorization-server'
    await orders.get(`${orders.path}${document}`).expect(200)
    await orders.get(`${document}${orders.path}`).expect(200)
    expect((await spans(2)).map(({ name }) => name)).toEqual([
      `GET /:tenant/:workspace${document}`,
      `GET ${document}/:tenant/:workspace`,
    ])
  })

  it('end where the caller went away', async () => {
    const socket = connect(world.port, '127.0.0.1')
    await once(socket, 'connect')
    const head = [`POST ${orders.path}/oauth2/token HTTP/1.1`, `Host: ${orders.host}`, 'Content-Length: 100']
    socket.write(`${head.join('\r\n')}\r\n\r\nhalf`)
    await new Promise((resolve) => setTimeout(resolve, 50))
    socket.resetAndDestroy()
    const [span] = await spans(1)
    expect(span?.attributes).toMatchObject({ 'error.type': 'abandoned' })
    expect(span?.attributes).not.toHaveProperty('http.response.status_code')
  })

  it('have the slow parts within: readings of the database, bcrypt, an RSA signature', async () => {
    const path = fastLane ? 'lane' : 'express'
    const rsa = await world.workspace(
      `https://acme.eu.token.example/${path}`,
      { chosenSecrets: true },
      {
        signingAlgorithm: 'RS256',
      },
    )
    const slow = await rsa.client('slow', {
      secret: { label: 'chosen', chosen: 'a chosen secret of its own' },
    })
    exporter.reset()
    await rsa.token(slow, { scope: 'read' }).expect(200)
    const all = await spans(5)
    const parent = all.at(-1)
    expect(parent?.name).toBe(`POST ${ROUTE}`)
    expect(all.slice(0, -1).map(({ name }) => name)).toEqual([
      'read workspace',
      'read client',
      'bcrypt',
      'RSA signature',
    ])
    for (const child of all.slice(0, -1))
      expect(child.parentSpanContext?.spanId).toBe(parent?.spanContext().spanId)
  })

  it('name neither secrets, tokens, clients nor callers (T46)', async () => {
    const { body } = await orders.token(robot).set('User-Agent', 'browser').expect(200)
    await orders.token({ id: 'nobody', secret: robot.secret }).expect(401)
    await orders.post('x', { Authorization: `Bearer ${robot.secret}`, Cookie: 'crumb' }).expect(400)
    await orders.postTo(`${orders.path}/oauth2/token?client_secret=${robot.secret}`, 'x').expect(400)
    const all = JSON.stringify(
      (await spans(6)).map(({ name, attributes, events, status }) => ({ name, attributes, events, status })),
    )
    const { access_token: token } = body as { access_token: string }
    for (const word of [robot.secret, token, 'robot', 'nobody', '127.0.0.1', 'browser', 'crumb'])
      expect(all).not.toContain(word)
  })
})
