/** The front step of a host: the same for every name, whoever exists, and right for whoever follows it. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { bootstrap } from '../../src/changes/bootstrap.ts'
import { suspendTenant } from '../../src/changes/tenant-changes.ts'
import { comparable, readRefusal } from '../server/refusal.ts'
import { LIES } from '../server/heads.ts'
import { noteSecret, noteTokens } from '../support/noted-secrets.ts'
import { freePort } from '../support/postgres.ts'
import { openWorld, type World, type WorldWorkspace } from '../support/world.ts'
import { BROWSER, look, pageFaults, textsOf } from './look.ts'

const run = promisify(execFile)
const MARK = '%3Cscript%3Ealert(1)%3C/script%3E'

describe('the front step', () => {
  let world: World
  let orders: WorldWorkspace
  let port: number

  beforeAll(async () => {
    port = await freePort()
    world = await openWorld({ regions: ['none', 'eu'], localPort: port })
    orders = await world.workspace(`http://acme.eu.localhost:${port}/orders`)
  })
  afterAll(() => world.close())

  const host = (name: string) => `${name}.localhost:${port}`
  /** Pasted into a shell, with what its reader knows. */
  async function paste(command: string, environment: Readonly<Record<string, string>>): Promise<string> {
    const env = { PATH: process.env.PATH ?? '', ...environment }
    const { stdout } = await run('sh', ['-c', command], { env })
    noteTokens(stdout)
    return stdout
  }

  it('is a page, without anything that is not in it', async () => {
    for (const name of [host('acme.eu'), host('acme'), `localhost:${port}`, host('eu')]) {
      const answer = await look(world, name)
      expect([answer.status, pageFaults(answer)]).toEqual([200, []])
      expect(answer.headers.get('cache-control')).toEqual(['public, max-age=300'])
      expect(textsOf(answer.body, 'h1')).toEqual([name])
    }
  })

  it('is the same bytes for a tenant, for none, and for one of another region: nobody is looked up (T15)', async () => {
    const gone = await world.workspace(`http://gone.eu.localhost:${port}/orders`)
    await suspendTenant(gone.change, gone.workspace.tenant)
    const bytes = async (name: string, region = 'eu') =>
      comparable(await look(world, host(`${name}.${region}`))).replaceAll(name, 'NAME')
    const known = await bytes('acme')
    await world.whileLocked('regent.tenant', async () => {
      for (const name of ['gone', 'ghost', 'zulu', '9-qq-9'])
        expect((await bytes(name)).replace(/^Content-Length: .*$/m, '')).toBe(
          known.replace(/^Content-Length: .*$/m, ''),
        )
    })
    expect(comparable(await look(world, host('acme')))).toBe(
      comparable(await look(world, host('ghos'))).replaceAll('ghos', 'acme'),
    )
  })

  it('names hosts and issuers as they are configured, however its own was spelled (T06, T08)', async () => {
    const known = comparable(await look(world, host('acme.eu')))
    for (const spelled of [`ACME.EU.LocalHost:${port}`, `acme.eu.localhost.:${port}`, 'acme.eu.localhost'])
      expect(comparable(await look(world, spelled))).toBe(known)
    for (const lie of LIES)
      expect(comparable(await look(world, host('acme.eu'), '/', [BROWSER, lie]))).toBe(known)
  })

  it('takes any query, and repeats nothing of it', async () => {
    const known = comparable(await look(world, host('acme.eu')))
    for (const query of ['?', '?utm_source=x', `?q=${MARK}`, `?${MARK}=1`])
      expect(comparable(await look(world, host('acme.eu'), `/${query}`))).toBe(known)
  })

  it('says the same to machines, and to HEAD without a body', async () => {
    const page = await look(world, host('acme.eu'))
    const { body } = page
    expect(comparable(await look(world, host('acme.eu'), '/', []))).toBe(comparable(page))
    const short = await look(world, host('acme.eu'), '/', [], 'HEAD')
    expect(comparable(short)).toBe(comparable({ ...page, body: '' }))
    expect(short.body).toBe('')
    expect(short.headers.get('content-length')).toEqual([String(Buffer.byteLength(body))])
  })

  it('has a command that gets a token when it is pasted', async () => {
    const { id, secret } = await orders.client('robot', { secret: { label: 'own' } })
    const { body } = await look(world, host('acme.eu'))
    const [command = ''] = textsOf(body, 'pre').filter((text) => text.startsWith('curl'))
    const said = await paste(`${command} --silent`, {
      WORKSPACE: 'orders',
      CLIENT_ID: id,
      CLIENT_SECRET: secret,
    })
    const { access_token: token } = JSON.parse(said) as { access_token: string }
    expect((await orders.verify(token)).payload.client_id).toBe('robot')
  })

  it('has URLs that lead to what they say', async () => {
    const { body } = await look(world, host('acme.eu'))
    const urls = textsOf(body, 'code').map((text) => text.replace('{workspace}', 'orders'))
    expect(urls).toContain(orders.workspace.issuer)
    const documents = urls.filter((url) => url.includes('.well-known'))
    expect(documents).toHaveLength(3)
    for (const url of documents) {
      const answer = await look(world, host('acme.eu'), new URL(url).pathname)
      expect([url, answer.status]).toEqual([url, 200])
      expect(answer.body).toMatch(url.endsWith('jwks.json') ? /"keys"/ : /"token_endpoint"/)
    }
    const [api = '', tokens = ''] = urls.slice(-2)
    expect((await look(world, host('acme.eu'), `${new URL(api).pathname}/workspaces`)).status).toBe(401)
    expect((await look(world, host('acme.eu'), new URL(tokens).pathname, [])).status).toBe(405)
  })

  it("of an operators' host has commands that list tenants when they are pasted", async () => {
    const operator = await bootstrap(world.needs('eu'))
    if (operator === undefined) throw new Error('there is an operator already')
    noteSecret('client secret', operator.secret)
    const { body } = await look(world, host('eu'))
    const [commands = ''] = textsOf(body, 'pre')
    const said = await paste(commands.replaceAll('curl ', 'curl --silent '), {
      CLIENT_ID: operator.clientId,
      CLIENT_SECRET: operator.secret,
    })
    const { items } = JSON.parse(said) as { items: { slug: string }[] }
    expect(items.map(({ slug }) => slug)).toContain('acme')
  })

  it("of the base host names every region's hosts, of a region's its own", async () => {
    const hostsOf = async (name: string) =>
      textsOf((await look(world, name)).body, 'code').filter((text) => text.includes('{tenant}'))
    expect(await hostsOf(host('eu'))).toEqual([`http://{tenant}.eu.localhost:${port}/`])
    expect(await hostsOf(`localhost:${port}`)).toEqual([
      `http://{tenant}.localhost:${port}/`,
      ...['au', 'eu', 'us'].map((region) => `http://{tenant}.${region}.localhost:${port}/`),
    ])
  })

  it('is looked at, and nothing else (T42)', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
      const answer = await look(world, host('acme.eu'), '/', [BROWSER], method)
      expect(readRefusal(world, answer)).toBe('405 invalid_request method_not_allowed')
      expect(answer.headers.get('allow')).toEqual(['GET, HEAD'])
    }
  })

  it('is not there for a region that is served elsewhere, for what is no host of ours, or on hosts for certificates', async () => {
    const elsewhere = await look(world, host('acme.us'), '/', [])
    expect(readRefusal(world, elsewhere)).toBe('421 invalid_request region_not_served')
    for (const name of [host('ghost.us'), host('us'), host('au'), host('acme.au')])
      expect(comparable(await look(world, name, '/', []))).toBe(comparable(elsewhere))
    for (const name of [
      'nobody.example',
      host('acme.mtls.eu'),
      host('www'),
      host('a.b.eu'),
      'acme.eu.localhost:1',
    ])
      expect(readRefusal(world, await look(world, name, '/', []))).toBe('404 invalid_request unknown_address')
  })

  it.each(['<script>alert(1)</script>', 'acme"onload=alert(1)', "acme'", 'a<b.eu', '&lt;', 'acme%3c'])(
    'is not made of a Host that is none: %s',
    async (name) => {
      for (const headers of [[], [BROWSER]]) {
        const answer = await look(world, host(name), '/', headers)
        expect(answer.status).toBe(400)
        expect(answer.body).not.toContain(name)
      }
    },
  )
})
