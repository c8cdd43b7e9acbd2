import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { CLONE, runCommand, startCommand } from '../support/command.ts'
import { createDatabase, freePort } from '../support/postgres.ts'

type Demo = Record<string, { issuer: string; clientId: string; secret: string }>

const run = promisify(execFile)

describe('regent quickstart', () => {
  let folder: string
  let port: number
  let args: readonly string[]

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'regent-quickstart-'))
    port = await freePort()
    args = ['quickstart', '--data', folder, '--port', String(port), '--api-port', String(await freePort())]
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const readDemo = () => JSON.parse(readFileSync(join(folder, 'demo.json'), 'utf8')) as Demo

  /** The command that the tour prints, pasted into a shell. */
  async function paste(text: string) {
    const command = /^ {2}curl -X POST[^]*?--data-raw "[^"]*"$/m.exec(text)?.[0]
    if (command === undefined) throw new Error(`no curl in:\n${text}`)
    const { stdout } = await run('sh', ['-c', `${command} --silent --show-error`])
    return JSON.parse(stdout) as { access_token: string; scope: string }
  }

  it('makes a demo, shows a token from end to end, and prints a curl that works when pasted', async () => {
    const regent = startCommand(args, {}, undefined, CLONE)
    await regent.says('Running.')
    const { out } = regent.said
    const demo = readDemo()

    expect(Object.values(demo).map(({ issuer }) => issuer)).toEqual([
      `http://acme.eu.localhost:${port}/acme/shop`,
      `http://billabong.au.localhost:${port}/billabong/shop`,
      `http://cascade.us.localhost:${port}/cascade/shop`,
      `http://dune.localhost:${port}/dune/shop`,
    ])
    for (const { issuer } of Object.values(demo)) expect(out).toContain(issuer)
    expect(out).toContain('"region": "eu"')
    expect(out).toMatch(/401 Bearer realm="[^"]*"\n/)
    expect(out).toMatch(/200\n.*fountain pen/)

    const issuer = demo.eu?.issuer ?? ''
    const step = new URL('/', issuer).href
    expect(out).toContain(`open ${step} in a browser`)
    expect(await (await fetch(step)).text()).toContain(`<h1>acme.eu.localhost:${port}</h1>`)

    const token = await paste(out)
    const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`))
    const { payload } = await jwtVerify(token.access_token, keys, { issuer, typ: 'at+jwt' })
    expect(payload).toMatchObject({ sub: 'nightly-batch', region: 'eu', scope: 'orders:read orders:write' })

    regent.kill('SIGINT')
    regent.kill('SIGINT') // as npm and the terminal send it, both
    expect(await regent.ended).toBe(0)
    expect(regent.said.out + regent.said.err).toContain('Stopping')
    await expect(fetch(issuer)).rejects.toThrow('fetch failed')
    expect(existsSync(join(folder, 'lock'))).toBe(false)
  }, 120_000)

  it('keeps secrets and master key to its owner', () => {
    for (const name of ['demo.json', 'master-keys'])
      expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600)
    expect(statSync(folder).mode & 0o777).toBe(0o700)
  })

  it('continues with the same secrets, refuses a second process, and loses nothing to kill -9', async () => {
    const before = readDemo()
    const regent = startCommand(args)
    await regent.says('Running.')
    expect(readDemo()).toEqual(before)

    const second = await runCommand(['quickstart', '--data', folder, '--port', String(await freePort())])
    expect(second.code).toBe(1)
    expect(second.err).toMatch(/^The data folder .* is in use by process \d+: stop that process/m)

    const samePort = await runCommand(args)
    expect(samePort.code).toBe(1)
    expect(samePort.err).toMatch(
      new RegExp(`^Port ${port} on 127.0.0.1 is in use: stop what uses it, or choose`, 'm'),
    )

    regent.kill('SIGKILL')
    await regent.ended
    const again = startCommand(args)
    await again.says('Running.')
    expect(readDemo()).toEqual(before)
    await paste(again.said.out)
    again.kill('SIGTERM')
    expect(await again.ended).toBe(0)
  }, 120_000)

  it('makes new secrets when their file was lost', async () => {
    const before = readDemo()
    rmSync(join(folder, 'demo.json'))
    const regent = startCommand(args)
    await regent.says('Running.')
    expect(readDemo().eu?.secret).not.toBe(before.eu?.secret)
    regent.kill('SIGTERM')
    await regent.ended
  }, 60_000)

  it('says for which port its data was made', async () => {
    const other = await freePort()
    const { code, err } = await runCommand(['quickstart', '--data', folder, '--port', String(other)])
    expect(code).toBe(1)
    expect(err).toContain(`This data was made for http://localhost:${port}`)
    expect(err).toContain(`PORT=${port}`)
  }, 60_000)

  it('says that the master key is missing or another one, and writes nothing', async () => {
    const file = join(folder, 'master-keys')
    const key = readFileSync(file, 'utf8')
    const other = `local:${Buffer.alloc(32, 9).toString('base64')}`
    try {
      for (const given of [
        { REGENT_MASTER_KEYS: other },
        { REGENT_MASTER_KEYS: other.replace('local', 'new') },
      ]) {
        const { code, err } = await runCommand(args, given)
        expect(code).toBe(1)
        expect(err).toContain('REGENT_MASTER_KEYS does not open the signing keys')
      }
      rmSync(file)
      const { code, err } = await runCommand(args)
      expect(code).toBe(1)
      expect(err).toContain(`${file} is missing`)
      expect(existsSync(file)).toBe(false)
    } finally {
      writeFileSync(file, key, { mode: 0o600 })
    }
  }, 60_000)

  it.each([
    [
      'a port that is taken',
      async () => ['--port', String(await takenPort()), '--api-port', String(await freePort())],
      /^Port \d+ on .* is in use/m,
    ],
    [
      'a taken port for the sample API',
      async () => ['--port', String(await freePort()), '--api-port', String(await takenPort())],
      /in use: .*--api-port/m,
    ],
    ['a port that is none', async () => ['--port', '70000'], /PORT must be a whole number/],
  ])('refuses %s before it writes anything', async (_case, more, sentence) => {
    const nothing = join(folder, 'nothing')
    const { code, err } = await runCommand(['quickstart', '--data', nothing, ...(await more())])
    expect(code).toBe(1)
    expect(err).toMatch(sentence)
    expect(err).not.toMatch(/^ +at /m)
    expect(existsSync(nothing)).toBe(false)
  })

  it('runs on PostgreSQL where DATABASE_URL names one, for the regions that are written out', async () => {
    const { url, adminUrl, drop } = await createDatabase()
    const data = join(folder, 'on-postgres')
    const environment = { DATABASE_URL: url, DATABASE_URL_EU: 'default', DATABASE_ADMIN_URL: adminUrl }
    const onPostgres = [
      'quickstart',
      '--data',
      data,
      '--port',
      String(await freePort()),
      '--api-port',
      String(await freePort()),
    ]
    const regent = startCommand(onPostgres, environment)
    await regent.says('Running.')
    expect(regent.said.out).toContain('http://acme.eu.localhost')
    expect(regent.said.out).not.toContain('http://cascade.us.localhost')
    await paste(regent.said.out)
    regent.kill('SIGTERM')
    expect(await regent.ended).toBe(0)
    expect(existsSync(join(data, 'postgres'))).toBe(false)
    await drop()
  }, 60_000)

  it('says that a database cannot be reached', async () => {
    const environment = { DATABASE_URL: `postgres://regent@127.0.0.1:${await freePort()}/regent` }
    const more = ['--port', String(await freePort()), '--api-port', String(await freePort())]
    const { code, err } = await runCommand(
      ['quickstart', '--data', join(folder, 'unreached'), ...more],
      environment,
    )
    expect(code).toBe(1)
    expect(err).toMatch(
      /- none: The database of DATABASE_URL cannot be used \(.*ECONNREFUSED.*\): check that the server runs/m,
    )
  })

  const holders: ReturnType<typeof createServer>[] = []
  afterAll(() => holders.forEach((holder) => holder.close()))
  async function takenPort() {
    const free = await freePort()
    const holder = createServer().listen(free, '127.0.0.1')
    holders.push(holder)
    return free
  }
})
