/**
 * Malformed requests with the right credentials, through proxies with our own files. A proxy may mend a frame or a head
 * before Regent sees it; a form, an Authorization, a target it hands on, and Regent refuses them as it does without it.
 */
import { malformedRequests } from './malformed-requests.ts'
import { openProxiedWorld, type ProxiedWorld } from './proxied-world.ts'
import { describeBehind, newCaller, PROXIES } from './proxy.ts'
import { pooled, request } from './raw.ts'
import { shapeFaults } from './refusal.ts'

const SEED = 20_261_124
/** REGENT_TEST_WHOLE=1 takes more than twice as long. */
const COUNT = process.env.REGENT_TEST_WHOLE === '1' ? 2000 : 800
const LINE = 'POST /acme/orders/oauth2/token HTTP/1.1'
const HOST = 'Host: acme.eu.token.example'
const FORM = 'Content-Type: application/x-www-form-urlencoded'
const TOKEN = 200

/** What is wrong stands in what a proxy writes anew. */
const MENDABLE = [
  'a request line that is none',
  'a header that is none',
  'bare line feeds',
  'a Content-Length that is none, or two',
  'Content-Length beside Transfer-Encoding (RFC 9112 §6.1)',
  'a transfer coding that is not chunked, once',
  'two Transfer-Encodings, or one before HTTP/1.1',
  'chunks that are none',
  'a host that is not ours, or none',
]

for (const name of PROXIES) {
  describeBehind(name, 'T39, T40, T42, T43 and T47, malformed requests', () => {
    let there: ProxiedWorld

    beforeAll(async () => {
      there = await openProxiedWorld(name)
    })
    afterEach(async () => {
      expect(there.faults()).toEqual([])
      expect(await outcomes(request(LINE, [HOST, FORM], there.form))).toEqual([TOKEN])
    })
    afterAll(() => there.close())

    const outcomes = async (bytes: string | Buffer, options = {}) => {
      const { answers, faults } = await there.send(newCaller(), bytes, options)
      expect(faults).toEqual([])
      return answers.map(({ status }) => status)
    }

    it(`each of ${COUNT} gets no token, unless the proxy has mended it (seed ${SEED})`, async () => {
      const subject = { host: 'acme.eu.token.example', path: '/acme/orders', ...there.robot }
      const wrong: string[] = []
      const refused = new Map<string, { family: string; reasons: readonly string[] }>()
      const mended = new Set<string>()
      await pooled(
        malformedRequests(subject, COUNT, SEED),
        async ({ family, bytes, reasons, head, end, broken }) => {
          const complain = (what: string) =>
            wrong.push(`${family}: ${what}: ${JSON.stringify(bytes.toString('latin1').slice(0, 500))}`)
          const sent = await there.send(newCaller(), bytes, { head, end, silence: 300 })
          sent.faults.forEach(complain)
          for (const answer of sent.answers) {
            const [requestId] = answer.headers.get('x-request-id') ?? []
            if (answer.status === TOKEN) mended.add(family)
            // The proxy's own: 501 and 505 say that it cannot read the message.
            else if (requestId === undefined) {
              if ([500, 502, 503, 504].includes(answer.status)) complain(`${name} ${answer.status}`)
            } else {
              shapeFaults(answer, head).forEach((fault) => complain(`without ${fault}`))
              if (!broken && !end) refused.set(requestId, { family, reasons })
            }
          }
        },
        64,
      )
      for (const observation of there.world.seen) {
        if (observation.type !== 'request_refused') continue
        const { family, reasons } = refused.get(observation.requestId) ?? { family: '', reasons: [] }
        if (family !== '' && !reasons.includes(observation.reason))
          wrong.push(`${family}: ${observation.reason}`)
      }
      expect(wrong.slice(0, 20)).toEqual([])
      expect([...mended].filter((family) => !MENDABLE.includes(family))).toEqual([])
      expect(new Set([...refused.values()].map(({ family }) => family)).size).toBeGreaterThan(15)
    })

    it.each([
      ['a body of 16 KiB and one byte', 16_385],
      ['a body of 60 KB', 60_000],
      ['a body of 10 GB that is only declared', 1e10],
    ])('T39 refuses %s', async (_case, size) => {
      const body = `${there.form}&x=`.padEnd(Math.min(size, 60_000), 'y')
      const bytes = [LINE, HOST, FORM, `Content-Length: ${size}`, 'Connection: close', '', body].join('\r\n')
      expect(await outcomes(bytes)).toEqual([413])
    })

    it('T39 takes a body of 16 KiB', async () => {
      const body = `${there.form}&x=`.padEnd(16_384, 'y')
      expect(await outcomes(request(LINE, [HOST, FORM], body))).toEqual([TOKEN])
    })

    it.each([
      ['a head', `${LINE}\r\n${HOST}\r\n`],
      ['a body', [LINE, HOST, FORM, 'Content-Length: 1000', '', 'grant_type='].join('\r\n')],
    ])('T40 does not wait for ever for the rest of %s', async (_case, bytes) => {
      // Far more than 5 and 10 seconds, and less than the 60 that nginx has by default.
      const patient = { patience: 50_000, silence: 50_000 }
      const { answers, closed, faults } = await there.send(newCaller(), bytes, patient)
      expect([answers.filter(({ status }) => status !== 408), closed, faults]).toEqual([[], true, []])
    })

    it.each(['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND'])(
      'T42 %s gets no token',
      async (method) => {
        const [status] = await outcomes(request(LINE.replace('POST', method), [HOST, FORM], there.form))
        expect(status).toBe(405)
      },
    )

    it.each([
      ['CONNECT', [`CONNECT acme.eu.token.example:443 HTTP/1.1`, HOST]],
      ['PRI, which begins HTTP/2 (RFC 9113 §3.4)', ['PRI * HTTP/2.0', '', 'SM']],
    ])('T42 opens no tunnel: %s', async (_case, lines) => {
      const planted = request(LINE, [HOST, FORM], there.form).toString()
      const statuses = await outcomes(`${lines.join('\r\n')}\r\n\r\n${planted}`)
      // What follows is a request of its own, at most.
      expect(statuses[0] ?? 400).toBeGreaterThanOrEqual(400)
    })

    it.each(['h2c', 'websocket'])(
      'T42 passes over Upgrade: %s, and what follows is a request',
      async (protocol) => {
        const upgrade = [
          'Connection: Upgrade, HTTP2-Settings',
          `Upgrade: ${protocol}`,
          'HTTP2-Settings: AAMAAABkAAQAAP__',
        ]
        const first = request(LINE, [HOST, FORM, ...upgrade], there.form).toString()
        const both =
          first.replace('Connection: close\r\n', '') + request(LINE, [HOST, FORM], there.form).toString()
        expect(await outcomes(both, { silence: 5000 })).toEqual([TOKEN, TOKEN])
      },
    )
  })
}
