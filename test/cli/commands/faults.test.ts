/** What the command line says and ends with when something is wrong: at its caller's, on the way, or at the server. */
import { chmodSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { noteSecret } from '../../support/noted-secrets.ts'
import { freePort } from '../../support/postgres.ts'
import { json, openPlace, run, type Environment } from './place.ts'
import { spoiledServer } from './spoil.ts'

const W = ['--workspace', 'shop']

describe('the command line, when something is wrong', () => {
  let place: Awaited<ReturnType<typeof openPlace>>
  let acme: Environment
  let rival: Environment
  let day: ReturnType<typeof spoiledServer>
  const home = mkdtempSync(join(tmpdir(), 'regent-faults-'))
  beforeAll(async () => {
    place = await openPlace()
    ;({ acme, rival } = place)
    day = spoiledServer(place.world.server)
    for (const tenant of [acme, rival]) await run(tenant, 'workspace', 'create', 'shop')
    await run(
      acme,
      'resource-server',
      'create',
      'https://orders.example',
      ...W,
      '--scope',
      'read=read orders',
    )
    await run(
      acme,
      'client',
      'create',
      'robot',
      ...W,
      '--scope',
      'read',
      '--name',
      'red \u001b[31m\u202eand\nback',
    )
  })
  afterAll(() => place.close())

  const clientsOf = async (tenant: Environment) =>
    (await json(tenant, 'client', 'list', ...W)).items.map(({ id }) => id)

  describe('logging in', () => {
    const folder = { XDG_CONFIG_HOME: home }
    const secretFile = (tenant: Environment) => {
      const file = join(home, 'secret')
      writeFileSync(file, `${tenant.REGENT_CLIENT_SECRET}\n`)
      return file
    }
    const login = (tenant: Environment, ...args: readonly string[]) =>
      run(
        folder,
        'login',
        '--url',
        tenant.REGENT_URL ?? '',
        '--client-id',
        tenant.REGENT_CLIENT_ID ?? '',
        ...args,
      )

    it('keeps two profiles, each in a file of its owner alone, and shows neither secret', async () => {
      const first = await login(acme, '--client-secret-file', secretFile(acme), '--workspace', 'shop')
      const second = await login(
        place.operator,
        '--client-secret-file',
        secretFile(place.operator),
        '--profile',
        'operator',
        '--json',
      )
      expect([first.code, second.code]).toEqual([0, 0])
      expect(JSON.parse(second.out)).toMatchObject({
        profile: 'operator',
        scope: expect.stringContaining('tenants:write'),
      })
      for (const said of [first, second]) expect(said.out + said.err).not.toContain('rgs_')
      const file = join(home, 'regent', 'profiles', 'default.json')
      expect([statSync(file).mode & 0o777, statSync(join(file, '..')).mode & 0o777]).toEqual([0o600, 0o700])
      expect(readFileSync(file, 'utf8')).toContain(acme.REGENT_CLIENT_SECRET)
      // The workspace of the profile is the one that is meant.
      expect((await json(folder, 'client', 'list')).items).toHaveLength(1)
      expect((await json(folder, 'tenant', 'list', '--profile', 'operator')).items).toHaveLength(3)
      const { out } = await run(folder, 'profiles')
      expect(out).toMatch(/default +\S+\/acme\/admin +\S+ +shop\noperator +\S+\/system\/admin/)
      expect(out).not.toContain('rgs_')
    })

    it('stores nothing that was not proved', async () => {
      const wrong = await login(
        { ...acme, REGENT_CLIENT_SECRET: place.operator.REGENT_CLIENT_SECRET ?? '' },
        '--client-secret-file',
        secretFile(place.operator),
        '--profile',
        'wrong',
      )
      expect([wrong.code, wrong.err]).toEqual([
        4,
        expect.stringMatching(/does not accept this client id and secret/),
      ])
      const unknown = await run({ ...folder }, 'client', 'list', '--profile', 'wrong')
      expect([unknown.code, unknown.err]).toEqual([
        4,
        expect.stringMatching(/no profile wrong. There are default, operator/),
      ])
    })

    it('does not use a profile that others can read, and forgets one', async () => {
      const file = join(home, 'regent', 'profiles', 'operator.json')
      chmodSync(file, 0o644)
      const open = await run(folder, 'tenant', 'list', '--profile', 'operator')
      expect([open.code, open.err]).toEqual([4, expect.stringMatching(/can be read by others.*chmod 600/)])
      expect((await run(folder, 'logout', '--profile', 'operator')).code).toBe(0)
      expect((await run(folder, 'logout', '--profile', 'operator')).code).toBe(3)
    })

    it.each([
      ['over plain http', 'http://acme.eu.authz.example.com/acme/admin', /must begin with https/],
      [
        'at a workspace that administers nothing',
        'https://acme.eu.authz.example.com/acme/shop',
        /issuer of an admin workspace/,
      ],
      ['at no URL', 'acme', /issuer of an admin workspace/],
    ])('is refused %s, before a secret is sent', async (_what, url, message) => {
      const { code, err } = await run({ ...acme, REGENT_URL: url }, 'workspace', 'list')
      expect([code, err]).toEqual([1, expect.stringMatching(message)])
    })
  })

  it('ends with 4 for a wrong secret, 3 for a tenant that is not there, 5 for a server that is not there', async () => {
    const wrong = await run(
      { ...acme, REGENT_CLIENT_SECRET: rival.REGENT_CLIENT_SECRET ?? '' },
      'workspace',
      'list',
    )
    expect([wrong.code, wrong.err]).toEqual([4, expect.stringMatching(/does not accept/)])
    const nobody = (acme.REGENT_URL ?? '').replaceAll('acme', 'nobody')
    expect((await run({ ...acme, REGENT_URL: nobody }, 'workspace', 'list')).code).toBe(3)
    const elsewhere = `http://acme.eu.localhost:${await freePort()}/acme/admin`
    const away = await run({ ...acme, REGENT_URL: elsewhere }, 'workspace', 'list')
    expect([away.code, away.err]).toEqual([
      5,
      expect.stringMatching(/Nobody listens at acme\.eu\.localhost:\d+ \(ECONNREFUSED\)/),
    ])
  })

  it('ends with 4, and names the scope that is lacking (403)', async () => {
    const A = ['--workspace', 'admin']
    await run(acme, 'client', 'create', 'reader', ...A, '--scope', 'workspaces:read')
    const { secret = '' } = await json(acme, 'secret', 'create', 'reader', ...A)
    const reader = { ...acme, REGENT_CLIENT_ID: 'reader', REGENT_CLIENT_SECRET: secret }
    expect((await run(reader, 'workspace', 'list')).code).toBe(0)
    const refused = await run(reader, 'client', 'list', ...W)
    expect([refused.code, refused.err]).toEqual([
      4,
      expect.stringMatching(/clients:read \(403 insufficient_scope, request /),
    ])
    const tenants = await run(acme, 'tenant', 'list')
    expect([tenants.code, tenants.err]).toEqual([4, expect.stringMatching(/for the operators of a region/)])
  })

  it("ends with 3 for what is not there, and for another tenant's", async () => {
    const { items } = await json(acme, 'resource-server', 'list', ...W)
    const { id = '' } = await json(acme, 'secret', 'create', 'robot', ...W)
    const all = [
      ['client', 'show', 'robot', ...W],
      ['secret', 'show', 'robot', id, ...W],
      ['secret', 'revoke', 'robot', id, ...W, '--yes'],
      // Ids that begin as options do.
      ['secret', 'show', 'robot', '-r4adLKkMixTb91N', ...W],
      ['secret', 'show', ...W, 'robot', '--r4adLKkMixTb91'],
      ['key', 'revoke', `-${'r'.repeat(42)}`, ...W, '--yes'],
      ['resource-server', 'show', items[0]?.id ?? '', ...W],
      ['resource-server', 'show', 'https://orders.example', ...W],
      ['client', 'delete', 'robot', ...W, '--yes'],
    ]
    for (const args of all) expect([args, (await run(rival, ...args)).code]).toEqual([args, 3])
    expect(await clientsOf(acme)).toEqual(['robot'])
    const shown = await run(rival, 'client', 'show', 'robot', ...W, '--json')
    expect([shown.out, JSON.parse(shown.err)]).toEqual([
      '',
      expect.objectContaining({ status: 404, reason: 'not_found' }),
    ])
  })

  it('says which field is wrong, as its option is called (422)', async () => {
    const { code, err } = await run(acme, 'workspace', 'update', 'shop', '--access-token-lifetime', '1')
    expect([code, err]).toEqual([
      1,
      expect.stringMatching(/\(422 \w+, request [\w-]+\)\.\n {2}--access-token-lifetime: /),
    ])
  })

  it.each([
    ['an unknown command', ['clint']],
    ['an unknown option', ['client', 'list', '--nonsense']],
    [
      'an unknown option as long as an id',
      ['secret', 'show', 'robot', 'x', ...W, '--expires-nothing'.slice(0, 16)],
    ],
    ['a missing argument', ['client', 'show']],
    ['no workspace', ['client', 'list']],
    ['a word where a number is meant', ['tenant', 'update', 'acme', '--max-clients', 'many']],
    ['a word that is no choice', ['tenant', 'list', '--state', 'gone']],
    ['a moment that is none', ['secret', 'create', 'robot', ...W, '--expires', 'soon']],
    ['a scope without a description', ['scope', 'create', 'read', '-r', 'https://orders.example', ...W]],
  ])('ends with 2 for %s', async (_what, args) => {
    expect((await run(place.operator, ...args)).code).toBe(2)
  })

  it('changes something only if it is as it was read (412)', async () => {
    const { out } = await run(acme, 'client', 'show', 'robot', ...W, '--etag')
    const rename = (name: string) =>
      run(acme, 'client', 'update', 'robot', ...W, '--tokens-per-minute', name, '--if-match', out.trim())
    expect((await rename('600')).code).toBe(0)
    const late = await rename('700')
    expect([late.code, late.err]).toEqual([
      1,
      expect.stringMatching(/changed since you read it.*412 entity_changed/),
    ])
  })

  it('shows what would change and what breaks, asks, and does nothing where nobody can answer', async () => {
    const preview = await run(acme, 'workspace', 'delete', 'shop', '--dry-run')
    expect([preview.code, preview.out]).toEqual([
      0,
      expect.stringMatching(
        /^Would be done: workspace_deleted, shop\nIt would break:\n {2}- none of its clients/,
      ),
    ])
    const asked = await run(acme, 'workspace', 'delete', 'shop')
    expect([asked.code, asked.err]).toEqual([
      1,
      expect.stringMatching(/^It breaks:\n {2}- none[^]*Delete shop for ever.*Nothing was done: say --yes/),
    ])
    expect(await clientsOf(acme)).toEqual(['robot'])
    const client = await run(acme, 'client', 'delete', 'robot', ...W, '--dry-run', '--json')
    expect(JSON.parse(client.out)).toMatchObject({ dry_run: true, action: 'client_deleted', breaks: [] })
  })

  it("lets nobody's name move the cursor of a terminal", async () => {
    const { out } = await run(acme, 'client', 'list', ...W)
    expect(out).toContain('red \\u001b[31m\\u202eand\\u000aback')
    const { out: whole } = await run(acme, 'client', 'show', 'robot', ...W, '--json')
    for (const unseen of ['\u001b', '\u202e']) expect(whole).not.toContain(unseen)
    expect(JSON.parse(whole)).toMatchObject({ name: 'red \u001b[31m\u202eand\nback' })
  })

  describe('on the way', () => {
    it('sends a POST again with the same key when its answer was lost, and nothing is done twice', async () => {
      day.spoil('lost')
      const made = await run(acme, 'secret', 'create', 'robot', ...W, '--label', 'once', '--json')
      for (const [secret] of made.out.matchAll(/rgs_[\w-]{66}/g)) noteSecret('client secret', secret)
      expect([made.code, made.err]).toEqual([
        0,
        expect.stringMatching(/was lost[^]*Trying again[^]*done before, with the same key/),
      ])
      expect(day.keys).toHaveLength(2)
      expect(new Set(day.keys).size).toBe(1)
      const { items } = await json(acme, 'secret', 'list', 'robot', ...W)
      expect(items.filter(({ label }) => label === 'once')).toHaveLength(1)
    })

    it('waits and asks again where the server is busy, a few times', async () => {
      day.spoil(429, 503)
      expect((await run(acme, 'client', 'update', 'robot', ...W, '--name', 'Robot')).code).toBe(0)
      day.spoil(429, 429, 429, 429, 429)
      const busy = await run(acme, 'client', 'update', 'robot', ...W, '--name', 'Busy')
      expect([busy.code, busy.err]).toEqual([5, expect.stringMatching(/Come again \(429 busy\)/)])
      expect(day.keys).toHaveLength(4)
      day.spoil()
    })

    it('does not repeat what has no key: it may have been done', async () => {
      day.spoil('lost')
      const lost = await run(acme, 'client', 'update', 'robot', ...W, '--name', 'Renamed')
      expect([lost.code, day.keys]).toEqual([5, [undefined]])
      expect(await json(acme, 'client', 'show', 'robot', ...W)).toMatchObject({ name: 'Renamed' })
    })

    it('does once what is said again with a key of its own', async () => {
      const make = () => run(acme, 'client', 'create', 'another', ...W, '--idempotency-key', 'my-script-1')
      expect([(await make()).code, (await make()).code]).toEqual([0, 0])
      expect((await run(acme, 'client', 'create', 'another', ...W)).code).toBe(1)
    })

    it('follows the pages of a list', async () => {
      await place.world.superuser(
        `insert into regent.client
         select (jsonb_populate_record(one, jsonb_build_object('client_id', 'many-' || n))).*
         from regent.client one, generate_series(1, 300) n where client_id = 'another'`,
      )
      expect(await clientsOf(acme)).toHaveLength(302)
    })
  })
})
