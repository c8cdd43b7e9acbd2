/** The guides on moving in, done as they stand there. What other products print is what their exports in `test/cli/import` have. */
import { chmodSync, copyFileSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { DOCUMENT } from '../../src/admin/document/document.ts'
import { openShell, readerOf, type Shell } from './guide.ts'

const EXPORTS = resolve('test/cli/import/exports')
const SECRETS = [
  { clientId: 'account' },
  { clientId: 'stock-sync', secret: 'AbCdEfGhIjKlMnOpQrStUvWxYz012345' },
  { clientId: 'reporting', secret: '0123456789abcdefghijABCDEFGHIJ01' },
]

describe('the guide on moving', () => {
  let shell: Shell
  beforeEach(() => void (shell = openShell([], { HYDRA_URL: 'hydra', OLD_URL: 'old', TOKEN: 'none' })))
  afterEach(() => shell.close())

  /** In place of the other product's own tool. */
  function prints(tool: string, file: string) {
    writeFileSync(join(shell.folder, tool), `#!/bin/sh\nexec cat '${file}'\n`)
    chmodSync(join(shell.folder, tool), 0o755)
  }
  function documentOf(file: string) {
    expect(statSync(join(shell.folder, file)).mode & 0o777).toBe(0o600)
    const text = readFileSync(join(shell.folder, file), 'utf8')
    for (const { secret } of SECRETS) if (secret !== undefined) expect(text).not.toContain(secret)
    const [workspace] = DOCUMENT.parse(JSON.parse(text)).workspaces
    return workspace?.clients.map(({ id, credentials }) => [id, credentials?.length ?? 0])
  }
  async function follow(name: string) {
    const reader = readerOf(name, shell)
    while (reader.left() > 0) await reader.follow()
  }

  it('from Hydra', async () => {
    prints('psql', join(EXPORTS, 'hydra-table.json'))
    await follow('move-from-hydra')
    expect(documentOf('acme.json')).toEqual([
      ['nightly-batch', 1],
      ['b2f0c5c8-4f7d-4b52-9a55-1f0d2f7f8a10', 1],
      ['key-holder', 0],
    ])
  })

  it('from Keycloak', async () => {
    writeFileSync(join(shell.folder, 'printed'), JSON.stringify(SECRETS))
    prints('kcadm.sh', join(shell.folder, 'printed'))
    copyFileSync(join(EXPORTS, 'keycloak-realm.json'), join(shell.folder, 'shop-realm.json'))
    await follow('move-from-keycloak')
    expect(documentOf('acme.json')).toEqual([
      ['stock-sync', 1],
      ['reporting', 1],
      ['signed-jobs', 0],
    ])
  })

  it('from a promote/config export', async () => {
    prints('curl', join(EXPORTS, 'promote-config.json'))
    await follow('move-from-promote-config')
    expect(documentOf('acme.json')).toEqual([
      ['c8d9fd12a3f24d0f9b6f8c0f6e1a7b55', 0],
      ['billing', 1],
    ])
  })
})
