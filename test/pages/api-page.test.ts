/** The page of the administrative APIs says what their document says, and its examples work when they are pasted. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { openApi } from '../../src/admin/openapi.ts'
import { PERMISSIONS, type RouteName } from '../../src/admin/permissions.ts'
import { ROUTES } from '../../src/admin/routes/index.ts'
import { bootstrap } from '../../src/changes/bootstrap.ts'
import { comparable, readRefusal } from '../server/refusal.ts'
import { noteSecret, noteTokens } from '../support/noted-secrets.ts'
import { freePort } from '../support/postgres.ts'
import { openWorld, type World } from '../support/world.ts'
import { BROWSER, look, pageFaults, textOf, textsOf } from './look.ts'

type Operation = {
  readonly operationId: string
  readonly summary: string
  readonly parameters: readonly { name: string; in: string; required: boolean }[]
  readonly requestBody?: { content: { 'application/json': { schema: { properties?: object } } } }
  readonly responses: object
}

const run = promisify(execFile)
const { paths } = openApi(ROUTES) as { paths: Record<string, Record<string, Operation>> }
const OPERATIONS = Object.entries(paths).flatMap(([path, own]) =>
  Object.entries(own).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
)

describe('the page of the administrative APIs', () => {
  let world: World
  let port: number
  let body: string

  beforeAll(async () => {
    port = await freePort()
    world = await openWorld({ regions: ['none', 'eu'], localPort: port })
    ;({ body } = await look(world, `localhost:${port}`, '/api'))
  })
  afterAll(() => world.close())

  /** What stands about a route, and the command in it. */
  function articleOf(id: string) {
    const [article = ''] = new RegExp(`<article aria-labelledby="${id}">.*?</article>`, 's').exec(body) ?? []
    return { text: textOf(article), curl: textsOf(article, 'pre')[0] ?? '', names: textsOf(article, 'code') }
  }

  it('is one page, on every host of ours, also of a region that is served elsewhere, and from the front step', async () => {
    const page = await look(world, `localhost:${port}`, '/api')
    expect([page.status, pageFaults(page)]).toEqual([200, []])
    expect(page.headers.get('cache-control')).toEqual(['public, max-age=300'])
    for (const host of ['eu', 'us', 'acme', 'acme.eu', 'ghost.us', 'system.eu'])
      expect(comparable(await look(world, `${host}.localhost:${port}`, '/api?x=%3Cb%3E'))).toBe(
        comparable(page),
      )
    expect((await look(world, `acme.eu.localhost:${port}`)).body).toContain('href="/api"')
    expect((await look(world, `localhost:${port}`, '/api/openapi.json', [])).body).toBe(
      JSON.stringify(openApi(ROUTES)),
    )
  })

  it('is nothing but that path, and is looked at only', async () => {
    for (const [host, target] of [
      ['nobody.example', '/api'],
      [`acme.mtls.eu.localhost:${port}`, '/api'],
      [`localhost:${port}`, '/API'],
      [`localhost:${port}`, '/apis'],
    ] as const)
      expect(readRefusal(world, await look(world, host, target, []))).toBe(
        '404 invalid_request unknown_address',
      )
    expect((await look(world, `localhost:${port}`, '/api/')).status).toBe(404)
    const posted = await look(world, `localhost:${port}`, '/api', [BROWSER], 'POST')
    expect(readRefusal(world, posted)).toBe('405 invalid_request method_not_allowed')
  })

  it.each(OPERATIONS.map((one) => [one.operation.operationId, one] as const))(
    'has %s with its path, its scope, and what it takes and answers',
    (id, { path, method, operation }) => {
      const { text, names } = articleOf(id)
      expect(text).toContain(`${method} ${path}`)
      expect(text).toContain(operation.summary)
      expect(text).toContain(`Needs the scope ${PERMISSIONS[id as RouteName]}.`)
      const properties = Object.keys(
        operation.requestBody?.content['application/json'].schema.properties ?? {},
      )
      const statuses = Object.keys(operation.responses).filter((status) => status !== 'default')
      for (const name of [...operation.parameters.map((one) => one.name), ...properties, ...statuses])
        expect(names).toContain(name)
    },
  )

  it('has an example of each, that a shell takes apart into what the document takes', async () => {
    const ajv = new Ajv2020({ strict: false })
    ;(addFormats as unknown as (ajv: Ajv2020) => void)(ajv)
    for (const { path, method, operation } of OPERATIONS) {
      const { curl } = articleOf(operation.operationId)
      const variables = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => [
        name.toUpperCase(),
        `{${name}}`,
      ])
      const prefix = path.startsWith('/api/system') ? '/api/system' : '/api/admin/{tenant}'
      const { stdout } = await run('sh', ['-c', `curl() { printf '%s\\n' "$@"; }; ${curl}`], {
        env: { ...Object.fromEntries(variables), API: prefix, TOKEN: 'T' },
      })
      const [url = '', ...args] = stdout.trim().split('\n')
      const query = operation.parameters.filter((one) => one.in === 'query' && one.required)
      expect(url.split('?')[0]).toBe(path)
      expect([...new URLSearchParams(url.split('?')[1] ?? '').keys()]).toEqual(query.map(({ name }) => name))
      expect(args).toContain('Authorization: Bearer T')
      expect(args.includes('--request') ? args[args.indexOf('--request') + 1] : 'GET').toBe(method)
      const schema = operation.requestBody?.content['application/json'].schema
      expect(args.includes('--data')).toBe(schema !== undefined)
      if (schema === undefined) continue
      const sent = JSON.parse(args[args.indexOf('--data') + 1] ?? '') as unknown
      const valid = ajv.compile(schema)
      expect([operation.operationId, valid(sent), valid.errors]).toEqual([operation.operationId, true, null])
    }
  })

  it('leads whoever pastes it from an operator to a client with a secret', async () => {
    const paste = async (setting: string, id: string, environment: Record<string, string>) => {
      const [api = '', tokens = ''] = [
        textsOf(body, 'pre').find((text) => text.includes(setting)),
        textsOf(body, 'pre')[2],
      ]
      const commands = [api, tokens, articleOf(id).curl].join('\n').replaceAll('acme', 'shop')
      const { stdout } = await run('sh', ['-c', commands], {
        env: { PATH: process.env.PATH ?? '', ...environment },
      })
      noteTokens(stdout)
      const answer = JSON.parse(stdout) as Record<string, never>
      for (const secret of [answer.secret, Object(answer.administrator).client_secret])
        if (typeof secret === 'string') noteSecret('client secret', secret)
      return answer as Record<string, unknown>
    }
    const operator = await bootstrap(world.needs('none'))
    if (operator === undefined) throw new Error('there is an operator already')
    noteSecret('client secret', operator.secret)
    const tenant = await paste('/api/system', 'system.tenant.create', {
      CLIENT_ID: operator.clientId,
      CLIENT_SECRET: operator.secret,
    })
    expect(tenant).toMatchObject({ slug: 'shop', administrator: {} })
    const { client_id: id, client_secret: secret } = tenant.administrator as Record<string, string>
    const own = {
      CLIENT_ID: id ?? '',
      CLIENT_SECRET: secret ?? '',
      WORKSPACE: 'shop',
      CLIENT: 'nightly-batch',
    }
    const made = async (route: string) => paste('/api/admin', route, own)
    expect(await made('workspace.create')).toMatchObject({ slug: 'shop' })
    expect(await made('resource_server.create')).toMatchObject({ identifier: expect.any(String) })
    expect(await made('client.create')).toMatchObject({ id: 'nightly-batch' })
    expect(await made('credential.create')).toMatchObject({ secret: expect.stringMatching(/^rgs_/) })
  })
})
