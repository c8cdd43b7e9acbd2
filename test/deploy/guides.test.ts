/** The SQL and the regent commands of the guides, on one machine and in the order in which they stand there. */
import { readGuide, type Environment } from './files.ts'
import { startMachine, tokenForm, type DemoClient, type Machine } from './machine.ts'

// Each command is a process that loads the whole source.
jest.setTimeout(90_000)

const first = readGuide('first-deployment')
const region = readGuide('add-a-region')
const KEY = `2026-11:${Buffer.alloc(32, 9).toString('base64')}`

describe('the guides, done', () => {
  let machine: Machine
  let server: Environment
  let withAu: Environment
  let clients: DemoClient[]

  const run = (line: readonly string[], environment: Environment) => machine.run(line, environment)
  /** As an administrator's shell has it. */
  const shell = (environment: Environment, ...exported: Environment[]) => ({
    ...environment,
    ...machine.localEnvironment(Object.assign({}, ...exported) as Environment),
  })

  beforeAll(async () => {
    machine = await startMachine()
    server = machine.localEnvironment(first.environmentFile, () => machine.write('master-keys', `${KEY}\n`))
    withAu = { ...server, ...machine.localEnvironment(region.environmentFile) }
  })
  afterAll(() => machine.stop())

  it('first-deployment: says what the service reads, and each variable of it is explained', () => {
    const { environmentFile, text } = first
    expect(Object.keys(environmentFile)).toEqual([
      'REGENT_ORIGIN',
      'REGENT_TRUST_PROXY',
      'REGENT_MASTER_KEYS_FILE',
      'DATABASE_URL',
      'DATABASE_URL_EU',
    ])
    for (const name of Object.keys(environmentFile)) expect(text).toMatch(new RegExp(`^\\| \`${name}\``, 'm'))
  })

  it('first-deployment: makes both logins, of which the server’s may only connect', async () => {
    await machine.query('postgres', first.sql)
    const [may] = await machine.query('regent', [
      `select has_database_privilege('regent_server', 'regent', 'connect') as "connect",
         has_database_privilege('regent_server', 'regent', 'create') as "create"`,
    ])
    expect(may).toEqual({ connect: true, create: false })
  })

  it('first-deployment: its regent commands end well, in their order; the demo shows what the guide shows', async () => {
    expect(first.commands).toEqual([
      ['print-config'],
      ['migrate', 'roles'],
      ['migrate', 'up', '--regions', 'none,eu'],
      ['migrate', 'status'],
      ['demo'],
    ])
    let shown = ''
    for (const line of first.commands) {
      const { failed, out } = await run(line, shell(server, first.exported))
      expect([line, failed]).toEqual([line, undefined])
      shown = out
    }
    expect(first.text).toContain(`\`\`\`\n${shown.replaceAll(/rgs_\S+/g, 'rgs_…')}\`\`\``)
    clients = [...shown.matchAll(/^(\S+)\n +client_id=(\S+)\n +client_secret=(\S+)$/gm)].map(
      ([, issuer = '', clientId = '', secret = '']) => ({ issuer, clientId, secret }),
    )
    expect(clients).toHaveLength(2)
  })

  it('first-deployment: the service answers what the guide asks, and a token is issued', async () => {
    const [client] = clients
    if (client === undefined) throw new Error('there is no demo')
    const regent = await machine.serve(['serve'], server)
    expect(await regent.ready()).toBe(200)
    expect(first.urls).toEqual([
      client.issuer,
      ...clients.slice(1).map(({ issuer }) => issuer),
      `${client.issuer}/.well-known/oauth-authorization-server`,
      `${client.issuer}/oauth2/token`,
    ])
    const [, , document = '', token = ''] = first.urls
    expect((await regent.ask(document)).status).toBe(200)
    const answer = await regent.ask(token, tokenForm(client))
    expect([answer.status, answer.body]).toEqual([200, expect.stringContaining('"access_token":"ey')])
    expect((await regent.ask(token.replace('acme.eu.', 'acme.'))).status).toBe(404)
    for (const asked of region.urls) expect((await regent.ask(asked)).status).toBe(421)
    expect(await regent.stop()).toBe(0)
    expect(regent.said.out).not.toContain('"event":"warning"')
  })

  describe('add-a-region', () => {
    const refusals = () => [...region.text.matchAll(/^\|[^|]*\| `([^`]+)` /gm)].map(([, said]) => said)

    it('refuses what the guide says it refuses, in these words', async () => {
      const said = await Promise.all([
        run(['serve'], { ...server, DATABASE_URL_AU: 'default' }),
        run(['migrate', 'up', '--regions', 'au'], server),
        run(['serve'], { ...server, REGENT_REGIONS: 'none,au' }),
      ])
      expect(refusals()).toHaveLength(said.length)
      for (const [index, { code, err }] of said.entries())
        expect([code, err]).toEqual([1, expect.stringContaining(refusals()[index] ?? '')])
      const same = await run(['serve'], { ...server, DATABASE_URL_AU: server.DATABASE_URL ?? '' })
      expect([same.code, same.err]).toEqual([1, expect.stringContaining(refusals()[0] ?? '')])
    })

    it('its regent commands end well, in their order, and stamp the new database only', async () => {
      // Its logins are made on another server, which here is the same one.
      await machine.query(
        'postgres',
        region.sql.filter((statement) => !statement.startsWith('create role')),
      )
      expect(region.sql.filter((statement) => statement.startsWith('create role'))).toEqual(
        first.sql.filter((statement) => statement.startsWith('create role')),
      )
      expect(region.commands.map((line) => line.slice(0, 2).join(' '))).toEqual([
        'migrate roles',
        'migrate up',
        'migrate status',
      ])
      let status = ''
      for (const line of region.commands) {
        const { failed, out } = await run(line, shell(withAu, first.exported, region.exported))
        expect([line, failed]).toEqual([line, undefined])
        status = out
      }
      expect(status).toContain('stamped for au\n')
      const stamps = await machine.query('regent', ['select region from regent.database_region order by 1'])
      expect(stamps.map((row) => row.region)).toEqual(['eu', 'none'])
    })

    it('after a restart it is served; a demo makes its tenant and leaves the others', async () => {
      const demo = await run(['demo', '--json'], withAu)
      const [client] = JSON.parse(demo.out) as DemoClient[]
      expect(client?.issuer).toBe('https://billabong.au.authz.example.com/billabong/shop')
      const regent = await machine.serve(['serve'], withAu)
      expect(regent.said.out).toContain(/"regions":\[[^\]]*au[^\]]*\]/.exec(region.text)?.[0])
      for (const { issuer, ...rest } of [client, ...clients].filter((one) => one !== undefined)) {
        const { status } = await regent.ask(`${issuer}/oauth2/token`, tokenForm({ issuer, ...rest }))
        expect([issuer, status]).toEqual([issuer, 200])
      }
      expect(region.urls).toHaveLength(1)
      for (const asked of region.urls) expect((await regent.ask(asked)).status).toBe(404)
      expect(await regent.stop()).toBe(0)
    })

    it('nodes of its own need nothing of the other databases', async () => {
      const { DATABASE_URL, DATABASE_URL_EU, ...own } = withAu
      expect([DATABASE_URL, DATABASE_URL_EU].filter((url) => url === undefined)).toEqual([])
      const regent = await machine.serve(['serve'], own)
      for (const asked of region.urls) {
        expect((await regent.ask(asked)).status).toBe(404)
        expect((await regent.ask(asked.replace('.au.', '.eu.'))).status).toBe(421)
      }
      expect(await regent.stop()).toBe(0)
      const shared = await machine.serve(['serve'], { ...withAu, REGENT_REGIONS: 'au' })
      expect(shared.said.out).toContain('"regions":["au"]')
      expect(await shared.stop()).toBe(0)
    })
  })
})
