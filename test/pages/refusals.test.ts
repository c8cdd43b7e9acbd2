/** Refusals for people and for machines: who is told on a page, and that nobody is told more. */
import { listen, openWorld, type World } from '../support/world.ts'
import { pages } from '../../src/pages/pages.ts'
import { assembleServer } from '../../src/server/assemble.ts'
import type { TokenServer } from '../../src/server/server-parts.ts'
import { comparable, readRefusal } from '../server/refusal.ts'
import { ask, request, type Answer } from '../server/raw.ts'
import { BROWSER, BROWSERS, look, pageFaults, textOf, textsOf } from './look.ts'

const HOST = 'acme.eu.token.example'
const NOTHING = '/acme/orders/nothing'
const LONG = 'what no browser sends'
const TOKEN = '/acme/orders/oauth2/token'

describe('what is refused', () => {
  let world: World
  let abroad: TokenServer
  let abroadPort: number

  beforeAll(async () => {
    world = await openWorld()
    await world.workspace(`https://${HOST}/orders`)
    const regions = new Map([...world.parts.regions].filter(([region]) => region === 'au'))
    abroad = assembleServer({ ...world.parts, regions })
    await abroad.start()
    abroadPort = await listen(abroad.http)
  })
  afterAll(async () => {
    abroad.http.closeAllConnections()
    abroad.http.close()
    await abroad.stop()
    await world.close()
  })

  const isPage = ({ headers }: Answer) => headers.get('content-type')?.join() === 'text/html; charset=utf-8'
  const seenOf = ({ headers }: Answer) =>
    world.seen.filter(
      (one) => one.type === 'request_refused' && one.requestId === headers.get('x-request-id')?.[0],
    )
  /** A page, that says what the JSON says. @returns its heading */
  function readPage(answer: Answer, machine: Answer): string | undefined {
    expect(answer.status).toBe(machine.status)
    expect(pageFaults(answer)).toEqual([])
    expect(answer.headers.get('cache-control')).toEqual(['no-store'])
    expect(answer.headers.get('vary')).toEqual(['Accept'])
    const { error_description: description, detail } = JSON.parse(machine.body) as Record<string, string>
    const sentence = (description ?? detail ?? '').replace(/ \(request .*/, '').slice(1)
    expect(textOf(answer.body)).toContain(sentence)
    expect(textsOf(answer.body, 'code')).toEqual([
      String(answer.status),
      answer.headers.get('x-request-id')?.[0],
    ])
    expect(seenOf(answer)).toHaveLength(1)
    return textsOf(answer.body, 'h1')[0]
  }

  it.each(BROWSERS)('is a page for browsers: %s', async (accept) => {
    const machine = await look(world, HOST, NOTHING, [])
    expect(readPage(await look(world, HOST, NOTHING, [`Accept: ${accept}`]), machine)).toBe('Nothing is here')
  })

  it.each([
    ['text/html', true],
    ['TEXT/HTML', true],
    ['text/*', true],
    ['text/html;q=0.9, application/json;q=0.8', true],
    ['text/html;q=0.5, application/json', false],
    ['text/html;q=0', false],
    ['text/html;q=no', false],
    ['application/json, text/html', false],
    ['application/json', false],
    ['*/*', false],
    ['application/*', false],
    ['text/plain', false],
    ['image/avif,image/webp,*/*;q=0.8', false],
    ['', false],
    [',', false],
    ['text', false],
    ['text/html" onload="x', false],
    [LONG, false],
  ])('Accept: %p', async (sent, page) => {
    const accept = sent === LONG ? `text/html,${'a/b,'.repeat(2000)}` : sent
    const plain = await look(world, HOST, NOTHING, [])
    const answer = await look(world, HOST, NOTHING, [`Accept: ${accept}`])
    expect(isPage(answer)).toBe(page)
    if (!page) expect(comparable(answer)).toBe(comparable(plain))
  })

  it('is JSON for machines, as it was, and says that there is a choice (RFC 9110 §12.5.5)', async () => {
    const plain = await look(world, HOST, NOTHING, [])
    expect(readRefusal(world, plain)).toBe('404 invalid_request unknown_address')
    expect(plain.headers.get('vary')).toEqual(['Accept'])
  })

  it('of HEAD has the length of the page', async () => {
    const page = await look(world, HOST, NOTHING)
    const answer = await look(world, HOST, NOTHING, [BROWSER], 'HEAD')
    expect([answer.status, answer.body, isPage(answer)]).toEqual([404, '', true])
    expect(answer.headers.get('content-length')).toEqual(page.headers.get('content-length'))
  })

  it('by the token endpoint stays JSON, whatever its caller likes to look at', async () => {
    const post = (target: string, body: string) =>
      ask(
        world.port,
        request(
          `POST ${target} HTTP/1.1`,
          [`Host: ${HOST}`, BROWSER, 'Content-Type: application/x-www-form-urlencoded'],
          body,
        ),
      )
    for (const [target, body, refusal] of [
      [TOKEN, 'grant_type=x', '400 unsupported_grant_type grant_type_unknown'],
      [TOKEN, 'grant_type=client_credentials', '401 invalid_client credentials_missing'],
      [NOTHING, '', '404 invalid_request unknown_address'],
      ['/acme/ghost/oauth2/token', 'grant_type=client_credentials', '404 invalid_request unknown_address'],
      ['/<script>', '', '400 invalid_request target_syntax'],
    ] as const) {
      const answer = await post(target, body)
      expect(readRefusal(world, answer)).toBe(refusal)
      expect(answer.headers.has('vary')).toBe(false)
    }
  })

  it('of a token endpoint that is opened in a browser is a page that keeps Allow', async () => {
    const answer = await look(world, HOST, TOKEN)
    expect(readPage(answer, await look(world, HOST, TOKEN, []))).toBe('Not to be opened in a browser')
    expect(answer.headers.get('allow')).toEqual(['POST'])
  })

  it('because its region is elsewhere is a page, the same for every tenant (T02)', async () => {
    const there = { port: abroadPort }
    const machine = await look(there, HOST, '/acme/orders/.well-known/jwks.json', [])
    const page = await look(there, HOST, '/acme/orders/.well-known/jwks.json')
    expect(readPage(page, machine)).toBe('Another server’s region')
    for (const [host, target] of [
      ['ghost.eu.token.example', '/ghost/orders/.well-known/jwks.json'],
      [HOST, '/'],
      ['eu.token.example', '/'],
    ] as const)
      expect(comparable(await look(there, host, target))).toBe(comparable(page))
  })

  it('is one page for what is not there: path, workspace, tenant, host (T15)', async () => {
    const page = comparable(await look(world, HOST, NOTHING))
    for (const [host, target] of [
      [HOST, '/acme/ghost/.well-known/jwks.json'],
      ['ghost.eu.token.example', '/ghost/orders/.well-known/jwks.json'],
      ['acme.us.token.example', '/acme/orders/.well-known/jwks.json'],
      [HOST, '/rival/orders/.well-known/jwks.json'],
      ['nobody.example', '/'],
      [HOST, '/favicon.ico'],
    ] as const)
      expect(comparable(await look(world, host, target))).toBe(page)
  })

  it.each([
    '/<script>alert(1)</script>',
    '/acme/orders/<img%20src=x%20onerror=alert(1)>',
    '/?<script>',
    '/acme/orders/%3Cscript%3Ealert(1)%3C/script%3E',
    "/acme/'onload='alert(1)",
    '/acme/orders/nothing?q=%22%3E%3Cscript%3E',
    '/api/%3Cscript%3E',
    '/api/admin/acme/%3Csvg%20onload=alert(1)%3E',
    '//evil.example/',
    '/%2e%2e/%2e%2e/etc/passwd',
  ])('repeats nothing that it was asked for: %s', async (target) => {
    const lies = ['X-Request-Id: <b>x</b>', 'Referer: https://x.example/<script>', 'Cookie: <script>']
    const answer = await look(world, HOST, target, [BROWSER, ...lies])
    const machine = await look(world, HOST, target, [])
    expect([400, 404]).toContain(answer.status)
    readPage(answer, machine)
    expect(answer.body).not.toMatch(/alert|onload|onerror|evil|etc|<b>|%3C/)
  })

  it('is escaped, also what no grammar of ours lets through', () => {
    const { refusalFor } = pages({ origin: world.parts.origin, regions: new Set(), apiDocument: () => ({}) })
    const hostile = `<script>"'&`
    const refusal = {
      status: 404,
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ error: 'x', error_description: hostile }),
      reason: 'x',
    }
    const asked = { method: 'GET', accept: 'text/html', authorized: false, requestId: hostile }
    const { body } = refusalFor(refusal, asked)
    expect(String(body)).not.toContain('<script>')
    expect(String(body).split('&lt;script&gt;&quot;&#39;&amp;')).toHaveLength(3)
  })

  it('by administration is a page where nothing is, and JSON for whoever has a token or lacks one', async () => {
    for (const target of ['/api/nothing', '/api/admin/rival/workspaces', '/api/admin/acme/nothing']) {
      const machine = await look(world, HOST, target, [])
      expect(machine.headers.get('content-type')).toEqual(['application/problem+json'])
      expect(readPage(await look(world, HOST, target), machine)).toBe('Nothing is here')
      const client = await look(world, HOST, target, [BROWSER, 'Authorization: Bearer x'])
      expect(JSON.parse(client.body)).toMatchObject({ status: 404 })
      expect(client.headers.has('vary')).toBe(false)
    }
    const unknown = await look(world, HOST, '/api/admin/acme/workspaces')
    expect(unknown.headers.get('content-type')).toEqual(['application/problem+json'])
    expect(unknown.status).toBe(401)
  })

  it('before a route, for its headers or its frame, is JSON or closes the connection, as it was', async () => {
    const many = Array.from({ length: 101 }, (_, at) => `X-${at}: x`)
    const tooMany = await look(world, HOST, '/', [BROWSER, ...many])
    expect(readRefusal(world, tooMany)).toBe('431 invalid_request too_many_headers')
    const broken = await ask(world.port, Buffer.from(`GET / HTTP/1.1\r\n${BROWSER}\r\nHost : x\r\n\r\n`))
    expect(readRefusal(world, broken)).toBe('400 invalid_request malformed_message')
    const bad = await look(world, HOST, '/<', [BROWSER])
    expect(bad.headers.get('connection')).toEqual(['close'])
    readPage(bad, await look(world, HOST, '/<', []))
  })
})
