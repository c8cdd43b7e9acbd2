/**
 * The doors of administration, one by one, from the table of routes: whoever asks with what is their neighbour's (ids, names,
 * tokens, cursors, filters, entity tags, idempotency keys, checkpoints) sees nothing, changes nothing, and is answered byte for
 * byte as if it were nobody's (T1-T14, T49). A route whose parameters have no data here fails.
 */
import { ROUTES } from '../../src/admin/routes/index.ts'
import { ask, NAMES, openAdministered, parametersOf, PLAIN, said, TRIED_APART } from './administered.ts'

const KNOWN = {
  path: 'workspace server client credential kid tenant'.split(' ').map((name) => `path.${name}`),
  ids: ['query.scope', 'body.default_resource_server_id', 'body.scopes'],
}
const isId = (route: string, name: string) =>
  (KNOWN.path.includes(name) || KNOWN.ids.includes(name)) && !(`${route} ${name}` in NAMES)

describe('administration', () => {
  let place: Awaited<ReturnType<typeof openAdministered>>
  /** Of the neighbours: their random ids, and the word that stands in whatever they made. */
  let marks: readonly string[]

  beforeAll(async () => {
    place = await openAdministered()
    const { foreign } = place.values
    marks = [
      'rival',
      'umbrella',
      foreign['path.server'],
      foreign['path.credential'],
      foreign['path.kid'],
    ].map(String)
  })
  afterAll(() => place.close())

  const seen = (text: string) => marks.filter((mark) => text.includes(mark))

  it('has data for every parameter of every route, and for no other', () => {
    const all = ROUTES.flatMap((route) => parametersOf(route).map((name) => [route.name, name] as const))
    const unknown = all.filter(
      ([route, name]) =>
        !isId(route, name) && !PLAIN.has(name) && !TRIED_APART.has(name) && !(`${route} ${name}` in NAMES),
    )
    expect(unknown).toEqual([])
    const used = new Set(all.flatMap(([route, name]) => [name, `${route} ${name}`]))
    const idle = [...PLAIN, ...TRIED_APART, ...KNOWN.path, ...KNOWN.ids, ...Object.keys(NAMES)]
    expect(idle.filter((name) => !used.has(name))).toEqual([])
  })

  /** Without them, whatever is refused below could be so for another reason. */
  const NOT_NOW = ['system.tenant.resume', 'system.tenant.restore']
  it.each(ROUTES.map((route) => [route.name, route] as const))(
    '%s is done for its own',
    async (name, route) => {
      const [api] = place.sides[route.api]
      const dry = route.method === 'GET' ? {} : { query: 'dry_run=true' }
      const { status, text } = await ask(api, route, place.values.own, {}, dry)
      expect([status, NOT_NOW.includes(name) ? 409 : status < 300 ? status : text]).toEqual([status, status])
    },
  )

  const IDS = ROUTES.flatMap((route) =>
    parametersOf(route)
      .filter((name) => isId(route.name, name))
      .map((name) => [route.name, name, route] as const),
  )
  it('answers a neighbour’s ids as it answers nobody’s, and leaves all as it is', async () => {
    const before = await place.dump()
    const { own, foreign, nobodys } = place.values
    for (const [name, parameter, route] of IDS) {
      const [api] = place.sides[route.api]
      const got = await ask(api, route, own, { [parameter]: foreign[parameter] })
      const expected = await ask(api, route, own, { [parameter]: nobodys[parameter] })
      const what = `${name} ${parameter} `
      expect(what + said(got, foreign[parameter])).toBe(what + said(expected, nobodys[parameter]))
      // Filters find nothing; whatever else names what is not there is refused.
      const isFilter = route.method === 'GET' && parameter.startsWith('query.')
      expect([what, got.status]).toEqual([what, isFilter ? 200 : parameter.startsWith('path.') ? 404 : 422])
      if (isFilter) expect(got.body.items).toEqual([])
    }
    expect(await place.dump()).toEqual(before)
  }, 120_000)

  it('gives anybody a name that a neighbour has', async () => {
    for (const [key, taken] of Object.entries(NAMES)) {
      const [name = '', parameter = ''] = key.split(' ')
      const route = ROUTES.find((one) => one.name === name)
      if (route === undefined) throw new Error(`${name} is no route`)
      const [api] = place.sides[route.api]
      const free = JSON.parse(JSON.stringify(taken).replaceAll(/rivals|umbrella/g, 'nobodys')) as unknown
      const answers = []
      for (const value of [taken, free])
        answers.push(
          await ask(api, route, place.values.own, { [parameter]: value }, { query: 'dry_run=true' }),
        )
      expect([key, ...answers.map(({ status, text }) => (status === 200 ? status : text))]).toEqual([
        key,
        200,
        200,
      ])
    }
  })

  it('takes a neighbour’s token for no token', async () => {
    const strangers = {
      tenant: [place.rival.token, place.us.token, await place.tokenOf(place.acme, 'shop')],
      system: [place.us.token, place.acme.token],
    }
    const before = await place.dump()
    for (const route of ROUTES) {
      const [api] = place.sides[route.api]
      const nobodys = said(await ask(api, route, place.values.own, {}, { token: 'x.y.z' }), undefined)
      for (const token of strangers[route.api]) {
        const got = await ask(api, route, place.values.own, {}, { token: token ?? '' })
        expect([route.name, got.status, said(got, undefined)]).toEqual([route.name, 401, nobodys])
      }
    }
    expect(await place.dump()).toEqual(before)
  }, 120_000)

  it('has nothing under a neighbour’s host, path or region that it has not under nobody’s', async () => {
    const { default: request } = await import('supertest')
    const at = async (host: string, path: string, token = place.acme.token) => {
      const { status, headers, text } = await request(place.world.server)
        .get(path)
        .set({ Host: host, Authorization: `Bearer ${token}` })
      return { status, headers: headers as Record<string, string>, body: {}, text }
    }
    for (const [theirs, nobodys] of [
      [
        ['acme.eu', '/api/admin/rival'],
        ['acme.eu', '/api/admin/nobod'],
      ],
      [
        ['rival.eu', '/api/admin/acme'],
        ['nobod.eu', '/api/admin/acme'],
      ],
      [
        ['umbrella.eu', '/api/admin/umbrella'],
        ['nobodyxx.eu', '/api/admin/nobodyxx'],
      ],
      [
        ['acme.us', '/api/admin/acme'],
        ['xyzw.us', '/api/admin/xyzw'],
      ],
      [
        ['us', '/api/admin/acme'],
        ['us', '/api/admin/xyzw'],
      ],
    ] as const) {
      const got = await at(`${theirs[0]}.token.example`, `${theirs[1]}/workspaces`)
      const expected = await at(`${nobodys[0]}.token.example`, `${nobodys[1]}/workspaces`)
      expect([theirs, got.status, said(got, undefined)]).toEqual([theirs, 404, said(expected, undefined)])
    }
  })

  const LISTS = ROUTES.filter((route) => parametersOf(route).includes('query.cursor'))
  it.each(LISTS.map((route) => [route.name, route] as const))(
    '%s takes a neighbour’s cursor for a place among its own',
    async (_name, route) => {
      const [api, neighbour] = place.sides[route.api]
      const theirs = await ask(neighbour, route, {
        ...place.values.foreign,
        'path.workspace': 'shop',
        'path.client': 'robot',
      })
      const all = await ask(api, route, place.values.own)
      const first = await ask(
        neighbour,
        route,
        { 'path.workspace': 'shop', 'path.client': 'robot' },
        {},
        { query: 'limit=1' },
      )
      // Where there is one page only, one that they could have: behind the first of what they have.
      const cursor = (first.body.next_cursor ?? first.headers['regent-next-cursor']) as string | undefined
      const made = (parts: unknown[]) => Buffer.from(JSON.stringify(parts)).toString('base64url')
      const ids = (theirs.body.items ?? []) as { id?: string; slug?: string; client_id?: string }[]
      const [one = {}] = ids
      const used =
        cursor ?? made([one.client_id, one.id ?? one.slug ?? '1'].filter((part) => part !== undefined))
      const mine = await ask(api, route, place.values.own, {}, { query: `cursor=${used}` })
      expect([mine.status, seen(mine.text)]).toEqual([200, []])
      const own = JSON.stringify(all.body.items ?? all.text)
      for (const item of (mine.body.items ?? []) as object[]) expect(own).toContain(JSON.stringify(item))
    },
  )

  it('takes a neighbour’s checkpoint for one that nobody made', async () => {
    const route = ROUTES.find(({ name }) => name === 'audit.verify')
    if (route === undefined) throw new Error('there is no verification')
    const { checkpoint } = (await ask(place.rival, route, {})).body
    const verify = async (one: object) =>
      (await ask(place.acme, route, {}, { 'query.checkpoint': JSON.stringify(one) })).text
    expect(await verify(checkpoint as object)).toBe(
      await verify({ ...checkpoint, mac: 'x', tenant: 'nobody' }),
    )
  })

  it('takes a neighbour’s entity tags for tags of another state', async () => {
    const { own, foreign } = place.values
    const theirOwn = { ...foreign, 'path.workspace': 'shop', 'path.client': 'robot' }
    const tags = new Set<string>()
    for (const route of ROUTES.filter(({ method }) => method === 'GET')) {
      const { headers } = await ask(place.sides[route.api][1], route, theirOwn)
      if (headers.etag !== undefined) tags.add(headers.etag)
    }
    expect(tags.size).toBeGreaterThan(5)
    for (const route of ROUTES.filter(({ method }) => method !== 'GET')) {
      const [api] = place.sides[route.api]
      const dry = (tag: string) =>
        ask(api, route, own, {}, { query: 'dry_run=true', headers: { 'If-Match': tag } })
      const got = await dry([...tags].join(', '))
      const expected = await dry([...tags].map(() => '"nobodys"').join(', '))
      expect([route.name, got.status, said(got, undefined)]).toEqual([
        route.name,
        expected.status,
        said(expected, undefined),
      ])
    }
  }, 120_000)

  it('does a call anew whose Idempotency-Key a neighbour has used, or another client of the tenant', async () => {
    const { own, foreign } = place.values
    const theirOwn = { ...foreign, 'path.workspace': 'shop', 'path.client': 'robot' }
    // A document says whose it is: test/admin/document/ has its keys.
    for (const route of ROUTES.filter(({ method, streams }) => method === 'POST' && streams === undefined)) {
      const [api, neighbour] = place.sides[route.api]
      const headers = { 'Idempotency-Key': `of ${route.name}`.replaceAll(' ', '-') }
      const theirs = await ask(neighbour, route, theirOwn, {}, { headers })
      const mine = await ask(api, route, own, {}, { headers })
      expect([route.name, mine.status, mine.headers['idempotency-replayed'], seen(mine.text)]).toEqual([
        route.name,
        theirs.status,
        undefined,
        [],
      ])
    }
  }, 120_000)
})
