/** The guides on moving in, done as they stand there. What other products print is what their exports in `test/cli/import` have. */
import { chmodSync, copyFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { openPlace } from '../cli/commands/place.ts'
import { ask } from '../endpoints/attempt.ts'
import { noteSecret } from '../support/noted-secrets.ts'
import { openShell, readerOf, type Shell } from './guide.ts'

const EXPORTS = resolve('test/cli/import/exports')
const HYDRAS = 'hydra-made-this-26-characters'
const KEYCLOAKS = 'AbCdEfGhIjKlMnOpQrStUvWxYz012345'

describe('the guide on moving', () => {
  let place: Awaited<ReturnType<typeof openPlace>>
  let shell: Shell

  beforeAll(async () => {
    for (const secret of [HYDRAS, KEYCLOAKS]) noteSecret('client secret', secret)
    place = await openPlace()
  })
  afterAll(() => place.close())
  afterEach(() => shell.close())

  /** @param workspace in place of the guide's own: each has one here */
  function open(workspace: string) {
    const environment = { ...place.acme, HYDRA_URL: 'hydra', OLD_URL: 'old', TOKEN: 'none' }
    shell = openShell([['--workspace shop', `--workspace ${workspace}`]], environment)
  }
  /** In place of the other product's own tool. */
  function prints(tool: string, file: string) {
    writeFileSync(join(shell.folder, tool), `#!/bin/sh\nexec cat '${file}'\n`)
    chmodSync(join(shell.folder, tool), 0o755)
  }
  async function follow(name: string) {
    const reader = readerOf(name, shell)
    while (reader.left() > 0) await reader.follow()
  }
  const statusOf = async (workspace: string, id: string, secret: string) => {
    const at = { host: new URL(place.acme.REGENT_URL ?? '').host, path: `/acme/${workspace}` }
    return (await ask(place.world.port, at, { id, secret })).status
  }

  it('from Hydra', async () => {
    open('moved-hydra')
    prints('psql', join(EXPORTS, 'hydra-table.json'))
    await follow('move-from-hydra')
    expect(await statusOf('moved-hydra', 'nightly-batch', HYDRAS)).toBe(200)
  })

  it('from Keycloak', async () => {
    open('moved-keycloak')
    const secrets = [
      { clientId: 'account' },
      { clientId: 'stock-sync', secret: KEYCLOAKS },
      { clientId: 'reporting', secret: '0123456789abcdefghijABCDEFGHIJ01' },
    ]
    writeFileSync(join(shell.folder, 'printed'), JSON.stringify(secrets))
    prints('kcadm.sh', join(shell.folder, 'printed'))
    copyFileSync(join(EXPORTS, 'keycloak-realm.json'), join(shell.folder, 'shop-realm.json'))
    await follow('move-from-keycloak')
    expect(await statusOf('moved-keycloak', 'stock-sync', KEYCLOAKS)).toBe(200)
  })

  it('from a promote/config export', async () => {
    open('shop')
    prints('curl', join(EXPORTS, 'promote-config.json'))
    await follow('move-from-promote-config')
    // It is disabled there, and so it is here.
    expect(await statusOf('shop', 'billing', 'go-made-this-secret-1')).toBe(401)
  })
})
