/** What deploy/kubernetes.yaml starts, without a cluster: the same arguments in the same environment. */
import { environmentOf, manifest, readGuide, type Container, type Environment } from './files.ts'
import { startMachine, tokenForm, type DemoClient, type Machine } from './machine.ts'

// Each command is a process that loads the whole source.
jest.setTimeout(90_000)

const job = manifest('Job').spec.template.spec
const deployment = manifest('Deployment').spec.template.spec
const server = deployment.containers[0] as Container

describe('deploy/kubernetes.yaml, its containers run', () => {
  let machine: Machine
  let secrets: Environment

  beforeAll(async () => {
    machine = await startMachine()
    // "With two logins each": what the guide's SQL makes, in a database for each region.
    const { sql } = readGuide('first-deployment')
    await machine.query('postgres', sql)
    const forEu = sql.filter((text) => text.includes(' database '))
    await machine.query(
      'postgres',
      forEu.map((text) => text.replaceAll('database regent', 'database regent_eu')),
    )
    secrets = Object.fromEntries(
      ['regent-server', 'regent-admin'].flatMap((name) =>
        Object.entries(manifest('Secret', name).stringData ?? {}).map(([key, text]) => [
          `/run/secrets/${name}/${key}`,
          fillIn(text, key),
        ]),
      ),
    )
  })
  afterAll(() => machine.stop())

  function fillIn(text: string, key: string): string {
    if (key === 'master_keys') return `2026-11:${Buffer.alloc(32, 7).toString('base64')}`
    const login = text.includes('regent_admin') ? 'ADMIN' : 'SERVER'
    const url = machine.localUrl(text.replace('REPLACE', `REPLACE-${login}`))
    return key.endsWith('_eu') ? url.replace('/regent?', '/regent_eu?') : url
  }

  const environment = (container: Container, texts = secrets) =>
    machine.localEnvironment(environmentOf(container), (path) =>
      machine.write(path.replaceAll('/', '-'), texts[path] ?? ''),
    )

  it('refuses the placeholders', async () => {
    const placeholder = { ...secrets, '/run/secrets/regent-server/master_keys': 'REPLACE' }
    const { code, err } = await machine.run(server.args, environment(server, placeholder))
    expect([code, err]).toEqual([1, expect.stringContaining('REGENT_MASTER_KEYS: key 1 is not')])
  })

  it('migrates: roles, then schema and stamps; a pod that starts before says what is missing', async () => {
    const early = await machine.run(server.args, environment(server))
    expect([early.code, early.err]).toEqual([1, expect.stringContaining('regent_runtime')])
    for (const container of [...(job.initContainers ?? []), ...job.containers])
      expect((await machine.run(container.args, environment(container))).failed).toBeUndefined()
    for (const [database, regions] of [
      ['regent', ['none']],
      ['regent_eu', ['eu']],
    ] as const) {
      const rows = await machine.query(database, ['select region from regent.database_region'])
      expect(rows.map(({ region }) => region)).toEqual(regions)
    }
  })

  it('serves: is ready and issues a token of the demo', async () => {
    const demo = await machine.run(['demo', '--json'], environment(server))
    expect(demo.failed).toBeUndefined()
    const clients = JSON.parse(demo.out) as DemoClient[]
    const regent = await machine.serve(server.args, environment(server))
    expect(await regent.ready()).toBe(200)
    for (const client of clients) {
      expect(client.issuer).toMatch(/^https:\/\/[a-z.]+\.authz\.example\.com\//)
      expect((await regent.ask(`${client.issuer}/oauth2/token`, tokenForm(client))).status).toBe(200)
    }
    expect(clients).toHaveLength(2)
    expect(await regent.stop()).toBe(0)
    expect(regent.said.out).not.toContain('"event":"warning"')
  })
})
