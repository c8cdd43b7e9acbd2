/** Addresses as they come over the wire: docs/decisions/0001. What is not exactly one of ours is refused, not mended. */
import fc from 'fast-check'
import { createTenant } from '../../src/changes/create-tenant.ts'
import { ChangeRefusal } from '../../src/changes/refusal.ts'
import { OAuthError } from '../../src/oauth/error.ts'
import { parseHost, readAddress } from '../../src/tenancy/address.ts'
import { parseOrigin, type Origin } from '../../src/tenancy/origin.ts'
import { REGIONS, type Region } from '../../src/tenancy/region.ts'
import { isTenantSlug } from '../../src/tenancy/slug.ts'
import { encodeForm, openWorld, type World, type WorldWorkspace } from '../support/world.ts'
import { HEADS, LIES } from './heads.ts'
import { HOSTS } from './host-spellings.ts'
import { issuerOf } from './issuer.ts'
import { GRANTED, METADATA, UNKNOWN } from './outcomes.ts'
import { DOCUMENT_PATHS, PATHS } from './path-spellings.ts'
import { ask, pooled, request, type Answer } from './raw.ts'
import { comparable, readRefusal } from './refusal.ts'

const BASE = 'token.example'
const FORM = 'Content-Type: application/x-www-form-urlencoded'

const hostOf = (tenant: string, region: Region) =>
  region === 'none' ? `${tenant}.${BASE}` : `${tenant}.${region}.${BASE}`
const formOf = ({ id, secret }: { id: string; secret: string }) =>
  encodeForm({ grant_type: 'client_credentials', client_id: id, client_secret: secret })

/** What may be asked of a workspace, each with and without what follows its path. */
const QUESTIONS = [
  (host: string, path: string, form: string) =>
    request(`POST ${path}/oauth2/token HTTP/1.1`, [`Host: ${host}`, FORM], form),
  (host: string, path: string) => request(`GET ${path}/.well-known/jwks.json HTTP/1.1`, [`Host: ${host}`]),
  (host: string, path: string) =>
    request(`GET ${path}/.well-known/openid-configuration HTTP/1.1`, [`Host: ${host}`]),
  (host: string, path: string) => request(`GET ${METADATA}${path} HTTP/1.1`, [`Host: ${host}`]),
]

