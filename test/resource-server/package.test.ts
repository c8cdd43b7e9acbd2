import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { AUDIENCE, openAuthorizationServer } from './authorization-server.ts'

const run = promisify(execFile)
const root = path.resolve(__dirname, '../..')

/** What the author of an API writes: plain JavaScript, and the package by its name. */
const API = `
  import express from 'express'
  import { accessTokenOf, resourceServer } from 'regent/resource-server'

  const [issuer, audience, token] = process.argv.slice(2)
  const { requireToken } = resourceServer({ issuer, audience })
  const app = express()
  app.get('/orders', requireToken('read'), (request, response) => response.json(accessTokenOf(request).client_id))
  const server = app.listen(0, '127.0.0.1', async () => {
    const url = 'http://127.0.0.1:' + server.address().port + '/orders'
    const allowed = await fetch(url, { headers: { Authorization: 'Bearer ' + token } })
    const refused = await fetch(url)
    console.log(JSON.stringify([allowed.status, await allowed.json(), refused.status]))
    server.close()
    server.closeAllConnections()
  })
`

describe('the published package', () => {
  let folder: string

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'regent-package-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  it('lets an API import regent/resource-server and protect a route', async () => {
    const source = path.join(folder, 'source')
    const host = path.join(folder, 'host')
    const modules = path.join(host, 'node_modules')
    await mkdir(source)
    await mkdir(path.join(modules, 'regent'), { recursive: true })

    await cp(path.join(root, 'package.json'), path.join(source, 'package.json'))
    const tsc = path.join(root, 'node_modules/typescript/bin/tsc')
    const project = path.join(root, 'tsconfig.build.json')
    await run(process.execPath, [tsc, '--project', project, '--outDir', path.join(source, 'dist')])
    const packed = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
      cwd: source,
    })
    const [{ filename }] = JSON.parse(packed.stdout)
    const archive = path.join(folder, filename)
    await run('tar', ['-xzf', archive, '--strip-components', '1', '-C', path.join(modules, 'regent')])
    for (const dependency of ['express', 'jose']) {
      await symlink(path.join(root, 'node_modules', dependency), path.join(modules, dependency))
    }
    await writeFile(path.join(host, 'api.mjs'), API)

    const authorizationServer = await openAuthorizationServer()
    const token = await authorizationServer.token()
    const { stdout } = await run(process.execPath, ['api.mjs', authorizationServer.issuer, AUDIENCE, token], {
      cwd: host,
    })
    await authorizationServer.close()
    expect(JSON.parse(stdout)).toEqual([200, 'robot', 401])
  }, 120_000)
})
