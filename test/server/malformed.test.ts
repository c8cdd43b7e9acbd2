/** What is no proper request: refused once and in our shape, whatever it is, and the server goes on. */
import { METHODS } from 'node:http'
import { connect } from 'node:net'
import { encodeForm, openWorld, type World, type WorldWorkspace } from '../support/world.ts'
import { framesBefore } from './frames.ts'
import { malformedRequests } from './malformed-requests.ts'
import { MALFORMED } from './outcomes.ts'
import { ask, exchange, pooled, request } from './raw.ts'
import { readRefusal, shapeFaults } from './refusal.ts'

const SEED = 20_260_919
const COUNT = 10_000
const MAX_BODY = 16 * 1024

const HOST = 'Host: acme.eu.token.example'
const FORM = 'Content-Type: application/x-www-form-urlencoded'
const TOKEN = '/acme/orders/oauth2/token'
const KEYS = '/acme/orders/.well-known/jwks.json'
const DOCUMENTS = [
  KEYS,
  '/acme/orders/.well-known/openid-configuration',
  '/acme/orders/.well-known/oauth-authorization-server',
  '/.well-known/oauth-authorization-server/acme/orders',
]
const TOO_LARGE = '413 invalid_request body_too_large'

describe('a server on the open sea', () => {
  let world: World
  let orders: WorldWorkspace
  let robot: { id: string; secret: string }
  let form: string
  let good: Buffer
  let lasting: string

  beforeAll(async () => {
    world = await openWorld()
    orders = await world.workspace('https://acme.eu.token.example/orders')
    robot = await orders.client('robot')
    form = encodeForm({ grant_type: 'client_credentials', client_id: robot.id, client_secret: robot.secret })
    good = request(`POST ${TOKEN} HTTP/1.1`, [HOST, FORM], form)
    lasting = good.toString().replace('Connection: close\r\n', '')
  })
  afterEach(async () => {
    // Whatever happened, it was no fault of the server, and the next one is served.
    expect(world.seen.filter(({ type }) => type === 'server_error')).toEqual([])
    expect(await ask(world.port, good)).toMatchObject({
      status: 200,
      body: expect.stringContaining('access_token'),
    })
  })
  afterAll(() => world.close())

  const post = (headers: readonly string[], body: string | Buffer = form) =>
    request(`POST ${TOKEN} HTTP/1.1`, [HOST, FORM, ...headers], body)
  const unframed = (headers: readonly string[], body = '', line = `POST ${TOKEN} HTTP/1.1`) =>
    [line, HOST, FORM, ...headers, '', body].join('\r\n')
  const refusal = async (bytes: string | Buffer, options = {}) =>
    readRefusal(world, await ask(world.port, bytes, options))

  it(`refuses each of ${COUNT} malformed requests, at most once (seed ${SEED})`, async () => {
    const next = `GET ${KEYS} HTTP/1.1\r\n${HOST}\r\nConnection: close\r\n\r\n`
    const before = world.seen.length
    const subject = { host: 'acme.eu.token.example', path: '/acme/orders', ...robot }
    const wrong: string[] = []
    const sent = new Map<string, number>()
    const answered = new Map<string, { family: string; reasons: readonly string[]; status: number }>()

    await pooled(malformedRequests(subject, COUNT, SEED).entries(), async ([index, malformed]) => {
      const { family, bytes, reasons, head, end, broken } = malformed
      sent.set(family, (sent.get(family) ?? 0) + 1)
      // Some arrive in pieces; behind what breaks the frame there is what looks like a request.
      const cut = index % 3 === 0 ? (index * 7919) % bytes.length : 0
      const whole = broken ? Buffer.concat([bytes, Buffer.from(next)]) : bytes
      const pieces = cut === 0 ? [whole] : [whole.subarray(0, cut), whole.subarray(cut)]
      const complaint = (what: string) =>
        wrong.push(`${family}: ${what}: ${JSON.stringify(bytes.toString('latin1').slice(0, 2000))}`)
      try {
        const { answers, closed } = await exchange(world.port, pieces, { head, end, patience: 8000 })
        if (!closed) complaint('left open')
        if (answers.length > 1 || (answers.length === 0 && !end)) complaint(`${answers.length} answers`)
        for (const answer of answers) {
          for (const fault of shapeFaults(answer, head)) complaint(`without ${fault}`)
          const [requestId = ''] = answer.headers.get('x-request-id') ?? []
          answered.set(requestId, { family, reasons, status: answer.status })
          if (broken && answer.headers.get('connection')?.[0] !== 'close') complaint('not said to be closed')
        }
      } catch (error) {
        complaint((error as Error).message)
      }
    })

    const observed = world.seen.slice(before)
    const counts: Record<string, Record<string, number>> = {}
    for (const observation of observed) {
      if (observation.type !== 'request_refused') continue
      const answer = answered.get(observation.requestId)
      if (answer === undefined) continue
      answered.delete(observation.requestId)
      const { family, reasons, status } = answer
      const { reason } = observation
      if (observation.status !== status || (reasons.length > 0 && !reasons.includes(reason))) {
        wrong.push(`${family}: ${status} ${reason}`)
      }
      counts[family] = { ...counts[family], [reason]: (counts[family]?.[reason] ?? 0) + 1 }
    }
    expect(wrong.slice(0, 20)).toEqual([])
    expect(observed.filter(({ type }) => type !== 'request_refused')).toEqual([])
    expect([...answered.values()]).toEqual([])
    // No family is only the shadow of another.
    expect(Math.min(...sent.values())).toBeGreaterThan(10)
    expect(Object.keys(counts).toSorted()).toEqual([...sent.keys()].toSorted())
  }, 120_000)

  describe('limits a body to 16 KiB (T39, RFC 9110 §15.5.14)', () => {
    const padded = (size: number) => `${form}&x=${'y'.repeat(size - form.length - 3)}`
    const chunked = (body: string) => `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`

    it('which it takes', async () => {
      expect((await ask(world.port, post([], padded(MAX_BODY)))).status).toBe(200)
      const bytes = unframed(['Transfer-Encoding: chunked', 'Connection: close'], chunked(padded(MAX_BODY)))
      expect((await ask(world.port, bytes)).status).toBe(200)
    })

    it.each([
      ['one byte more', () => post([], padded(MAX_BODY + 1))],
      ['three megabytes', () => post([], padded(3_000_000))],
      [
        'one byte more in chunks',
        () => unframed(['Transfer-Encoding: chunked'], chunked(padded(MAX_BODY + 1))),
      ],
      [
        'three megabytes in chunks',
        () => unframed(['Transfer-Encoding: chunked'], chunked(padded(3_000_000))),
      ],
      ['10 GB that are only declared', () => unframed(['Content-Length: 10000000000'], form)],
      [
        '10 GB in a chunk that is only declared',
        () => unframed(['Transfer-Encoding: chunked'], `${(1e10).toString(16)}\r\n${padded(20_000)}`),
      ],
    ])('refuses %s, and closes the connection', async (_case, bytes) => {
      const answer = await ask(world.port, bytes())
      expect(readRefusal(world, answer)).toBe(TOO_LARGE)
      expect(answer.headers.get('connection')).toEqual(['close'])
    })

    it('refuses what is declared without waiting for it, whatever was expected (RFC 9110 §10.1.1)', async () => {
      const bytes = unframed(['Content-Length: 16385', 'Expect: 100-continue'])
      const { answers, closed } = await exchange(world.port, bytes)
      expect([answers.at(-1)?.status, closed]).toEqual([413, true])
    })

    it('holds no more of it than that', async () => {
      const before = process.memoryUsage().rss
      const big = unframed(['Transfer-Encoding: chunked'], `${(1e10).toString(16)}\r\n${'y'.repeat(100_000)}`)
      await pooled(Array(300).fill(big) as string[], async (bytes) => {
        expect(await refusal(bytes)).toBe(TOO_LARGE)
      })
      expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000)
    })
  })

  describe('limits the headers (T39, RFC 6585 §5)', () => {
    const more = (count: number) => Array.from({ length: count }, (_, index) => `X-${index}: y`)

    it('to 100', async () => {
      // Host, Content-Type, Content-Length and Connection are four of them.
      expect((await ask(world.port, post(more(96)))).status).toBe(200)
      expect(await refusal(post(more(97)))).toBe('431 invalid_request too_many_headers')
      // Node 24 stops reading far beyond the limit, and says so as an overflow.
      expect(await refusal(post(more(400)))).toMatch(
        /^431 invalid_request (?:too_many_headers|headers_too_large)$/,
      )
    })

    it('and sees the ones that come late: a second Host is not hidden behind the others', async () => {
      expect(await refusal(post([...more(95), 'Host: rival.eu.token.example']))).toBe(
        '400 invalid_request host_count',
      )
      expect(await refusal(post([...more(96), 'Host: rival.eu.token.example']))).toBe(
        '431 invalid_request too_many_headers',
      )
    })

    it('to 16 KiB, of which the target is a part', async () => {
      const long = 'x'.repeat(MAX_BODY)
      expect((await ask(world.port, post([`X: ${'x'.repeat(15_000)}`]))).status).toBe(200)
      for (const bytes of [
        post([`X: ${long}`]),
        post([`X-${long}: x`]),
        post([`X: ${long.repeat(100)}`]),
        post([`X: ${long.slice(0, 9000)}`, `Y: ${long.slice(0, 9000)}`]),
        request(`POST ${TOKEN}?${long} HTTP/1.1`, [HOST, FORM], form),
      ]) {
        const answer = await ask(world.port, bytes)
        expect(readRefusal(world, answer)).toBe('431 invalid_request headers_too_large')
        expect(answer.headers.get('connection')).toEqual(['close'])
      }
    })
  })

  describe('takes the methods of each endpoint (T42, RFC 9110 §15.5.6)', () => {
    const pairs = METHODS.filter((method) => method !== 'CONNECT').flatMap((method) => [
      ...(method === 'POST' ? [] : [[method, TOKEN, 'POST'] as const]),
      ...(['GET', 'HEAD'].includes(method)
        ? []
        : DOCUMENTS.map((path) => [method, path, 'GET, HEAD'] as const)),
    ])

    it.each(pairs)('%s %s is answered with Allow: %s', async (method, path, allow) => {
      const bytes = request(`${method} ${path} HTTP/1.1`, [HOST, FORM, 'X-Secret: sesame'], form)
      const answer = await ask(world.port, bytes, { head: method === 'HEAD' })
      expect(answer.headers.get('allow')).toEqual([allow])
      expect(answer.status).toBe(405)
      const [requestId] = answer.headers.get('x-request-id') ?? []
      const seen = world.seen.findLast(
        (observation) => observation.type === 'request_refused' && observation.requestId === requestId,
      )
      expect(seen).toMatchObject({ status: 405, reason: 'method_not_allowed' })
      // RFC 9110 §9.3.8: TRACE would send back what it was sent.
      expect(`${answer.head}${answer.body}`).not.toContain('sesame')
      expect(answer.headers.has('access-control-allow-origin')).toBe(false)
      if (method !== 'HEAD') expect(readRefusal(world, answer)).toBe('405 invalid_request method_not_allowed')
    })

    it.each(['acme.eu.token.example:443', TOKEN, '127.0.0.1:80', '*'])(
      'CONNECT %s opens no tunnel: it has no target that could be an endpoint (§9.3.6)',
      async (target) => {
        const bytes = request(`CONNECT ${target} HTTP/1.1`, [HOST])
        const answer = await ask(world.port, Buffer.concat([bytes, good]))
        expect(readRefusal(world, answer)).toBe(MALFORMED)
        expect(answer.headers.get('connection')).toEqual(['close'])
      },
    )

    it('survives who asks for a tunnel and resets the connection', async () => {
      for (let round = 0; round < 50; round += 1) {
        await new Promise((resolve) => {
          const socket = connect(world.port, '127.0.0.1', () => {
            socket.write(`CONNECT a:1 HTTP/1.1\r\n${HOST}\r\n\r\n`, () => {
              if (round % 2 === 0) socket.resetAndDestroy()
              else setImmediate(() => socket.resetAndDestroy())
            })
          })
          socket.on('close', resolve)
        })
      }
    })

    it.each(DOCUMENTS)('HEAD %s has the headers of GET and no body (§9.3.2)', async (path) => {
      const [get, head] = [
        await ask(world.port, request(`GET ${path} HTTP/1.1`, [HOST])),
        await ask(world.port, request(`HEAD ${path} HTTP/1.1`, [HOST]), { head: true }),
      ]
      const plain = (headers: typeof get.headers) =>
        [...headers].filter(([name]) => !['date', 'x-request-id'].includes(name))
      expect([get.status, head.status]).toEqual([200, 200])
      expect(plain(head.headers)).toEqual(plain(get.headers))
    })

    it('answers HEAD of what is not there without a body', async () => {
      const { answers } = await exchange(world.port, request('HEAD /x HTTP/1.1', [HOST]), { head: true })
      expect(answers.map(({ status }) => status)).toEqual([404])
    })
  })

  describe('frames that two readers may read differently (T41, RFC 9112 §6.3)', () => {
    const smuggled = `GET ${KEYS} HTTP/1.1\r\n${HOST}\r\n\r\n`

    it.each(framesBefore(smuggled))('%s: one answer, and the end', async (_case, headers, body) => {
      expect(await refusal(`${unframed(headers, body)}${smuggled}`)).toBe(MALFORMED)
    })

    it.each(['HTTP/1.0', 'HTTP/0.9', 'HTTP/2.0'])('chunks in %s, which has none (§6.1)', async (version) => {
      const bytes = unframed(
        ['Connection: keep-alive', 'Transfer-Encoding: chunked'],
        `${form.length.toString(16)}\r\n${form}\r\n0\r\n\r\n`,
        `POST ${TOKEN} ${version}`,
      )
      expect(await refusal(`${bytes}${smuggled}`)).toBe(MALFORMED)
    })

    it.each([
      ['garbage', 'GARBAGE\r\n\r\n'],
      ['a request with broken chunks', unframed(['Transfer-Encoding: chunked'], 'zz\r\n')],
      [
        'a document with broken chunks',
        unframed(['Transfer-Encoding: chunked'], 'zz\r\n', `GET ${KEYS} HTTP/1.1`),
      ],
      ['a tunnel', 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n'],
    ])('answers a good request first when %s follows it (§9.3.2)', async (_case, bad) => {
      const { answers, closed } = await exchange(world.port, `${lasting}${bad}`)
      expect(answers.map(({ status }) => status)).toEqual([200, 400])
      const [first, second] = answers
      expect(first?.body).toContain('access_token')
      expect([second && readRefusal(world, second), closed]).toEqual([MALFORMED, true])
    })

    it('answers requests that follow each other in their order', async () => {
      const document = `GET ${KEYS} HTTP/1.1\r\n${HOST}\r\n\r\n`
      const lost = `GET /x HTTP/1.1\r\n${HOST}\r\n\r\n`
      const { answers, closed } = await exchange(
        world.port,
        [lasting, document, lost, document, good].join(''),
      )
      expect([answers.map(({ status }) => status), closed]).toEqual([[200, 200, 404, 200, 200], true])
    })

    it.each([
      ['a path that is not there', `POST /x HTTP/1.1\r\n${HOST}\r\n`, 404],
      ['a host that is not ours', `POST ${TOKEN} HTTP/1.1\r\nHost: x\r\n`, 404],
      ['no Host', `POST ${TOKEN} HTTP/1.1\r\n`, 400],
    ])(
      'gives no second answer when the body of a refused request turns out broken: %s',
      async (_case, head, status) => {
        for (const body of [['zz\r\n'], ['5\r\nabcde\r\n', 'zz\r\n']]) {
          const { answers, closed } = await exchange(world.port, [
            `${head}Transfer-Encoding: chunked\r\n\r\n`,
            ...body,
          ])
          expect([answers.map((answer) => answer.status), closed]).toEqual([[status], true])
        }
      },
    )

    it('gives one answer when a document is asked for with a broken body', async () => {
      for (const path of DOCUMENTS) {
        const bytes = unframed(['Transfer-Encoding: chunked'], 'zz\r\n', `GET ${path} HTTP/1.1`)
        expect(await refusal(bytes)).toBe(MALFORMED)
      }
    })

    it('lets a caller finish who goes on sending, so that its answer is not lost (RFC 9112 §9.6)', async () => {
      const socket = connect({ port: world.port, host: '127.0.0.1', allowHalfOpen: true })
      let received = ''
      const errors: Error[] = []
      socket.on('error', (error) => errors.push(error))
      socket.on('data', (chunk) => (received += chunk.toString()))
      for (let round = 0; round < 8; round += 1) {
        socket.write('GARBAGE\r\n\r\n')
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      expect(errors).toEqual([])
      expect(received.match(/^HTTP\/1\.1 .*$/gm)).toEqual([expect.stringContaining(' 400 ')])
      socket.destroy()
    })

    it('closes the connection even when the caller does not', async () => {
      const before = await connections()
      const sockets = [
        'GARBAGE\r\n\r\n',
        'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n',
        unframed(['Transfer-Encoding: chunked'], 'zz\r\n'),
      ].map((bytes) => {
        const socket = connect({ port: world.port, host: '127.0.0.1', allowHalfOpen: true })
        socket.on('error', () => {})
        socket.resume()
        socket.write(bytes)
        return socket
      })
      await new Promise((resolve) => setTimeout(resolve, 2000))
      expect(await connections()).toBe(before)
      for (const socket of sockets) socket.destroy()
    })
    const connections = () =>
      new Promise<number>((resolve, reject) =>
        world.server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
      )
  })

  describe('what a client may ask of a connection (T42)', () => {
    it('Expect: 100-continue, and sends the body then (RFC 9110 §10.1.1)', async () => {
      const { answers } = await exchange(world.port, post(['Expect: 100-continue']))
      expect(answers.map(({ status }) => status)).toEqual([100, 200])
    })

    it('Expect: anything else, which is passed over', async () => {
      expect((await ask(world.port, post(['Expect: a miracle']))).status).toBe(200)
      expect(await refusal(request('POST /x HTTP/1.1', [HOST, 'Expect: a miracle'], form))).toBe(
        '404 invalid_request unknown_address',
      )
    })

    it.each(['h2c', 'websocket', 'TLS/1.3'])(
      'Upgrade: %s, which is passed over (RFC 9110 §7.8)',
      async (protocol) => {
        const bytes = lasting.replace(
          '\r\n',
          `\r\nUpgrade: ${protocol}\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n`,
        )
        const { answers } = await exchange(world.port, `${bytes}${good.toString()}`)
        expect(answers.map(({ status }) => status)).toEqual([200, 200])
        const asked = await ask(
          world.port,
          good.toString().replace('Connection: close', `Upgrade: ${protocol}\r\nConnection: upgrade, close`),
        )
        expect(asked.status).toBe(200)
      },
    )

    it('empty lines before the request (RFC 9112 §2.2), and a chunk extension (§7.1.1)', async () => {
      expect((await ask(world.port, `\r\n\r\n${good.toString()}`)).status).toBe(200)
      const body = `${form.length.toString(16)};name=value\r\n${form}\r\n0\r\n\r\n`
      const bytes = unframed(['Transfer-Encoding: Chunked', 'Connection: close'], body)
      expect((await ask(world.port, bytes)).status).toBe(200)
    })

    it('trailers, which are no headers (RFC 9110 §6.5.1)', async () => {
      const body = `${form.length.toString(16)}\r\n${form}\r\n0\r\nHost: rival.eu.token.example\r\nAuthorization: Basic x\r\n\r\n`
      const bytes = unframed(['Transfer-Encoding: chunked', 'Connection: close'], body)
      expect((await ask(world.port, bytes)).status).toBe(200)
    })
  })

  describe('a caller who is slow or goes away (T40)', () => {
    it('is given 5 seconds for the headers and 10 for the whole, answered once, and closed', async () => {
      const started = Date.now()
      const slow = async (bytes: string) => {
        const { answers, closed } = await exchange(world.port, bytes)
        return [
          answers.map((answer) => readRefusal(world, answer)),
          closed,
          Math.round((Date.now() - started) / 1000),
        ]
      }
      const trickle = async () => {
        const socket = connect(world.port, '127.0.0.1')
        socket.on('error', () => {})
        socket.resume()
        socket.write(`POST ${TOKEN} HTTP/1.1\r\n`)
        const timer = setInterval(() => socket.write('X: y\r\n'), 200)
        await new Promise((resolve) => socket.on('close', resolve))
        clearInterval(timer)
        return Math.round((Date.now() - started) / 1000)
      }
      const late = '408 invalid_request request_too_slow'
      const [head, trickled, body, chunks, refused] = await Promise.all([
        slow(`POST ${TOKEN} HTTP/1.1\r\n${HOST}\r\n`),
        trickle(),
        slow(unframed(['Content-Length: 100'], 'x')),
        slow(unframed(['Transfer-Encoding: chunked'], '1\r\nx\r\n')),
        slow(unframed(['Content-Length: 100'], 'x', 'POST /x HTTP/1.1')),
      ])
      expect(head).toEqual([[late], true, expect.any(Number)])
      expect(body).toEqual([[late], true, expect.any(Number)])
      expect(chunks).toEqual([[late], true, expect.any(Number)])
      // It has its answer: a 408 would be taken for the next one.
      expect(refused).toEqual([['404 invalid_request unknown_address'], true, expect.any(Number)])
      expect([head[2], trickled].every((seconds) => Number(seconds) >= 5 && Number(seconds) <= 8)).toBe(true)
      expect(
        [body[2], chunks[2], refused[2]].every((seconds) => Number(seconds) >= 10 && Number(seconds) <= 13),
      ).toBe(true)
    })

    it('and leaves in the middle is nobody the server has anything to say about', async () => {
      const before = world.seen.length
      for (const bytes of [
        '',
        `POST ${TOKEN} HT`,
        unframed(['Content-Length: 100'], 'x'),
        unframed(['Transfer-Encoding: chunked'], '5\r\nab'),
      ]) {
        for (let round = 0; round < 10; round += 1) {
          await new Promise((resolve) => {
            const socket = connect(world.port, '127.0.0.1', () =>
              socket.write(bytes || '\r\n', () => setTimeout(() => socket.resetAndDestroy(), 5)),
            )
            socket.on('close', resolve)
          })
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 100))
      expect(world.seen.slice(before)).toEqual([])
    })
  })
})