describe('the address of a workspace', () => {
  let world: World
  let orders: WorldWorkspace
  let form: string

  beforeAll(async () => {
    world = await openWorld()
    orders = await world.workspace('https://acme.eu.token.example/orders')
    form = formOf(await orders.client('robot'))
  })
  afterAll(() => world.close())

  const read = (answer: Answer, there = world) =>
    answer.status === 200 ? `200 ${issuerOf(answer) ?? ''}`.trim() : readRefusal(there, answer)
  const post = async (line: string, headers: readonly string[], there = world) =>
    read(await ask(there.port, request(line, [...headers, FORM], form)), there)

  describe('names one tenant in host and path (T01)', () => {
    const TENANTS = ['acme', 'rival', 'solo', 'ghost']
    const WORKSPACES = ['orders', 'billing', 'hidden', 'ghost']
    const THERE = [
      'acme.token.example/billing',
      'acme.eu.token.example/orders',
      'acme.eu.token.example/billing',
      'acme.au.token.example/orders', // the same slug, another tenant
      'rival.token.example/orders',
      'rival.eu.token.example/billing',
      'rival.us.token.example/orders',
      'solo.au.token.example/hidden',
    ]

    it('and answers each other pair with the bytes of a tenant that does not exist', async () => {
      for (const issuer of THERE) {
        if (issuer === 'acme.eu.token.example/orders') continue
        await (await world.workspace(`https://${issuer}`)).client('robot')
      }
      const references = await Promise.all(
        QUESTIONS.map((question) => ask(world.port, question(`nobody.${BASE}`, '/nobody/nothing', form))),
      )
      for (const reference of references) expect(readRefusal(world, reference)).toBe(UNKNOWN)

      const pairs = TENANTS.flatMap((tenant) => REGIONS.map((region) => hostOf(tenant, region))).flatMap(
        (host) =>
          TENANTS.flatMap((tenant) =>
            WORKSPACES.flatMap((workspace) =>
              QUESTIONS.map((question, kind) => ({ host, tenant, workspace, question, kind })),
            ),
          ),
      )
      const found = new Map<string, number>()
      const wrong: string[] = []
      await pooled(pairs, async ({ host, tenant, workspace, question, kind }) => {
        const path = `/${tenant}/${workspace}`
        const answer = await ask(world.port, question(host, path, form))
        const there = host.startsWith(`${tenant}.`) && THERE.includes(`${host}/${workspace}`)
        const reference = references[kind]
        if (there) {
          // The right secret of another workspace is a wrong one (RFC 6749 §2.2).
          const own = `${host}${path}` === 'acme.eu.token.example/acme/orders'
          const expected = kind === 0 && !own ? 401 : 200
          if (answer.status !== expected) wrong.push(`${host}${path}: ${answer.status}`)
          const issuer = answer.status === 200 ? issuerOf(answer) : undefined
          if (issuer !== undefined && issuer !== `https://${host}${path}`)
            wrong.push(`${host}${path}: ${issuer}`)
          found.set(`${host}${path}`, (found.get(`${host}${path}`) ?? 0) + 1)
        } else if (
          readRefusal(world, answer) !== UNKNOWN ||
          reference === undefined ||
          comparable(answer) !== comparable(reference)
        ) {
          wrong.push(`${kind} ${host}${path}: ${comparable(answer)}`)
        }
      })
      expect(wrong).toEqual([])
      expect(pairs).toHaveLength(1024)
      expect([...found.values()]).toEqual(THERE.map(() => QUESTIONS.length))
    })

    it('and in one region: the same slug elsewhere is another tenant, whose keys and clients are its own', async () => {
      const at = (host: string, path: string) => post(`POST ${path}/oauth2/token HTTP/1.1`, [`Host: ${host}`])
      expect(await at('acme.eu.token.example', '/acme/orders')).toBe(GRANTED)
      expect(await at('acme.us.token.example', '/acme/orders')).toBe(UNKNOWN)
      expect(await at('acme.token.example', '/acme/orders')).toBe(UNKNOWN)
      expect(await at('acme.au.token.example', '/acme/orders')).toBe('401 invalid_client unknown_credential')
    })
  })

  describe('leads to the region of the host, or nowhere (T02, RFC 9110 §15.5.20)', () => {
    let halfWorld: World
    let robotForm: string

    beforeAll(async () => {
      halfWorld = await openWorld({ regions: ['eu', 'none'] })
      for (const region of REGIONS) {
        const workspace = await halfWorld.workspace(`https://${hostOf('acme', region)}/orders`)
        const robot = await workspace.client('robot')
        if (region === 'eu') robotForm = formOf(robot)
      }
      await halfWorld.workspace('https://rival.eu.token.example/orders')
      await (await halfWorld.workspace('https://acme.eu.token.example/other')).client('robot')
    })
    afterAll(() => halfWorld.close())

    it.each(['au', 'us'] as const)(
      'says nothing of who lives in %s when it does not serve it',
      async (region) => {
        for (const question of QUESTIONS) {
          const [there, ...missing] = await Promise.all(
            [
              ['acme', '/acme/orders'],
              ['acme', '/acme/ghost'],
              ['ghost', '/ghost/orders'],
            ].map(([tenant = '', path = '']) =>
              ask(halfWorld.port, question(hostOf(tenant, region), path, robotForm)),
            ),
          )
          if (there === undefined) throw new Error('nothing was asked')
          expect(readRefusal(halfWorld, there)).toBe('421 invalid_request region_not_served')
          for (const answer of missing) expect(comparable(answer)).toBe(comparable(there))
        }
        expect(halfWorld.seen.filter(({ type }) => type === 'token_issued')).toEqual([])
      },
    )

    it.each([
      ['its own workspace', 'acme.eu.token.example', '/acme/orders', GRANTED],
      [
        'another region, where a tenant of that name is',
        'acme.token.example',
        '/acme/orders',
        '401 invalid_client unknown_credential',
      ],
      ['another region, where none is', 'rival.token.example', '/rival/orders', UNKNOWN],
      ['the path of another tenant', 'acme.eu.token.example', '/rival/orders', UNKNOWN],
      ['the host of another tenant', 'rival.eu.token.example', '/acme/orders', UNKNOWN],
      ['another tenant', 'rival.eu.token.example', '/rival/orders', '401 invalid_client unknown_client'],
      ['another workspace', 'acme.eu.token.example', '/acme/other', '401 invalid_client unknown_credential'],
      ['a workspace that is not there', 'acme.eu.token.example', '/acme/ghost', UNKNOWN],
      ['another tenant in a region not served', 'acme.au.token.example', '/rival/orders', UNKNOWN],
    ])('answers a client of eu at %s', async (_case, host, path, expected) => {
      const line = `POST ${path}/oauth2/token HTTP/1.1`
      const answer = await ask(halfWorld.port, request(line, [`Host: ${host}`, FORM], robotForm))
      expect(read(answer, halfWorld)).toBe(expected)
    })
  })

  describe('has one spelling of its host (T06)', () => {
    it.each(HOSTS)('%s', async (_case, host, expected) => {
      expect(await post('POST /acme/orders/oauth2/token HTTP/1.1', [`Host: ${host}`])).toBe(expected)
    })

    it.each('mtls www api admin au eu us well-known oauth2 health metrics console static'.split(' '))(
      'has no tenant %s: the word is reserved',
      async (slug) => {
        // What is under /api is for administration, whose refusals have a shape of their own: test/admin/.
        for (const host of slug === 'api' ? [] : [hostOf(slug, 'none'), hostOf(slug, 'eu')]) {
          expect(await post(`POST /${slug}/orders/oauth2/token HTTP/1.1`, [`Host: ${host}`])).toBe(UNKNOWN)
        }
        await expect(createTenant(world.needs('eu'), { slug })).rejects.toThrow(ChangeRefusal)
      },
    )
  })

  describe('is read from one Host and a path, once (T07, RFC 9112 §3.2)', () => {
    it.each(HEADS)('%s', async (_case, line, headers, expected) => {
      expect(await post(line, headers)).toBe(expected)
    })
  })

  describe('is never taken from another header (T08)', () => {
    let trusting: World
    let trustingForm: string

    beforeAll(async () => {
      trusting = await openWorld({ trustedProxies: ['127.0.0.1'] })
      const there = await trusting.workspace('https://acme.eu.token.example/orders')
      trustingForm = formOf(await there.client('robot'))
      await trusting.workspace('https://rival.eu.token.example/orders')
    })
    afterAll(() => trusting.close())

    const line = 'POST /acme/orders/oauth2/token HTTP/1.1'
    const askOf = (there: World, headers: readonly string[], host = 'acme.eu.token.example') =>
      ask(
        there.port,
        request(line, [`Host: ${host}`, FORM, ...headers], there === trusting ? trustingForm : form),
      )

    it.each([...LIES.map((lie) => [lie]), LIES])('%s', async (...headers) => {
      for (const there of [world, trusting]) {
        expect(read(await askOf(there, headers), there)).toBe(GRANTED)
        const metadata = `GET ${METADATA}/acme/orders HTTP/1.1`
        const document = await ask(there.port, request(metadata, ['Host: acme.eu.token.example', ...headers]))
        expect(issuerOf(document)).toBe('https://acme.eu.token.example/acme/orders')
        // What is not ours does not become it either.
        const lost = ['X-Forwarded-Host: acme.eu.token.example', ...headers.slice(1)]
        const answer = await askOf(there, lost, 'nobody.example')
        expect(answer.status).toBe(404)
      }
    })

    it('nor the method: what is no POST gets no token', async () => {
      const lie = ['Host: acme.eu.token.example', 'X-HTTP-Method-Override: POST', '_method: POST', FORM]
      const answer = await ask(world.port, request(line.replace('POST', 'GET'), lie, form))
      expect(readRefusal(world, answer)).toBe('405 invalid_request method_not_allowed')
    })

    it('nor the request id, unless a trusted proxy gives it', async () => {
      const given = ['X-Request-Id: from-the-proxy.1']
      expect((await askOf(trusting, given)).headers.get('x-request-id')).toEqual(['from-the-proxy.1'])
      const refused = await askOf(trusting, given, 'nobody.example')
      expect(refused.headers.get('x-request-id')).toEqual(['from-the-proxy.1'])
      expect(JSON.parse(refused.body).error_description).toContain('(request from-the-proxy.1)')

      const own = [expect.stringMatching(/^[A-Za-z0-9_-]{22}$/)]
      expect((await askOf(world, given)).headers.get('x-request-id')).toEqual(own)
      for (const bad of ['a b', 'a"b', 'x'.repeat(65), '', 'a\\b', '\xff', 'a, b']) {
        const answer = await askOf(trusting, [`X-Request-Id: ${bad}`], 'nobody.example')
        expect(answer.headers.get('x-request-id')).toEqual(own)
      }
      const twice = await askOf(trusting, [...given, 'X-Request-Id: another'])
      expect(twice.headers.get('x-request-id')).toEqual(own)
    })

    it('nor the caller, unless a trusted proxy names it, last of what it was told', async () => {
      const peerOf = async (there: World, forwarded: string) => {
        await askOf(there, [`X-Forwarded-For: ${forwarded}`], 'nobody.example')
        const last = there.lastRefusal()
        return last?.type === 'request_refused' ? last.peer : undefined
      }
      expect(await peerOf(world, '192.0.2.1')).toBe('127.0.0.1')
      expect(await peerOf(trusting, '192.0.2.1')).toBe('192.0.2.1')
      expect(await peerOf(trusting, '203.0.113.9, 192.0.2.1')).toBe('192.0.2.1')
      expect(await peerOf(trusting, '203.0.113.9, 192.0.2.1, 127.0.0.1')).toBe('192.0.2.1')
      expect(await peerOf(trusting, '192.0.2.1, ::ffff:127.0.0.1')).toBe('192.0.2.1')
      expect(await peerOf(trusting, 'unknown, fe80::1%eth0')).toBe('fe80::1%eth0')
      expect(await peerOf(trusting, 'unknown, _hidden, "[::1]:80", 1.2.3.4.5')).toBe('127.0.0.1')
    })
  })

  describe('has one spelling of its path (T09)', () => {
    it.each(PATHS)('%s', async (_case, target, expected) => {
      expect(await post(`POST ${target} HTTP/1.1`, ['Host: acme.eu.token.example'])).toBe(expected)
    })

    it.each(DOCUMENT_PATHS)('documents: %s', async (_case, target, expected) => {
      const bytes = request(`GET ${target} HTTP/1.1`, ['Host: acme.eu.token.example'])
      expect(read(await ask(world.port, bytes))).toBe(expected)
    })
  })

  describe('is made of slugs of one spelling (T10)', () => {
    const RESERVED =
      'system mtls www api admin au eu us well-known oauth2 health metrics console static'.split(' ')
    /** Written apart from the source, character by character. */
    const isCanonical = (text: string) =>
      text.length > 0 &&
      text.length < 64 &&
      Array.from(text).every((letter) => 'abcdefghijklmnopqrstuvwxyz0123456789-'.includes(letter)) &&
      text.at(0) !== '-' &&
      text.at(-1) !== '-' &&
      text.slice(0, 4) !== 'xn--' &&
      !RESERVED.includes(text)

    it('refuses 1,000 generated names, or keeps them as they are', async () => {
      const piece = fc.oneof(
        fc.constantFrom(
          'a',
          'z',
          '0',
          '9',
          '-',
          'xn--',
          'A',
          '_',
          '.',
          ' ',
          '\n',
          '\0',
          '%61',
          'é',
          'а',
          'ｅ',
          'ß',
        ),
        fc.constantFrom('İ', '。', '\u200d', '\u202e', '\u212a', 'ſ', '٣', 'eu', 'system', 'acme', '/', '@'),
        fc.string({ unit: 'binary', minLength: 1, maxLength: 3 }),
      )
      const slug = fc.stringMatching(/^[a-z0-9-]{1,66}$/)
      const names = fc.oneof(
        { arbitrary: slug, weight: 4 },
        { arbitrary: fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join('')), weight: 4 },
        { arbitrary: fc.tuple(slug, piece).map((pair) => pair.join('')), weight: 2 },
        { arbitrary: fc.constantFrom(...RESERVED), weight: 1 },
        { arbitrary: slug.map((text) => `xn--${text}`), weight: 1 },
        { arbitrary: fc.stringMatching(/^[a-z0-9]{61,66}$/), weight: 1 },
      )
      const made = new Set<string>()
      let refused = 0
      await fc.assert(
        fc.asyncProperty(names, async (name) => {
          const expected = isCanonical(name)
          expect(isTenantSlug(name)).toBe(expected || name === 'system')
          const tenant = await createTenant(world.needs('us'), { slug: name }).catch(
            (error: unknown) => error,
          )
          if (expected && !made.has(name)) {
            expect(tenant).toMatchObject({ tenant: { slug: name, region: 'us' } })
            made.add(name)
          } else {
            expect(tenant).toBeInstanceOf(ChangeRefusal)
            refused += 1
          }
        }),
        { numRuns: 1000 },
      )
      expect(made.size).toBeGreaterThan(100)
      expect(refused).toBeGreaterThan(100)
      const { rows } = await world.superuser<{ slug: string }>(
        `select slug from regent.tenant where region = 'us' and slug <> 'rival'`,
      )
      expect(new Set(rows.map((row) => row.slug))).toEqual(made)
    })
  })
})

