/** From exports, as the real products write them, to tenant documents and reports. No server has a part in it. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compareSync } from 'bcrypt'
import { DOCUMENT } from '../../../src/admin/document/document.ts'
import { CONVERT } from '../../../src/cli/import/convert.ts'
import type { ImportOptions } from '../../../src/cli/import/draft.ts'
import { hashSecrets } from '../../../src/cli/import/hash-secrets.ts'
import type { Kind } from '../../../src/cli/import/kinds.ts'
import { readExport, type ExportFile } from '../../../src/cli/import/read-file.ts'
import { reportLines } from '../../../src/cli/import/report.ts'
import { readSecrets } from '../../../src/cli/import/secrets-file.ts'
import { compareHash } from '../../../src/clients/compare-hash.ts'

const EXPORTS = 'test/cli/import/exports'
const exported = (name: string): ExportFile => ({
  file: name,
  text: readFileSync(join(EXPORTS, name), 'utf8'),
  isPrivate: true,
})
const written = (value: unknown, isPrivate = true): ExportFile => ({
  file: 'export.json',
  text: typeof value === 'string' ? value : JSON.stringify(value),
  isPrivate,
})
function convert(kind: Kind, file: ExportFile | readonly ExportFile[], options: Partial<ImportOptions> = {}) {
  const imported = CONVERT[kind]([file].flat(), { tenant: 'acme', region: 'eu', label: 'moved', ...options })
  const { document, report } = imported
  // What it makes is a document, whatever it was made of.
  expect(DOCUMENT.safeParse(document).error).toBeUndefined()
  const [workspace] = DOCUMENT.parse(document).workspaces
  return { ...imported, workspace, lines: reportLines(report), ids: workspace?.clients.map(({ id }) => id) }
}
const hashOf = (made: ReturnType<typeof convert>, id: string) =>
  made.workspace?.clients.find((client) => client.id === id)?.credentials?.[0]?.hash ?? ''
const row = (more: object) => ({
  id: 'robot',
  client_secret: '',
  grant_types: ['client_credentials'],
  scope: 'read',
  audience: ['https://orders.example'],
  ...more,
})
const faultsOf = ({ report }: { report: { faults: readonly { client?: string; fault: string }[] } }) =>
  report.faults.map(({ client, fault }) => [client, fault])

describe('clients of Hydra', () => {
  it.each(['hydra-table.json', 'hydra-lines.json', 'hydra-dump.sql'])(
    'keep ids and secrets (%s)',
    async (name) => {
      const made = convert('hydra', exported(name), { workspace: 'shop' })
      expect(made.ids).toEqual(['nightly-batch', 'b2f0c5c8-4f7d-4b52-9a55-1f0d2f7f8a10', 'key-holder'])
      expect(made.report.leftOut).toEqual([{ client: 'storefront', why: expect.stringMatching(/public/) }])
      // What Python's hashlib and Go's bcrypt hashed, and whose $2a$ is $2b$ here.
      const go = hashOf(made, 'b2f0c5c8-4f7d-4b52-9a55-1f0d2f7f8a10')
      expect(go).toMatch(/^\$2b\$10\$/)
      expect(await compareHash('go-made-this-secret-1', go)).toBe(true)
      expect(await compareHash('hydra-made-this-26-characters', hashOf(made, 'nightly-batch'))).toBe(true)
      expect(hashOf(made, 'key-holder')).toBe('')
      expect(made.workspace).toMatchObject({
        slug: 'shop',
        chosen_secrets: true,
        resource_servers: [{ identifier: 'https://orders.example' }],
      })
      expect(made.lines.at(-1)).toBe('3 clients to make, 1 of them without a secret; 1 left out; 0 faults.')
    },
  )

  it('come without secrets from the list, which has none, and with those that were brought', () => {
    const file = exported('hydra-list.json')
    expect(convert('hydra', file).report.made.map(({ hasSecret }) => hasSecret)).toEqual([
      false,
      false,
      false,
    ])
    const secrets = new Map([
      ['nightly-batch', 'known to its owner'],
      ['nobody', 'of somebody else'],
    ])
    const made = convert('hydra', file, { secrets })
    expect(made.toHash).toMatchObject([{ client: 'nightly-batch', secret: 'known to its owner' }])
    expect(made.lines.join('\n')).toMatch(/--secrets has some of clients that are not here: nobody/)
    expect(made.lines.join('\n')).not.toMatch(/known to its owner|of somebody else/)
    const page = { ...file, text: file.text.replace('"is_last_page": true', '"is_last_page": false') }
    expect(convert('hydra', page).report.notes[0]).toMatch(/not the last page/)
  })

  it('come from several pages, and from before 2.0', () => {
    const old = written([row({ id: 'old', grant_types: 'client_credentials|refresh_token', audience: '' })])
    const made = convert('hydra', [exported('hydra-table.json'), old])
    expect(made.ids).toContain('old')
    const twice = CONVERT.hydra([old, old], { tenant: 'acme', region: 'eu', label: '', audience: 'urn:x' })
    expect(faultsOf(twice)).toEqual([['old', expect.stringMatching(/twice/)]])
  })

  it.each([
    ['$2x$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy', /\$2x\$ is bcrypt with a known error/],
    ['$2a$31$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy', /cost is 31, and 12 at most/],
    [`$pbkdf2-sha256$i=1000000000,l=32$${'A'.repeat(22)}$${'A'.repeat(43)}`, /1000000000 iterations/],
    [`$pbkdf2-sha256$i=25000,l=32$${'A'.repeat(10_000_000)}$${'A'.repeat(43)}`, /at most 200 characters/],
  ])('with a hostile hash are a fault with a name, or left out when that is said', (hash, says) => {
    const file = written([row({ client_secret: hash }), row({ id: 'other' })])
    const made = convert('hydra', file)
    expect(faultsOf(made)).toEqual([['robot', expect.stringMatching(says)]])
    const left = convert('hydra', file, { leaveOutFaulty: true })
    expect([left.ids, left.report.faults, left.report.leftOut.length]).toEqual([['other'], [], 1])
    expect(made.lines.join('\n').length).toBeLessThan(2000)
  })

  it('say what is wrong with each of them, all at once', () => {
    const made = convert(
      'hydra',
      written([
        row({ id: 'has space' }),
        row({ id: 'x\u001b[2Jx' }),
        row({ id: '' }),
        row({ id: 'cost', client_secret: `$2b$13$${'a'.repeat(53)}` }),
        row({ id: 'fine', nid: 'one' }),
        row({ id: 'other', nid: 'two' }),
      ]),
    )
    expect(faultsOf(made).map(([client]) => client)).toEqual([
      'has space',
      'x\u001b[2Jx',
      '',
      'cost',
      undefined,
    ])
    expect(made.lines.join('\n')).not.toContain('\u001b')
  })

  it('need to know whose scopes are', () => {
    const file = written([row({ audience: ['https://a.example', 'https://b.example'], scope: 'read write' })])
    expect(faultsOf(convert('hydra', file))).toEqual([
      [undefined, 'nothing says whose the scope read is'],
      [undefined, 'nothing says whose the scope write is'],
    ])
    const owners = new Map([['write', 'https://b.example']])
    const made = convert('hydra', file, { audience: 'https://a.example', owners })
    expect(
      made.workspace?.resource_servers.map(({ identifier, scopes }) => [identifier, scopes[0]?.token]),
    ).toEqual([
      ['https://a.example', 'read'],
      ['https://b.example', 'write'],
    ])
    expect(made.workspace?.clients[0]?.default_resource_server).toBe('https://a.example')
  })

  it('are not read from a dump that was cut short or has other statements', () => {
    const { text } = exported('hydra-dump.sql')
    const cut = (more: string) => () => convert('hydra', written(more))
    expect(cut(text.slice(0, text.indexOf('\\.')))).toThrow(/cut/)
    expect(cut(text.replace('client_credentials"]\t', 'client_credentials"]'))).toThrow(/row 1 .* fields/)
    expect(cut('INSERT INTO public.hydra_client VALUES (1)')).toThrow(/json_agg/)
  })
})

describe('a realm of Keycloak', () => {
  const secrets = new Map([
    ['stock-sync', 'AbCdEfGhIjKlMnOpQrStUvWxYz012345'],
    ['reporting', 'x'.repeat(73)],
  ])

  it('becomes a workspace: clients that have a service account, with the secrets that were brought', async () => {
    const made = convert('keycloak', exported('keycloak-realm.json'), { secrets })
    expect(made.workspace).toMatchObject({
      slug: 'shop-eu',
      access_token_lifetime: 300,
      signing_algorithm: 'RS256',
      resource_servers: [
        {
          identifier: 'https://orders.example',
          scopes: [{ token: 'orders.read' }, { token: 'orders.write' }],
        },
      ],
      clients: [
        { id: 'stock-sync', scopes: ['orders.read'], optional_scopes: ['orders.write'], state: 'enabled' },
        { id: 'reporting', state: 'disabled' },
        { id: 'signed-jobs' },
      ],
    })
    expect(made.report.leftOut.map(({ client }) => client)).toEqual([
      'account',
      'admin-cli',
      'orders-api',
      'backoffice',
    ])
    const text = made.lines.join('\n')
    expect(text).toMatch(/reporting +without a secret: its own is longer than 72 bytes/)
    expect(text).toMatch(/without the roles of its service account: order-clerk/)
    for (const secret of secrets.values()) expect(text + JSON.stringify(made.document)).not.toContain(secret)
    const hashed = DOCUMENT.parse(await hashSecrets(made, 4)).workspaces[0]?.clients[0]?.credentials?.[0]
    expect(hashed).toMatchObject({ label: 'moved' })
    expect(compareSync('AbCdEfGhIjKlMnOpQrStUvWxYz012345', hashed?.hash ?? '')).toBe(true)
  })

  it('whose secrets are masked has clients without one', () => {
    const made = convert('keycloak', exported('keycloak-realm.json'))
    expect(made.report.made.map(({ hasSecret }) => hasSecret)).toEqual([false, false, false])
    expect(made.lines.join('\n')).toMatch(/stock-sync +without a secret: its own is masked/)
  })

  it('that has secrets in plain text is read from a file that nobody else can read', () => {
    const text = exported('keycloak-realm.json').text.replace('**********', 'plain-secret-in-an-export')
    expect(() => convert('keycloak', { file: 'r.json', text, isPrivate: false })).toThrow(/chmod 600 r.json/)
    expect(() => convert('keycloak', { file: 'r.json', text, isPrivate: false })).not.toThrow(/plain-secret/)
    convert('keycloak', { file: 'r.json', text, isPrivate: true })
  })
})

describe('what promote/config exports', () => {
  it('becomes a tenant: APIs with their scopes, clients, and a list of those whose hash nobody knows', () => {
    const made = convert('promote-config', exported('promote-config.json'))
    expect(made.workspace).toMatchObject({
      slug: 'shop',
      access_token_lifetime: 600,
      signing_algorithm: 'RS256',
      resource_servers: [
        { identifier: 'https://orders.example', name: 'Orders' },
        { identifier: 'urn:acme:shop:stock', name: 'Stock' },
        { identifier: 'urn:acme:shop' },
      ],
      clients: [
        { id: 'c8d9fd12a3f24d0f9b6f8c0f6e1a7b55', scopes: ['orders.read', 'stock.read'] },
        { id: 'billing', state: 'disabled', scopes: ['orders.write'] },
      ],
    })
    const text = made.lines.join('\n')
    expect(text).toMatch(/c8d9fd12\w+ +without a secret: its hash is of no form that Regent compares with/)
    expect(text).toMatch(/billing +with its secret \(bcrypt, cost 10\)/)
    expect(text).not.toMatch(/9b74c9897|5d41402abc|\$2/)
    expect(made.report.leftOut.map(({ client }) => client)).toEqual(['spa'])
    // Those that run the product itself count for nothing.
    const till = convert('promote-config', exported('promote-config.json'), { workspace: 'till' })
    expect(till.workspace?.slug).toBe('till')
  })

  it('may be of one workspace, with secrets in plain text', () => {
    const config = JSON.parse(exported('promote-config.json').text).servers.shop
    config.clients.billing.client_secret = 'plain-secret-of-32-characters-or-so'
    const made = convert('promote-config', written(config), { workspace: 'till' })
    expect([made.workspace?.slug, made.toHash.map(({ client }) => client)]).toEqual(['till', ['billing']])
    expect(() => convert('promote-config', written(config, false))).toThrow(/chmod 600/)
  })
})

describe("Regent's own export", () => {
  const { document } = convert('hydra', exported('hydra-table.json'))

  it('goes on as it is, or to another tenant', () => {
    expect(convert('regent', written(document)).document).toEqual({ ...document, region: 'eu' })
    const made = convert('regent', written(document), { tenant: 'rival', region: 'us' })
    expect(made.document).toEqual({ ...document, tenant: 'rival', region: 'us' })
    expect(made.report.made.filter(({ hasSecret }) => hasSecret)).toHaveLength(2)
  })

  it('says what is wrong in it', () => {
    const made = convert(
      'regent',
      written({ ...document, workspaces: [{ slug: 'x y' }, { slug: 'shop', color: 1 }] }),
    )
    expect(made.report.faults.map(({ fault }) => fault.split(':')[0])).toEqual([
      'workspaces.0.slug',
      'workspaces.1',
    ])
  })
})

describe('a file of another kind', () => {
  const files = {
    hydra: exported('hydra-table.json'),
    keycloak: exported('keycloak-realm.json'),
    'promote-config': exported('promote-config.json'),
    regent: written({ regent: 1, tenant: 'acme' }),
  }
  const kinds = Object.keys(files) as Kind[]

  it.each(
    kinds.flatMap((kind) => kinds.filter((other) => other !== kind).map((other) => [kind, other] as const)),
  )('is refused as %s, with what it looks like: %s', (kind, other) => {
    expect(() => convert(kind, files[other])).toThrow(`regent import ${other}.`)
  })

  it.each(['[]', '{}', 'null', '"text"', '7', '', 'a: [', 'key: *anchor', '\u0000'])(
    'is refused: %j',
    (text) => {
      for (const kind of kinds)
        expect(() => convert(kind, written(text))).toThrow(/looks like none|neither JSON/)
    },
  )

  it('is read as YAML too', () => {
    expect(
      convert('regent', written('regent: 1\ntenant: acme\nworkspaces:\n  - slug: shop\n')).workspace?.slug,
    ).toBe('shop')
  })
})

describe('a file of secrets', () => {
  let folder: string
  beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'regent-import-'))))
  afterAll(() => rmSync(folder, { recursive: true }))

  async function read(text: string, mode: number) {
    const file = join(folder, 'secrets.json')
    writeFileSync(file, text)
    chmodSync(file, mode)
    return readSecrets(await readExport(file))
  }

  it('is what kcadm prints, or an object', async () => {
    const kcadm = '[ {\n  "clientId" : "robot",\n  "secret" : "abc"\n}, {\n  "clientId" : "account"\n} ]'
    expect([...(await read(kcadm, 0o600))]).toEqual([['robot', 'abc']])
    expect([...(await read('{"robot": "abc"}', 0o400))]).toEqual([['robot', 'abc']])
  })

  it.each([0o644, 0o640, 0o604, 0o660])('is refused when others can read it: %o', async (mode) => {
    await expect(read('{"robot": "shown-to-nobody"}', mode)).rejects.toThrow(/chmod 600/)
  })

  it.each([
    '[{"clientId": 7, "secret": "shown-to-nobody"}]',
    '{"robot": ["shown-to-nobody"]}',
    'shown-to-nobody: [',
  ])('is refused without a word of what is in it: %s', async (text) => {
    const error: unknown = await read(text, 0o600).catch((cause: unknown) => cause)
    expect(String(error)).toMatch(/secrets are read from JSON|neither JSON nor YAML/)
    expect(String(error)).not.toMatch(/shown-to-nobody/)
  })

  it('has to be there', async () => {
    await expect(readExport(join(folder, 'nowhere'))).rejects.toThrow(/cannot be read \(ENOENT\)/)
    await expect(readExport(folder)).rejects.toThrow(/cannot be read/)
  })
})
