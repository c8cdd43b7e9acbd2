/** From nothing to a verified token, by processes of their own at a server of its own; and the shell that completes what is typed. */
import { execFile, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { decodeJwt } from 'jose'
import { runCommand, startCommand } from '../../support/command.ts'
import { noteSecret } from '../../support/noted-secrets.ts'
import { createDatabase, freePort } from '../../support/postgres.ts'

type Shown = Readonly<Record<string, string>>

describe('regent, as processes', () => {
  let home: Awaited<ReturnType<typeof createDatabase>>
  let server: Record<string, string>
  const folder = mkdtempSync(join(tmpdir(), 'regent-process-'))
  const program = process.env.REGENT_TEST_PROGRAM ?? ''
  beforeAll(async () => {
    home = await createDatabase()
    server = {
      PORT: String(await freePort()),
      REGENT_OPS_PORT: String(await freePort()),
      DATABASE_URL_EU: home.url,
      DATABASE_ADMIN_URL_EU: home.adminUrl,
      REGENT_MASTER_KEYS: `2026:${Buffer.alloc(32, 5).toString('base64')}`,
      REGENT_BCRYPT_COST: '4',
      REGENT_DRAIN: '0',
    }
  })
  afterAll(() => home.drop())

  async function json(
    args: readonly string[],
    environment: Readonly<Record<string, string>>,
  ): Promise<Shown> {
    const { code, out, err } = await runCommand([...args, '--json'], environment)
    if (code !== 0) throw new Error(`${args.join(' ')}: ${code}\n${err}`)
    const shown = JSON.parse(out) as Shown
    for (const [secret] of out.matchAll(/rgs_[\w-]{66}/g)) noteSecret('client secret', secret)
    noteSecret('signature of a token', shown.access_token?.split('.')[2] ?? '')
    return shown
  }

  it('goes from an empty database to a token that an API would take', async () => {
    for (const step of ['roles', 'up']) await json(['migrate', step], server)
    const [operator] = (await json(['bootstrap'], server)) as unknown as Shown[]
    const regent = startCommand(['serve'], server)
    await regent.says('server_started')
    // As a person does, whose secret comes through a pipe.
    const mine = { XDG_CONFIG_HOME: folder, PATH: process.env.PATH ?? '' }
    const login = ['login', '--url', operator?.issuer ?? '', '--client-id', operator?.clientId ?? '']
    const { stderr } = spawnSync(process.execPath, [program, ...login], {
      env: mine,
      input: `${operator?.secret}\n`,
      encoding: 'utf8',
    })
    expect(stderr).toMatch(/^Logged in at http:\/\/system\.eu\.localhost:\d+\/system\/admin as operator/)
    const { administrator } = (await json(['tenant', 'create', 'acme'], mine)) as unknown as Record<
      string,
      Shown
    >
    const acme = {
      REGENT_URL: administrator?.token_endpoint ?? '',
      REGENT_CLIENT_ID: administrator?.client_id ?? '',
      REGENT_CLIENT_SECRET: administrator?.client_secret ?? '',
    }
    const { issuer = '' } = await json(['workspace', 'create', 'shop'], acme)
    const W = ['--workspace', 'shop']
    await json(
      ['resource-server', 'create', 'https://orders.example', ...W, '--scope', 'read=read orders'],
      acme,
    )
    await json(['client', 'create', 'robot', ...W, '--scope', 'read'], acme)
    const { secret = '' } = await json(['secret', 'create', 'robot', ...W], acme)
    const file = join(folder, 'secret')
    writeFileSync(file, secret)
    const token = await json(
      [
        'token',
        `${issuer}/oauth2/token`,
        '--client-id',
        'robot',
        '--client-secret-file',
        file,
        '--scope',
        'read',
      ],
      {},
    )
    expect(token).toMatchObject({
      verified: true,
      claims: { iss: issuer, aud: 'https://orders.example', scope: 'read' },
    })
    const own = await runCommand(['token', '--raw'], acme)
    noteSecret('signature of a token', own.out.trim().split('.')[2] ?? '')
    expect(decodeJwt(own.out.trim()).aud).toMatch(/\/api\/admin\/acme$/)
    const [wrong, here, nowhere] = await Promise.all([
      runCommand(['token', issuer, '--client-id', 'other', '--client-secret-file', file]),
      runCommand(['explain', issuer]),
      runCommand(['explain', issuer.replaceAll('acme', 'nobody')]),
    ])
    expect([wrong.code, wrong.err]).toEqual([
      4,
      expect.stringMatching(/does not accept this client id and secret/),
    ])
    expect(here.out).toMatch(
      /region +eu\n +tenant +acme\n +workspace +shop\n[^]*issuer +http\S+, as its metadata says\n[^]*keys +ES256 /,
    )
    expect(nowhere.out).toMatch(/404: no such tenant or workspace/)
    regent.kill('SIGTERM')
    expect(await regent.ended).toBe(0)
  }, 180_000)

  it('explains reasons, codes and addresses without a server', async () => {
    const [reason, status, unknown, twice] = await Promise.all([
      runCommand(['explain', 'secret_damaged']),
      runCommand(['explain', '421']),
      runCommand(['explain', 'secret_daamged']),
      runCommand(['explain', 'https://acme.eu.x.example/rival/shop']),
    ])
    expect(reason.out).toMatch(
      /^secret_damaged \(invalid_client, 401\)[^]*checksum does not fit\n {2}To mend it: /,
    )
    expect(status.out).toMatch(/region_not_served/)
    expect([unknown.code, unknown.err]).toEqual([3, expect.stringMatching(/There are .*secret_damaged/)])
    expect(twice.out).toMatch(/Always refused with 404[^]*names the tenant acme, the path rival/)
  })

  it('completes what is typed, in a real bash', async () => {
    const { out } = await runCommand(['completion', 'bash'])
    const script = join(folder, 'completion.bash')
    writeFileSync(script, out)
    const typed = [
      ['regent', 'cli'],
      ['regent', 'tenant', 're'],
      ['regent', 'client', 'create', '--scop'],
      ['regent', 'workspace', 'create', 'shop', '--signing-algorithm', 'ES'],
      ['regent', 'client', 'list', '--profile', ''],
      ['regent', 'token', '--client-secret-file', script.slice(0, -5)],
    ]
    const asked = typed.map(
      (words) =>
        `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _regent; echo "\${COMPREPLY[*]}"`,
    )
    const { stdout } = await promisify(execFile)(
      'bash',
      ['--norc', '-c', `source '${script}'; complete -p regent; ${asked.join('; ')}`],
      {
        env: { ...process.env, XDG_CONFIG_HOME: folder },
      },
    )
    expect(stdout.trimEnd().split('\n')).toEqual([
      'complete -o default -F _regent regent',
      'client',
      'resume restore',
      '--scope',
      'ES256 ES384',
      'default',
      script,
    ])
  })

  const terminal = existsSync('/usr/bin/script') ? it : it.skip
  terminal('asks at a terminal for the secret, and shows nothing of it', async () => {
    const secret = 'typed-at-a-terminal-and-not-to-be-seen'
    const command = `${process.execPath} ${program} login --url http://acme.localhost:${await freePort()}/acme/admin --client-id me`
    const { stdout, status } = spawnSync('script', ['-qec', command, '/dev/null'], {
      input: `${secret}\n`,
      env: { XDG_CONFIG_HOME: folder, PATH: process.env.PATH ?? '', TERM: 'dumb' },
      encoding: 'utf8',
    })
    expect([status, stdout]).toEqual([
      5,
      expect.stringMatching(/Secret of me \(not shown\):[^]*Nobody listens at/),
    ])
    // What is typed before it is asked for, a terminal shows by itself.
    expect(stdout.slice(stdout.indexOf('not shown'))).not.toContain(secret)
  })
})
