/** SQL where a name, a secret or a header is expected: nothing of it ever stands in a statement (T12). */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { shapeFaults } from '../server/refusal.ts'
import { ask, pooled, request } from '../server/raw.ts'
import { startPostgres, type TestServer } from '../support/postgres.ts'
import { basic, encodeForm, openWorld, type World, type WorldWorkspace } from '../support/world.ts'
import { injections, MARK } from './injections.ts'

/** Statements as they were sent; values that were bound to them are left out. */
const LOGGING = {
  logging_collector: 'on',
  log_directory: 'log',
  log_filename: 'statements',
  log_rotation_age: '0',
  log_rotation_size: '0',
  log_min_messages: 'log',
  log_statement: 'all',
  log_parameter_max_length: '0',
}
const FORM = 'Content-Type: application/x-www-form-urlencoded'

describe('SQL in a request (T12)', () => {
  const shared = process.env.REGENT_TEST_POSTGRES
  let server: TestServer
  let world: World
  let orders: WorldWorkspace
  let robot: { id: string; secret: string }
  let wrong: { id: string; secret: string }

  beforeAll(async () => {
    server = await startPostgres({ settings: LOGGING })
    process.env.REGENT_TEST_POSTGRES = server.url
    world = await openWorld({ trustedProxies: ['127.0.0.1'] })
    orders = await world.workspace('https://acme.eu.token.example/orders', {
      chosenSecrets: true,
      audienceParameter: true,
    })
    robot = await orders.client('robot')
    wrong = { id: 'robot', secret: 'a chosen secret that nobody has' }
  }, 120_000)
  afterAll(async () => {
    await world.close()
    process.env.REGENT_TEST_POSTGRES = shared
    await server.stop()
  })

  const post = (
    form: Record<string, string>,
    headers: readonly string[] = [],
    more: { host?: string; target?: string } = {},
  ) =>
    request(
      utf8(`POST ${more.target ?? '/acme/orders/oauth2/token'} HTTP/1.1`),
      [`Host: ${more.host ?? 'acme.eu.token.example'}`, FORM, ...headers].map(utf8),
      encodeForm({ grant_type: 'client_credentials', ...form }),
    )
  const as = ({ id, secret }: typeof robot, form: Record<string, string> = {}) =>
    ({ client_id: id, client_secret: secret, ...form }) as Record<string, string>

  /** Where a caller can write. What would be granted otherwise comes with a wrong secret. */
  const places: Readonly<Record<string, (text: string) => Buffer>> = {
    'the tenant of the host': (text) => post(as(robot), [], { host: `acme${text}.eu.token.example` }),
    'the host': (text) => post(as(robot), [], { host: `${text}.token.example` }),
    'the tenant of the path': (text) => post(as(robot), [], { target: `/acme${text}/orders/oauth2/token` }),
    'the workspace of the path, encoded': (text) =>
      post(as(robot), [], { target: `/acme/orders${encodeURIComponent(text)}/oauth2/token` }),
    'the query': (text) =>
      post(as(wrong), [], { target: `/acme/orders/oauth2/token?x=${encodeURIComponent(text)}` }),
    'the path of a document': (text) =>
      request(utf8(`GET /acme/orders${text}/.well-known/jwks.json HTTP/1.1`), [
        'Host: acme.eu.token.example',
      ]),
    client_id: (text) => post(as({ ...robot, id: `robot${text}` })),
    'client_id alone': (text) => post(as({ ...robot, id: text })),
    client_secret: (text) => post(as({ ...robot, secret: text })),
    'the end of client_secret': (text) => post(as({ ...robot, secret: robot.secret + text })),
    'the client of Basic': (text) => post({}, [`Authorization: ${basic({ ...robot, id: `robot${text}` })}`]),
    'the secret of Basic': (text) => post({}, [`Authorization: ${basic({ ...robot, secret: text })}`]),
    scope: (text) => post(as(robot, { scope: `read${text}` })),
    resource: (text) => post(as(robot, { resource: `https://orders.example${text}` })),
    'resource as a name': (text) => post(as(robot, { resource: `urn:${text}` })),
    audience: (text) => post(as(robot, { audience: `https://orders.example/${text}` })),
    grant_type: (text) => post(as(robot, { grant_type: `client_credentials${text}` })),
    'a parameter that nobody reads': (text) => post(as(wrong, { [`x${text}`]: text })),
    'X-Request-Id': (text) => post(as(wrong), [`X-Request-Id: ${text}`]),
    'X-Forwarded-For': (text) => post(as(wrong), [`X-Forwarded-For: ${text}`, `X-Forwarded-Host: ${text}`]),
    'other headers': (text) =>
      post(as(wrong), [`User-Agent: ${text}`, `Cookie: a=${text}`, `Accept: ${text}`]),
    'Content-Type': (text) =>
      post(as(wrong), [`Content-Type: application/x-www-form-urlencoded; charset=${text}`]),
  }

  /** Rows of every table, as one number each; but for what nodes note by themselves each second or minute. */
  async function checksums() {
    const { rows: tables } = await world.superuser<{ name: string }>(
      `select format('%I.%I', schemaname, tablename) as name from pg_tables
       where schemaname !~ '^pg_' and schemaname <> 'information_schema' 
         and tablename not in ('node', 'credential_use', 'issuance_count') order by 1`,
    )
    const sums = tables.map(
      ({ name }) =>
        `select '${name}' as name, count(*) || ' ' || md5(coalesce(string_agg(t::text, '|' order by t::text), '')) as sum from ${name} t`,
    )
    const { rows } = await world.superuser<{ name: string; sum: string }>(sums.join(' union all '))
    return Object.fromEntries(rows.map(({ name, sum }) => [name, sum]))
  }

  async function statements(): Promise<string> {
    const { rows } = await world.superuser<{ folder: string }>(
      `select current_setting('data_directory') as folder`,
    )
    return readFileSync(join(rows[0]?.folder ?? '', 'log', 'statements'), 'utf8')
  }

  /** A third of the texts at each place, in turns; all of them at each with REGENT_TEST_WHOLE=1, which takes three times as long. */
  const textsAt = (place: number) =>
    injections().filter((_text, index) => process.env.REGENT_TEST_WHOLE === '1' || index % 3 === place % 3)
  const numbered = Object.entries(places).map(([name, bytes], place) => [name, bytes, place] as const)

  it.each(numbered)('in %s is refused, and changes nothing', async (_name, bytes, place) => {
    const before = await checksums()
    expect(Object.keys(before)).toContain('regent.credential')
    const seen = world.seen.length
    const faults: string[] = []
    await pooled(
      textsAt(place),
      async (text) => {
        const answer = await ask(world.port, bytes(text))
        const wrongs = shapeFaults(answer)
        if (wrongs.length > 0 || answer.body.includes('access_token') || answer.body.includes(MARK))
          faults.push(`${answer.status} ${wrongs.join()}: ${JSON.stringify(text)}`)
      },
      64,
    )
    expect(faults).toEqual([])
    expect(
      world.seen.slice(seen).filter(({ type }) => !['request_refused', 'connections_counted'].includes(type)),
    ).toEqual([])
    expect(await checksums()).toEqual(before)
  })

  it('is in no statement that the database was sent, and has made none of them fail', async () => {
    await world.superuser(`select 'seen: ${MARK}' as control`)
    const log = await statements()
    // Workspaces were looked up by values that were bound to statements.
    expect(log).toMatch(/ execute .* from "regent"\."workspace"/)
    const marked = log.split('\n').filter((line) => line.includes(MARK))
    expect(marked).toEqual([expect.stringContaining(`select 'seen: ${MARK}' as control`)])
    // Whoever asks a server that is not up yet is told so.
    const failures = log.split('\n').filter((line) => /\b(?:ERROR|FATAL|PANIC):/.test(line))
    expect(failures.filter((line) => !line.includes('is starting up'))).toEqual([])
  })

  it('leaves a server that serves', async () => {
    expect((await ask(world.port, post(as(robot)))).status).toBe(200)
  })
})

/** One character, one byte. */
const utf8 = (text: string) => Buffer.from(text).toString('latin1')
