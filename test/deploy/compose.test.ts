/** What docker-compose.yml starts, in its order, without the containers: the same commands in the same environment. */
import { execFile, execFileSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { lastInstruction, readCompose, type Service } from './files.ts'
import { startMachine, tokenForm, type DemoClient, type Machine } from './machine.ts'
import { readText } from '../architecture/source.ts'

// Each command is a process that loads the whole source.
jest.setTimeout(90_000)

const { services } = readCompose()
const service = (name: string) => services[name] as Service

describe('docker-compose.yml, its services run', () => {
  let machine: Machine
  let client: DemoClient
  const secret = (name: string) => readFileSync(join(machine.folder, 'secrets', name), 'utf8').trim()

  beforeAll(async () => {
    machine = await startMachine()
    await machine.query('postgres', [`create database ${service('postgres').environment.POSTGRES_DB}`])
  })
  afterAll(() => machine.stop())

  const makeSecrets = () =>
    execFileSync('sh', ['deploy/make-secrets.sh', join(machine.folder, 'secrets')], { encoding: 'utf8' })

  /** The environment of a service, its secrets from the folder that the script filled. */
  const environmentOf = (name: string) => {
    const files = (path: string) => {
      const text = readFileSync(join(machine.folder, path.replace('/run/', '')), 'utf8').trim()
      return machine.write(path.replaceAll('/', '-'), machine.localUrl(text))
    }
    return machine.localEnvironment(service(name).environment, files)
  }
  const run = (name: string, more: string[] = []) =>
    machine.run([...(service(name).command ?? []), ...more], environmentOf(name))

  it('the script makes secrets once, in a folder that lets nobody else in', () => {
    expect(makeSecrets()).toMatch(/^(?:written: .*\n){4}$/)
    const made = ['master_keys', 'database_url', 'database_admin_url', 'regent_server_password']
    const before = made.map(secret)
    expect(makeSecrets()).toMatch(/^(?:was there: .*\n){4}$/)
    expect(made.map(secret)).toEqual(before)
    expect(statSync(join(machine.folder, 'secrets')).mode & 0o777).toBe(0o700)
    for (const name of made) expect(statSync(join(machine.folder, 'secrets', name)).mode & 0o777).toBe(0o444)
    expect(Buffer.from(secret('master_keys').split(':')[1] ?? '', 'base64')).toHaveLength(32)
  })

  it('login: makes the login of the server, which owns and inherits nothing; again is as good', async () => {
    const { command, environment } = service('login')
    expect(command).toEqual(['psql', '--no-psqlrc', '--set=ON_ERROR_STOP=1', '--file=/login.sql'])
    const { POSTGRES_DB, POSTGRES_PASSWORD } = service('postgres').environment
    expect(environment).toEqual({
      PGHOST: 'postgres',
      PGUSER: 'postgres',
      PGPASSWORD: POSTGRES_PASSWORD,
      PGDATABASE: POSTGRES_DB,
    })

    // What psql does before it sends the file.
    const sql = readText('deploy/login.sql')
    expect(sql).toContain('\\set password `cat /run/secrets/regent_server_password`\n')
    const sent = sql
      .replace(/^\\set .*\n/m, '')
      .replaceAll(":'password'", `'${secret('regent_server_password')}'`)
    for (let time = 0; time < 2; time++) await machine.query(POSTGRES_DB ?? '', [sent])
    const [login] = await machine.query('postgres', [
      `select rolcanlogin, rolinherit, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls
         from pg_roles where rolname = 'regent_server'`,
    ])
    expect(login).toEqual({
      rolcanlogin: true,
      rolinherit: false,
      rolsuper: false,
      rolcreaterole: false,
      rolcreatedb: false,
      rolbypassrls: false,
    })
  })

  it.each(['migrate-roles', 'migrate'])('%s: ends well, and again', async (name) => {
    expect((await run(name)).failed).toBeUndefined()
    expect((await run(name)).failed).toBeUndefined()
  })

  it('demo: makes a client in each region that the database is stamped for, and shows its secret', async () => {
    const made = await run('demo', ['--json'])
    expect(made.failed).toBeUndefined()
    expect(made.err).not.toContain('superuser')
    const clients = JSON.parse(made.out) as DemoClient[]
    expect(clients.map(({ issuer }) => issuer)).toEqual([
      'http://acme.eu.localhost:8080/acme/shop',
      'http://dune.localhost:8080/dune/shop',
    ])
    client = clients[0] as DemoClient
    expect((await run('demo')).err).toContain('the demo is there already')
  })

  it('regent: is ready, healthy and issues a token; stopped, it is not healthy', async () => {
    const regent = await machine.serve(service('regent').command ?? [], environmentOf('regent'))
    expect(await regent.ready()).toBe(200)
    const { status, body } = await regent.ask(`${client.issuer}/oauth2/token`, tokenForm(client))
    expect([status, body]).toEqual([200, expect.stringContaining('"access_token":"ey')])

    const ofCompose = service('regent').healthcheck?.test ?? []
    const ofImage = JSON.parse(/CMD (\[.*)$/.exec(lastInstruction('HEALTHCHECK'))?.[1] ?? '[]') as string[]
    expect(ofCompose[0]).toBe('CMD')
    const healthy = () =>
      Promise.all([
        check(ofCompose.slice(1).map((word) => word.replace(':9090/', `:${regent.opsPort}/`))),
        check(ofImage, { REGENT_OPS_PORT: String(regent.opsPort) }),
      ])
    expect(await healthy()).toEqual([0, 0])
    expect(await regent.stop()).toBe(0)
    expect(await healthy()).toEqual([1, 1])
    expect(regent.said.out).not.toContain('"event":"warning"')
  })
})

/** Its exit code; `node` is this one. */
function check([program, ...args]: readonly string[], environment = {}): Promise<number> {
  expect(program).toBe('node')
  return new Promise((resolve) => {
    execFile(process.execPath, args, { env: environment }, (error) => resolve(Number(error?.code ?? 0)))
  })
}
