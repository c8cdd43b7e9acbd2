/** Traces of a process as an operator starts it: an SDK is preloaded, and Regent knows its api only. */
import { readFileSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { openSite, type Site } from '../figures/site.ts'

jest.setTimeout(240_000)

type Line = {
  readonly pid: number
  readonly name: string
  readonly attributes: Readonly<Record<string, unknown>>
  readonly traceId: string
  readonly spanId: string
  readonly parent?: string
}

const SDK = resolve('test/support/spans-to-file.mjs')
const NAME = 'POST /:tenant/:workspace/oauth2/token'
const TRACE = '0af7651916cd43dd8448eb211c80319c'
const CALLER = 'b7ad6b7169203331'

describe('regent serve, with an SDK preloaded', () => {
  let site: Site
  const file = join(tmpdir(), `regent-spans-${process.pid}`)

  beforeAll(async () => {
    site = await openSite({ environment: { REGENT_DRAIN: '0' } })
  })
  afterAll(() => site.close())
  afterEach(() => rmSync(file, { force: true }))

  /** Each over a connection of its own. */
  const token = (port: number, secret: string, headers: Readonly<Record<string, string>> = {}) =>
    new Promise<number>((done, reject) => {
      const { host, pathname } = new URL(site.client.issuer)
      const form = {
        grant_type: 'client_credentials',
        client_id: site.client.clientId,
        client_secret: secret,
      }
      const body = new URLSearchParams(form).toString()
      const asked = request({
        host: '127.0.0.1',
        port,
        method: 'POST',
        path: `${pathname}/oauth2/token`,
        headers: {
          Host: host,
          'Content-Type': 'application/x-www-form-urlencoded',
          'Content-Length': body.length,
          Connection: 'close',
          ...headers,
        },
      })
      asked.on('error', reject)
      asked.on('response', (response) => response.resume().on('end', () => done(response.statusCode ?? 0)))
      asked.end(body)
    })
  const lines = () =>
    readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Line)

  it.each([
    ['the fast lane', 'on'],
    ['Express', 'off'],
  ])(
    "sends a span for each request through %s by its end, within its caller's trace",
    async (_door, lane) => {
      const node = await site.startNode({ SPANS_FILE: file, REGENT_FAST_LANE: lane }, ['--import', SDK])
      const traceparent = `00-${TRACE}-${CALLER}-01`
      expect(await token(node.port, site.client.secret, { traceparent })).toBe(200)
      expect(await token(node.port, 'wrong')).toBe(401)
      node.kill('SIGTERM')
      expect(await node.ended).toBe(0)

      const requests = lines().filter(({ name }) => name === NAME)
      expect(requests).toMatchObject([
        { traceId: TRACE, parent: CALLER, attributes: { 'http.response.status_code': 200 } },
        { attributes: { 'http.response.status_code': 401, 'regent.refusal.reason': 'secret_form' } },
      ])
      // What the first one waited for, too.
      const within = lines().filter(({ parent }) => parent === requests[0]?.spanId)
      expect(within.map(({ name }) => name)).toEqual(['read workspace', 'read client'])
      for (const secret of [site.client.secret, site.client.clientId, 'eyJ'])
        expect(readFileSync(file, 'utf8')).not.toContain(secret)
      expect(node.said.err).toBe('')
    },
  )

  it('has spans of each worker process, as Node hands on what is preloaded', async () => {
    const node = await site.startNode({ SPANS_FILE: file, REGENT_WORKERS: '2' }, ['--import', SDK])
    for (let count = 0; count < 8; count++) expect(await token(node.port, site.client.secret)).toBe(200)
    node.kill('SIGTERM')
    expect(await node.ended).toBe(0)

    const requests = lines().filter(({ name }) => name === NAME)
    expect(requests).toHaveLength(8)
    const processes = new Set(requests.map(({ pid }) => pid))
    expect(processes.size).toBe(2)
    expect(processes.has(node.pid)).toBe(false)
  })
})
