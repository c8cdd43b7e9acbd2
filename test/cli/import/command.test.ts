/** `regent import` as it is typed: what it says, what it writes, and what it never shows. */
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compareSync } from 'bcrypt'
import { DOCUMENT } from '../../../src/admin/document/document.ts'
import { noteSecret } from '../../support/noted-secrets.ts'
import { runHere } from '../commands/run-here.ts'

const EXPORTS = 'test/cli/import/exports'
const SECRET = 'kept-by-stock-sync-for-years'

describe('regent import', () => {
  let folder: string
  beforeAll(() => {
    noteSecret('client secret', SECRET)
    folder = mkdtempSync(join(tmpdir(), 'regent-import-'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  const at = (name: string) => join(folder, name)
  const run = (...args: readonly string[]) => runHere(['import', ...args], {})
  const TO_ACME = ['--tenant', 'acme', '--region', 'eu'] as const
  function writeSecrets(mode: number) {
    writeFileSync(at('secrets.json'), JSON.stringify([{ clientId: 'stock-sync', secret: SECRET }]))
    chmodSync(at('secrets.json'), mode)
  }
  function put(name: string) {
    copyFileSync(join(EXPORTS, name), at(name))
    return at(name)
  }

  it('says first what would become of each client, and writes nothing', async () => {
    const { code, out } = await run(
      'hydra',
      put('hydra-table.json'),
      ...TO_ACME,
      '--dry-run',
      '--out',
      at('never'),
    )
    expect(code).toBe(0)
    expect(out).toMatch(/^make +nightly-batch +with its secret \(PBKDF2, 25000 iterations\)$/m)
    expect(() => statSync(at('never'))).toThrow(/ENOENT/)
    const json = await run('hydra', at('hydra-table.json'), ...TO_ACME, '--dry-run', '--json')
    expect(JSON.parse(json.out)).toMatchObject({
      report: { faults: [], leftOut: [{ client: 'storefront' }] },
    })
    expect(out + json.out).not.toMatch(/\$2|\$pbkdf2/)
  })

  it('hashes secrets that were brought, into a document of mode 0600, and shows none', async () => {
    writeSecrets(0o600)
    // One that was there, and that others could read.
    writeFileSync(at('acme.json'), '{}', { mode: 0o644 })
    const args = ['--secrets', at('secrets.json'), ...TO_ACME, '--out', at('acme.json')]
    const { code, out, err } = await run('keycloak', put('keycloak-realm.json'), ...args)
    expect([code, statSync(at('acme.json')).mode & 0o777]).toEqual([0, 0o600])
    const text = readFileSync(at('acme.json'), 'utf8')
    expect(out + err + text).not.toContain(SECRET)
    const [workspace] = DOCUMENT.parse(JSON.parse(text)).workspaces
    const [credential] = workspace?.clients.find(({ id }) => id === 'stock-sync')?.credentials ?? []
    expect(credential?.label).toBe('imported from keycloak')
    expect(compareSync(SECRET, credential?.hash ?? '')).toBe(true)
  })

  it('takes no secrets from a file that others can read', async () => {
    writeSecrets(0o644)
    const args = ['--secrets', at('secrets.json'), ...TO_ACME, '--out', at('never')]
    const { code, out, err } = await run('keycloak', put('keycloak-realm.json'), ...args)
    expect([code, out]).toEqual([1, ''])
    expect(err).toMatch(/others can read it.*chmod 600/)
    expect(out + err).not.toContain(SECRET)
    expect(() => statSync(at('never'))).toThrow(/ENOENT/)
  })

  it('imports nothing where there is a fault, unless those clients are left out', async () => {
    const rows = JSON.parse(readFileSync(put('hydra-table.json'), 'utf8')) as { client_secret: string }[]
    if (rows[0]) rows[0].client_secret = `$2x$10$${'x'.repeat(53)}`
    writeFileSync(at('faulty.json'), JSON.stringify(rows))
    const faulty = ['hydra', at('faulty.json'), ...TO_ACME, '--out', at('document.json')]
    const { code, out, err } = await run(...faulty)
    expect(code).toBe(1)
    expect(out).toMatch(/^fault +nightly-batch: \$2x\$ .*Give it a new secret there, or leave it out\.$/m)
    expect(err).toMatch(/Nothing was imported/)
    expect(() => statSync(at('document.json'))).toThrow(/ENOENT/)
    expect((await run(...faulty, '--leave-out-faulty')).code).toBe(0)
    expect(readFileSync(at('document.json'), 'utf8')).not.toContain('nightly-batch')
  })

  it.each([
    [['hydra', 'nowhere.json', '--tenant', 'acme'], /nowhere.json: it cannot be read \(ENOENT\)/],
    [
      ['hydra', join(EXPORTS, 'keycloak-realm.json'), '--tenant', 'acme'],
      /realm of Keycloak: regent import keycloak/,
    ],
    [['hydra', join(EXPORTS, 'hydra-table.json')], /--tenant NAME/],
    [['hydra', join(EXPORTS, 'hydra-table.json'), '--tenant', 'acme', '--region', 'mars'], /--region mars/],
    [['hydra', join(EXPORTS, 'hydra-table.json'), '--tenant', 'acme', '--scope', 'read'], /SCOPE=URL/],
    [['ldap', 'x'], /unknown command/],
  ])('says what is wrong with %j', async (args, says) => {
    const { code, err } = await run(...args)
    expect(code).not.toBe(0)
    expect(err).toMatch(says)
  })
})
