/** Each command once, at a real server, with --json held to the API's document; and what people see of some of them. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exportJWK, generateKeyPair } from 'jose'
import { API_COMMANDS } from '../../../src/cli/commands/index.ts'
import { noteSecret } from '../../support/noted-secrets.ts'
import { heldToDocument, json, openPlace, run, type Shown } from './place.ts'

const W = ['--workspace', 'shop']
const ORDERS = 'https://orders.example'

describe('the commands of administration', () => {
  let place: Awaited<ReturnType<typeof openPlace>>
  const folder = mkdtempSync(join(tmpdir(), 'regent-cli-'))
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  beforeAll(async () => {
    place = await openPlace()
  })
  afterAll(() => place.close())

  it('makes a workspace, an API, a client and a secret, which gets a token', async () => {
    const { acme, world } = place
    const workspace = await json(
      acme,
      'workspace',
      'create',
      'shop',
      '--access-token-lifetime',
      '300',
      '--self-rotation',
      'on',
    )
    expect(workspace).toMatchObject({ slug: 'shop', access_token_lifetime: 300, self_rotation: true })
    await json(
      acme,
      'resource-server',
      'create',
      ORDERS,
      ...W,
      '--name',
      'Orders',
      '--scope',
      'read=read orders',
      '--scope',
      'write=place them',
    )
    expect(await json(acme, 'scope', 'create', 'refund=pay back', '-r', ORDERS, ...W)).toMatchObject({
      scopes: { read: 'read orders', write: 'place them', refund: 'pay back' },
    })
    const client = await json(
      acme,
      'client',
      'create',
      'robot',
      ...W,
      '--scope',
      'read',
      '--default-resource-server',
      ORDERS,
    )
    expect(client).toMatchObject({
      name: 'robot',
      scopes: [{ scope: 'read', by_default: true }],
      default_resource_server_id: expect.any(String),
    })
    const { secret = '' } = await json(
      acme,
      'secret',
      'create',
      'robot',
      ...W,
      '--label',
      'ci',
      '--expires',
      '90d',
    )
    const token = await fetch(`${workspace.issuer}/oauth2/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: 'robot',
        client_secret: secret,
      }),
    })
    const { access_token: access = '', scope } = (await token.json()) as Record<string, string>
    noteSecret('signature of a token', access.split('.')[2] ?? '')
    expect([token.status, scope]).toEqual([200, 'read'])
    expect(world.seen.some(({ type }) => type === 'server_error')).toBe(false)
  })

  it('shows and changes each of them', async () => {
    const { acme } = place
    expect((await json(acme, 'workspace', 'list')).items.map(({ slug }) => slug)).toEqual(['admin', 'shop'])
    expect(
      await json(
        acme,
        'workspace',
        'update',
        'shop',
        '--key-rotation',
        '0 3 1 * *',
        '--tokens-per-minute',
        '600',
      ),
    ).toMatchObject({
      key_rotation: '0 3 1 * *',
    })
    expect(await json(acme, 'workspace', 'update', 'shop', '--key-rotation', 'none')).toMatchObject({
      key_rotation: null,
    })
    expect(await json(acme, 'workspace', 'show', 'shop')).toMatchObject({ tokens_per_minute: 600 })
    expect((await json(acme, 'resource-server', 'list', ...W)).items).toHaveLength(1)
    expect(await json(acme, 'resource-server', 'show', ORDERS, ...W)).toMatchObject({ identifier: ORDERS })
    expect(await json(acme, 'resource-server', 'update', ORDERS, ...W, '--name', 'All orders')).toMatchObject(
      { name: 'All orders' },
    )
    expect((await json(acme, 'scope', 'list', ...W)).items[0]?.scopes).toHaveProperty('refund')
    // It finds the owner of the scope by itself.
    expect((await json(acme, 'scope', 'delete', 'refund', ...W, '--yes')).scopes).not.toHaveProperty('refund')
    expect(await json(acme, 'client', 'grant', 'robot', 'write', ...W, '--by-default', 'off')).toMatchObject({
      scopes: [
        { scope: 'read', by_default: true },
        { scope: 'write', by_default: false },
      ],
    })
    expect((await json(acme, 'client', 'withdraw', 'robot', 'write', ...W, '--yes')).scopes).toHaveLength(1)
    expect(
      await json(acme, 'client', 'update', 'robot', ...W, '--allowed-networks', '10.0.0.0/8,127.0.0.1'),
    ).toMatchObject({
      allowed_networks: ['10.0.0.0/8', '127.0.0.1'],
    })
    expect(await json(acme, 'client', 'disable', 'robot', ...W, '--yes')).toMatchObject({ state: 'disabled' })
    expect(
      (await json(acme, 'client', 'list', ...W, '--state', 'disabled')).items.map(({ id }) => id),
    ).toEqual(['robot'])
    expect(await json(acme, 'client', 'enable', 'robot', ...W)).toMatchObject({ state: 'enabled' })
    expect(await json(acme, 'client', 'show', 'robot', ...W)).toMatchObject({ id: 'robot' })
    await json(acme, 'usage', 'robot', ...W)
  })

  it('keeps secrets: several, rotated, encrypted to a key, chosen from a file', async () => {
    const { acme } = place
    const [first] = (await json(acme, 'secret', 'list', 'robot', ...W, '--state', 'live')).items
    const id = first?.id ?? ''
    const { publicKey } = await generateKeyPair('ES256')
    const key = file('key.json', JSON.stringify(await exportJWK(publicKey)))
    const rotated = await json(
      acme,
      'secret',
      'rotate',
      'robot',
      id,
      ...W,
      '--overlap',
      '3600',
      '--deliver-to',
      key,
    )
    expect(rotated).toMatchObject({ client_id: 'robot', secret_jwe: expect.stringMatching(/^ey/) })
    expect(rotated).not.toHaveProperty('secret')
    await json(acme, 'workspace', 'update', 'shop', '--chosen-secrets', 'on')
    noteSecret('client secret', 'chosen-by-somebody-else')
    const chosen = await json(
      acme,
      'secret',
      'create',
      'robot',
      ...W,
      '--chosen-file',
      file('chosen', 'chosen-by-somebody-else\n'),
    )
    expect(chosen).toMatchObject({ origin: 'chosen' })
    expect(await json(acme, 'secret', 'show', 'robot', id, ...W, '--since', '1h ago')).toMatchObject({
      id,
      use: { verdict: expect.any(String) },
    })
    expect(
      await json(
        acme,
        'secret',
        'update',
        'robot',
        chosen.id ?? '',
        ...W,
        '--label',
        'moved',
        '--expires',
        '2099-01-31',
      ),
    ).toMatchObject({
      label: 'moved',
      expires_at: '2099-01-31T00:00:00.000Z',
    })
    expect(await json(acme, 'secret', 'revoke', 'robot', id, ...W, '--yes')).toEqual({})
    expect(
      (await json(acme, 'secret', 'list', ...W, '--state', 'revoked')).items.map((one) => one.id),
    ).toEqual([id])
  })

  it('rotates and revokes keys', async () => {
    const { acme } = place
    const { keys } = await json(acme, 'key', 'list', ...W)
    const active = keys.find(({ state }) => state === 'active')?.kid ?? ''
    const { keys: after } = await json(acme, 'key', 'rotate', ...W, '--now', 'on')
    expect(after.find(({ kid }) => kid === active)?.state).toBe('retired')
    const { keys: last } = await json(acme, 'key', 'revoke', active, ...W, '--yes')
    expect(last.find(({ kid }) => kid === active)?.state).toBe('revoked')
  })

  it('reads the trail, exports it and verifies it against a checkpoint; ends with 1 once it was touched', async () => {
    const { acme, world } = place
    const { items } = await json(acme, 'audit', 'list')
    expect(items.length).toBeGreaterThan(15)
    const exported = await run(acme, 'audit', 'export')
    expect(
      exported.out
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as Shown).id),
    ).toEqual(items.map(({ id }) => id))
    const verdict = await json(acme, 'audit', 'verify')
    const again = await run(
      acme,
      'audit',
      'verify',
      '--checkpoint',
      file('verdict.json', JSON.stringify(verdict)),
    )
    expect([again.code, again.out]).toEqual([
      0,
      expect.stringMatching(/^\d+ events, each as it was written[^]*were there when the checkpoint was made/),
    ])
    await world.superuser(`update regent.audit_event set actor = 'nobody' where sequence = 2`)
    const touched = await run(acme, 'audit', 'verify')
    expect([touched.code, touched.out]).toEqual([1, expect.stringMatching(/^event 2: .*changed[^]*tampered/)])
  })

  it('ends what was made', async () => {
    const { acme } = place
    await json(acme, 'client', 'delete', 'robot', ...W, '--yes')
    await json(acme, 'resource-server', 'delete', ORDERS, ...W, '--yes')
    expect(await json(acme, 'workspace', 'disable', 'shop', '--yes')).toMatchObject({ state: 'disabled' })
    expect(await json(acme, 'workspace', 'enable', 'shop')).toMatchObject({ state: 'enabled' })
    expect(await json(acme, 'workspace', 'delete', 'shop', '--yes')).toEqual({})
  })

  it('lets operators keep tenants', async () => {
    const { operator, acme } = place
    expect((await json(operator, 'tenant', 'list')).items.map(({ slug }) => slug)).toEqual([
      'acme',
      'rival',
      'system',
    ])
    expect(await json(operator, 'tenant', 'update', 'rival', '--max-clients', '500')).toMatchObject({
      max_clients: 500,
    })
    expect(await json(operator, 'tenant', 'suspend', 'rival', '--yes')).toMatchObject({ state: 'suspended' })
    expect(await json(operator, 'tenant', 'resume', 'rival')).toMatchObject({ state: 'live' })
    expect(await json(operator, 'tenant', 'delete', 'rival', '--after', '60', '--yes')).toMatchObject({
      state: 'deleted',
    })
    expect(await json(operator, 'tenant', 'restore', 'rival')).toMatchObject({ state: 'suspended' })
    await json(operator, 'tenant', 'resume', 'rival')
    expect(await json(operator, 'tenant', 'show', 'rival')).toMatchObject({ slug: 'rival', max_clients: 500 })
    expect(await json(operator, 'tenant', 'add-administrator', 'rival')).toHaveProperty('client_secret')
    expect((await json(operator, 'node', 'list')).items).toHaveLength(1)
    const own = await run(acme, 'tenant', 'show')
    expect([own.code, own.out]).toEqual([
      0,
      expect.stringMatching(/^slug +acme\nregion +eu\n[^]*workspaces +\d+\n/),
    ])
  })

  it('was held to the document, each command of it', () => {
    expect(API_COMMANDS.map(({ name }) => name).filter((name) => !heldToDocument.has(name))).toEqual([])
  })
})