describe('the grammar of addresses', () => {
  const [origin, localOrigin] = ['https://token.example', 'http://localhost:8080'].map(parseOrigin)
  if (origin === undefined || localOrigin === undefined) throw new Error('no origin')

  const slug = fc
    .stringMatching(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/)
    .filter((text) => !text.startsWith('xn--'))
  const tenantSlug = slug.filter(isTenantSlug)
  const parts = fc.record({
    tenant: tenantSlug,
    region: fc.constantFrom(...REGIONS),
    mtls: fc.boolean(),
    installation: fc.constantFrom(origin, localOrigin),
  })
  const spelling = fc.record({
    capitals: fc.infiniteStream(fc.boolean()),
    dot: fc.boolean(),
    port: fc.boolean(),
  })
  const mutation = fc.record({
    at: fc.nat({ max: 1000 }).map((thousandth) => thousandth / 1000),
    remove: fc.nat({ max: 2 }),
    insert: fc.oneof(
      fc.constantFrom(
        '',
        '.',
        '..',
        '-',
        ':',
        '@',
        '%',
        '/',
        '_',
        'eu.',
        '.none',
        'mtls.',
        'xn--',
        '\0',
        '。',
        '\u212a',
        '\n',
      ),
      fc.string({ maxLength: 2 }),
    ),
  })
  type Mutation = { at: number; remove: number; insert: string }
  const mutate = (text: string, mutations: readonly Mutation[]) =>
    mutations.reduce((before, { at, remove, insert }) => {
      const place = Math.round(at * before.length)
      return before.slice(0, place) + insert + before.slice(place + remove)
    }, text)
  const mutations = fc.array(mutation, { minLength: 1, maxLength: 3 })

  type Parts = { tenant: string; region: Region; mtls: boolean }
  const printHost = ({ tenant, region, mtls }: Parts, { baseDomain }: Origin) =>
    [tenant, ...(mtls ? ['mtls'] : []), ...(region === 'none' ? [] : [region]), baseDomain].join('.')
  /** The freedoms that there are, taken away one by one. */
  const canonical = (host: string, { port }: Origin) => {
    const suffix = `:${port}`
    const name = host.endsWith(suffix) ? host.slice(0, -suffix.length) : host
    // Not toLowerCase: the Kelvin sign would become a k.
    return (name.endsWith('.') ? name.slice(0, -1) : name).replaceAll(/[A-Z]/g, (letter) =>
      String.fromCodePoint((letter.codePointAt(0) ?? 0) + 32),
    )
  }
  const printName = (name: NonNullable<ReturnType<typeof parseHost>>, at: Origin) =>
    name.kind === 'tenant'
      ? printHost(name, at)
      : [...(name.region === 'none' ? [] : [name.region]), at.baseDomain].join('.')

  it('gives back the parts that a host was made from, however it is spelled', () => {
    fc.assert(
      fc.property(parts, spelling, ({ installation, ...expected }, { capitals, dot, port }) => {
        const letters = Array.from(printHost(expected, installation), (letter) =>
          capitals.next().value ? letter.toUpperCase() : letter,
        )
        const host = `${letters.join('')}${dot ? '.' : ''}${port ? `:${installation.port}` : ''}`
        expect(parseHost(host, installation)).toEqual({ kind: 'tenant', ...expected })
      }),
      { numRuns: 2000 },
    )
  })

  it('refuses a changed host, or reads exactly what it says now', () => {
    fc.assert(
      fc.property(parts, spelling, mutations, ({ installation, ...from }, { dot, port }, changes) => {
        const host = `${printHost(from, installation)}${dot ? '.' : ''}${port ? `:${installation.port}` : ''}`
        const changed = mutate(host, changes)
        const name = parseHost(changed, installation)
        if (name !== undefined) expect(printName(name, installation)).toBe(canonical(changed, installation))
      }),
      { numRuns: 10_000 },
    )
  })

  const paths = ['/oauth2/token', '/.well-known/jwks.json', METADATA, '/.well-known/openid-configuration']
  const place = fc.record({
    parts,
    workspace: slug,
    path: fc.constantFrom(...paths),
    inserted: fc.boolean(),
    query: fc.option(fc.stringMatching(/^[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*$/), { nil: undefined }),
  })
  const printPath = (tenant: string, workspace: string, path: string, inserted: boolean) =>
    inserted && path === METADATA ? `${path}/${tenant}/${workspace}` : `/${tenant}/${workspace}${path}`

  it('gives back the address and the query that a target was made from', () => {
    fc.assert(
      fc.property(place, ({ parts: { installation, ...name }, workspace, path, inserted, query }) => {
        const target = `${printPath(name.tenant, workspace, path, inserted)}${query === undefined ? '' : `?${query}`}`
        expect(readAddress([printHost(name, installation)], target, installation)).toEqual({
          address: { ...name, workspace, path },
          query,
        })
      }),
      { numRuns: 2000 },
    )
  })

  it('refuses a changed target, or reads exactly what it says now', () => {
    let accepted = 0
    fc.assert(
      fc.property(
        place,
        mutations,
        ({ parts: { installation, ...name }, workspace, path, inserted, query }, changes) => {
          const whole = `${printPath(name.tenant, workspace, path, inserted)}${query === undefined ? '' : `?${query}`}`
          const changed = mutate(whole, changes)
          let found: ReturnType<typeof readAddress>
          try {
            found = readAddress([printHost(name, installation)], changed, installation)
          } catch (error) {
            expect(error).toBeInstanceOf(OAuthError)
            return
          }
          accepted += 1
          const { address } = found
          const suffix = found.query === undefined ? '' : `?${found.query}`
          expect(address.tenant).toBe(name.tenant)
          expect(
            [true, false].map(
              (either) => `${printPath(address.tenant, address.workspace, address.path, either)}${suffix}`,
            ),
          ).toContain(changed)
          expect(changed).toMatch(/^[\x21-\x7e]+$/)
        },
      ),
      { numRuns: 10_000 },
    )
    expect(accepted).toBeGreaterThan(100)
  })
})
