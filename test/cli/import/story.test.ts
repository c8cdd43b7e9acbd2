/** Whole moves: what another product exported is imported, and its clients get tokens with the secrets that they always had. */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ask } from '../../endpoints/attempt.ts'
import { noteSecret } from '../../support/noted-secrets.ts'
import { openPlace, run } from '../commands/place.ts'

const EXPORTS = 'test/cli/import/exports'
const HYDRA = {
  'nightly-batch': 'hydra-made-this-26-characters',
  'b2f0c5c8-4f7d-4b52-9a55-1f0d2f7f8a10': 'go-made-this-secret-1',
}
const KEYCLOAK = { 'stock-sync': 'AbCdEfGhIjKlMnOpQrStUvWxYz012345' }
const CONFIG = { billing: 'go-made-this-secret-1' }
const DONE = 'All was as it should be: nothing was changed.\n'

describe('moving in', () => {
  let place: Awaited<ReturnType<typeof openPlace>>
  let folder: string

  beforeAll(async () => {
    for (const secret of Object.values({ ...HYDRA, ...KEYCLOAK, ...CONFIG }))
      noteSecret('client secret', secret)
    folder = mkdtempSync(join(tmpdir(), 'regent-move-'))
    place = await openPlace()
  })
  afterAll(async () => {
    await place.close()
    rmSync(folder, { recursive: true })
  })

  const to = (workspace?: string) => [
    '--tenant',
    'acme',
    '--region',
    'eu',
    '--yes',
    ...(workspace === undefined ? [] : ['--workspace', workspace]),
  ]
  const bring = (kind: string, file: string, ...options: readonly string[]) =>
    run(place.acme, 'import', kind, file, ...options)
  const statusOf = async (workspace: string, id: string, secret: string) => {
    const at = { host: new URL(place.acme.REGENT_URL ?? '').host, path: `/acme/${workspace}` }
    return (await ask(place.world.port, at, { id, secret })).status
  }
  async function expectTokens(workspace: string, secrets: Readonly<Record<string, string>>) {
    for (const [id, secret] of Object.entries(secrets)) {
      expect([id, await statusOf(workspace, id, `${secret}.`)]).toEqual([id, 401])
      expect([id, await statusOf(workspace, id, secret)]).toEqual([id, 200])
    }
  }
  const hashOf = async (id: string) => {
    const { rows } = await place.world.superuser<{ hash: string }>(
      'select bcrypt_hash as hash from regent.credential where client_id = $1',
      [id],
    )
    return rows[0]?.hash ?? ''
  }

  it('from Hydra: the same secrets, hashed anew when they are used, and a second time nothing', async () => {
    const table = join(EXPORTS, 'hydra-table.json')
    const done = await bring('hydra', table, ...to('shop'))
    expect([done.code, done.err]).toEqual([0, expect.stringMatching(/^Done: 7 made, 0 changed, 0 ended\.$/m)])
    expect(await hashOf('nightly-batch')).toMatch(/^\$pbkdf2-sha256\$i=25000/)
    await expectTokens('shop', HYDRA)
    for (let tries = 0; tries < 200 && !(await hashOf('nightly-batch')).startsWith('$2b$'); tries++)
      await new Promise((resolve) => setTimeout(resolve, 25))
    expect(await hashOf('nightly-batch')).toMatch(/^\$2b\$04\$/)
    expect(await bring('hydra', table, ...to('shop'))).toMatchObject({ code: 0, err: DONE })
    expect(await bring('hydra', join(EXPORTS, 'hydra-dump.sql'), ...to('shop'))).toMatchObject({ code: 0 })
    await expectTokens('shop', HYDRA)
    // Failing attempts of this workspace cost what the slowest of these hashes does.
    const { rows } = await place.world.superuser(
      `select imported_bcrypt_cost, imported_iterations from regent.workspace where slug = 'shop'`,
    )
    expect(rows).toEqual([{ imported_bcrypt_cost: 10, imported_iterations: 25_000 }])
  })

  it('from Keycloak: secrets from a file of their own, and a second time nothing', async () => {
    const [secrets, realm] = [join(folder, 'secrets.json'), join(EXPORTS, 'keycloak-realm.json')]
    const kcadm = Object.entries(KEYCLOAK).map(([clientId, secret]) => ({ clientId, secret }))
    writeFileSync(secrets, JSON.stringify(kcadm), { mode: 0o600 })
    const first = await bring('keycloak', realm, '--secrets', secrets, ...to())
    expect(first.code).toBe(0)
    await expectTokens('shop-eu', KEYCLOAK)
    // Hashed anew with another salt, it is the same secret of the same client.
    const second = await bring('keycloak', realm, '--secrets', secrets, ...to())
    expect(second).toMatchObject({ code: 0, err: DONE })
    await expectTokens('shop-eu', KEYCLOAK)
    for (const { out, err } of [first, second]) expect(out + err).not.toContain(KEYCLOAK['stock-sync'])
  })

  it('from a promote/config export: who has no secret gets a new one', async () => {
    const config = JSON.parse(readFileSync(join(EXPORTS, 'promote-config.json'), 'utf8'))
    config.servers.shop.clients.billing.client_status = 'active'
    writeFileSync(join(folder, 'config.json'), JSON.stringify(config))
    const done = await bring('promote-config', join(folder, 'config.json'), ...to('till'))
    expect([done.code, done.out]).toEqual([0, expect.stringMatching(/c8d9fd12\w+ +without a secret/)])
    await expectTokens('till', CONFIG)
    const made = await run(place.acme, 'secret', 'create', 'c8d9fd12a3f24d0f9b6f8c0f6e1a7b55', '-w', 'till')
    expect(made.code).toBe(0)
  })

  it('from another Regent: its export, to a tenant of another name, whose clients get tokens with what they have', async () => {
    const file = join(folder, 'acme.yaml')
    expect((await run(place.acme, 'export', '--hashes', '-o', file)).code).toBe(0)
    const args = ['regent', file, '--tenant', 'rival', '--region', 'eu', '--yes']
    const done = await run(place.rival, 'import', ...args)
    expect([done.code, done.err]).toEqual([0, expect.stringMatching(/^Done: /m)])
    const at = { host: new URL(place.rival.REGENT_URL ?? '').host, path: '/rival/shop-eu' }
    const [[id, secret] = ['', '']] = Object.entries(KEYCLOAK)
    expect((await ask(place.world.port, at, { id, secret })).status).toBe(200)
  })

  it('does nothing before it is asked, and says whose a fault of the server is', async () => {
    copyFileSync(join(EXPORTS, 'hydra-table.json'), join(folder, 'hydra.json'))
    const args = ['hydra', join(folder, 'hydra.json'), '--tenant', 'acme', '--region', 'eu']
    const asked = await bring(args[0] ?? '', args[1] ?? '', ...args.slice(2), '--workspace', 'later')
    expect([asked.code, asked.err]).toEqual([1, expect.stringMatching(/say --yes/)])
    const elsewhere = await bring('hydra', args[1] ?? '', '--tenant', 'rival', '--region', 'eu', '--yes')
    expect([elsewhere.code, elsewhere.err]).toEqual([1, expect.stringMatching(/tenant.*rival/)])
    // A scope that another API of the workspace has.
    const rows = JSON.parse(readFileSync(args[1] ?? '', 'utf8')) as { audience: string[] }[]
    for (const row of rows) row.audience = ['https://elsewhere.example']
    writeFileSync(args[1] ?? '', JSON.stringify(rows))
    const taken = await bring('hydra', args[1] ?? '', ...to('shop'))
    expect([taken.code, taken.err]).toEqual([
      1,
      expect.stringMatching(/^Nothing was imported:\n {2}API https/m),
    ])
  })
})
