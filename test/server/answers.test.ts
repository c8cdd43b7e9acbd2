/** What must hold of every answer of the token endpoint, for each status that it has: who may keep it, what it tells. */
import { basic, encodeForm, openWorld, type World, type WorldWorkspace } from '../support/world.ts'
import { ask, request, type Answer } from './raw.ts'

const TOKEN = '/acme/orders/oauth2/token'
const HOST = 'Host: acme.eu.token.example'
const FORM = 'Content-Type: application/x-www-form-urlencoded'
/** Put wherever a request has room for it. */
const MARK = 'sesame'
/** Files, frames of a stack, what our libraries and PostgreSQL say, and who wrote the answer. */
const INSIDE =
  /\.[cm]?[jt]s\b|node:|node_modules|\n\s+at |ERR_|HPE_|[A-Z][a-z]*Error\b|[Ee]xception|select |insert |regent\.|relation|[Pp]ostgres|[Ee]xpress|undefined|\[object/

describe('every answer of the token endpoint', () => {
  let world: World
  let orders: WorldWorkspace
  let robot: { id: string; secret: string }
  let answers: readonly (readonly [name: string, status: number, answer: Answer])[]

  beforeAll(async () => {
    world = await openWorld()
    orders = await world.workspace('https://acme.eu.token.example/orders')
    robot = await orders.client('robot')
    const broken = await world.workspace('https://acme.eu.token.example/broken')
    const ruined = await broken.client('robot')
    await world.superuser(
      `update regent.signing_key set sealed_private_key = '\\x00' where workspace_id = $1`,
      [broken.workspace.id],
    )
    answers = await Promise.all(
      questions(ruined).map(
        async ([name, status, bytes]) =>
          [name, status, await ask(world.port, bytes, { head: name.startsWith('HEAD') })] as const,
      ),
    )
  })
  afterAll(() => world.close())

  type Question = readonly [name: string, status: number, bytes: Buffer]

  function questions(ruined: { id: string; secret: string }): readonly Question[] {
    const grant = { grant_type: 'client_credentials' }
    const own = { ...grant, client_id: robot.id, client_secret: robot.secret }
    const post = (form: object, headers: readonly string[] = [FORM], target = TOKEN) =>
      request(
        `POST ${target} HTTP/1.1`,
        [HOST, `X-Mark: ${MARK}`, ...headers],
        encodeForm({ ...form, [MARK]: MARK }),
      )
    return [
      ['a token', 200, post(own)],
      ['a token by Basic', 200, post(grant, [FORM, `Authorization: ${basic(robot)}`])],
      ['an unknown grant', 400, post({ ...own, grant_type: MARK })],
      ['an unknown scope', 400, post({ ...own, scope: MARK })],
      ['an unknown resource', 400, post({ ...own, resource: `https://${MARK}.example` })],
      ['another Content-Type', 400, post(own, [`Content-Type: text/${MARK}`])],
      ['a bad escape', 400, request(`POST ${TOKEN} HTTP/1.1`, [HOST, FORM], `${MARK}=%${MARK}`)],
      ['a secret in the query', 400, post(own, [FORM], `${TOKEN}?client_secret=${MARK}`)],
      ['an unknown client', 401, post({ ...own, client_id: MARK })],
      ['a wrong secret', 401, post({ ...own, client_secret: MARK })],
      ['Authorization of another scheme', 401, post(grant, [FORM, `Authorization: Bearer ${MARK}`])],
      ['an unknown path', 404, post(own, [FORM], `/acme/${MARK}/oauth2/token`)],
      ['an unknown method', 405, request(`DELETE ${TOKEN}?${MARK} HTTP/1.1`, [HOST, `X-Mark: ${MARK}`])],
      ['HEAD', 405, request(`HEAD ${TOKEN} HTTP/1.1`, [HOST, `X-Mark: ${MARK}`])],
      ['too much of it', 413, post({ ...own, x: MARK.repeat(5000) })],
      [
        'too many headers',
        431,
        post(own, [FORM, ...Array.from({ length: 100 }, (_, at) => `X-${at}: ${MARK}`)]),
      ],
      ['no HTTP', 400, Buffer.from(`${MARK}\r\n\r\n`)],
      [
        'a fault of ours',
        500,
        post({ ...own, client_secret: ruined.secret }, [FORM], '/acme/broken/oauth2/token'),
      ],
    ]
  }

  it('has the status that is meant here', () => {
    expect(answers.map(([name, , { status }]) => [name, status])).toEqual(
      answers.map(([name, status]) => [name, status]),
    )
  })

  it('is for nobody to keep (T45, RFC 6749 §5.1, RFC 9111 §5.2.2.5)', () => {
    const kept = ['etag', 'last-modified', 'expires', 'age', 'access-control-allow-origin']
    for (const [name, , { headers }] of answers) {
      expect([name, headers.get('cache-control'), headers.get('pragma')]).toEqual([
        name,
        ['no-store'],
        ['no-cache'],
      ])
      expect([name, kept.filter((header) => headers.has(header))]).toEqual([name, []])
    }
  })

  it('carries the same table of security headers, the one to what is no HTTP too', () => {
    const { headers: table } = answers[0]?.[2] ?? { headers: new Map() }
    expect(table.get('content-security-policy')).toEqual(["default-src 'none';frame-ancestors 'none'"])
    expect(table.get('strict-transport-security')).toEqual(['max-age=31536000; includeSubDomains'])
    const secured = [...table.keys()].filter((name) =>
      /^(?:content-security|cross-origin|origin-agent|referrer|strict-transport|x-(?!request-id))/.test(name),
    )
    expect(secured.length).toBeGreaterThan(10)
    for (const [name, , { headers }] of answers) {
      expect([name, ...secured.map((header) => headers.get(header))]).toEqual([
        name,
        ...secured.map((header) => table.get(header)),
      ])
    }
  })

  it('tells nothing of what is inside, and repeats nothing of what it was sent (T47)', () => {
    for (const [name, status, { head, headers, body }] of answers) {
      // A token is an arbitrary text, and for who asked.
      const fields = head.slice(head.indexOf('\r\n'))
      const told = status === 200 ? fields : `${fields}\r\n\r\n${body}`
      expect([name, INSIDE.exec(told)?.[0]]).toEqual([name, undefined])
      expect([name, told.includes(MARK), told.includes(robot.secret)]).toEqual([name, false, false])
      expect([name, headers.has('server'), headers.has('x-powered-by')]).toEqual([name, false, false])
    }
  })
})
