/** Lists: page by page, each thing once, in order, as filtered; and what is no cursor of a list is refused. */
import { openPlace } from './place.ts'

type Item = Readonly<Record<string, unknown>>
const FAR = '2031-01-01T00:00:00Z'
const SOON = new Date(Date.now() + 3_600_000).toISOString()

describe('lists', () => {
  let place: Awaited<ReturnType<typeof openPlace>>
  const made: string[] = []

  beforeAll(async () => {
    place = await openPlace()
    const { acme } = place
    for (const slug of ['alpha', 'beta', 'gamma']) await acme.ask('post', '/workspaces', { slug })
    await acme.ask('patch', '/workspaces/beta', { state: 'disabled' })
    for (let n = 0; n < 5; n++)
      await acme.ask('post', '/workspaces/shop/clients', { id: `page-${n}`, name: 'Page' })
    for (let n = 0; n < 5; n++) {
      await acme.ask('post', '/workspaces/shop/resource-servers', {
        identifier: `https://${n}.example`,
        name: 'Page',
        scopes: { [`of-${n}`]: '' },
      })
      const { body } = await acme.ask('post', '/workspaces/shop/clients/page-2/credentials', {
        label: String(n),
        ...(n < 4 && { expires_at: n % 2 === 0 ? '2030-01-01T00:00:00Z' : '2029-01-01T00:00:00Z' }),
      })
      made.push(body.id as string)
    }
    await acme.ask('patch', '/workspaces/shop/clients/page-1', { state: 'disabled' })
    await acme.ask('delete', `/workspaces/shop/clients/page-2/credentials/${made[0]}`)
    // Their ends differ by less than a millisecond.
    await place.world.superuser(
      `update regent.credential set expires_at = timestamptz '2029-01-01' + slot * interval '1 microsecond'
       where client_id = 'page-2' and expires_at is not null and state = 'live'`,
    )
    await place.world.superuser(
      `insert into regent.credential_use select tenant_id, workspace_id, client_id, credential_id, now(), 3
       from regent.credential where credential_id = '${made[4]}'`,
    )
  })
  afterAll(() => place.close())

  const api = (path: string) => (path.startsWith('/tenants') ? place.operator : place.acme)
  const all = async (path: string, filter: string): Promise<Item[]> => {
    const { status, body, text } = await api(path).ask('get', `${path}?${and('limit=200', filter)}`)
    if (status !== 200) throw new Error(text)
    return body.items as Item[]
  }
  const paged = async (path: string, filter: string): Promise<Item[]> => {
    const items: Item[] = []
    for (let cursor: string | undefined, first = true; first || cursor !== undefined; first = false) {
      const { body } = await api(path).ask(
        'get',
        `${path}?${and('limit=2', filter, cursor && `cursor=${cursor}`)}`,
      )
      expect(body.items.length).toBeLessThanOrEqual(2)
      items.push(...(body.items as Item[]))
      cursor = body.next_cursor as string | undefined
    }
    return items
  }
  const and = (...parts: readonly (string | undefined)[]) => parts.filter((part) => part).join('&')
  const names = (items: readonly Item[]) =>
    items.map((item) => item.label ?? item.slug ?? item.identifier ?? item.id ?? item.action)

  const CREDENTIALS = '/workspaces/shop/credentials'
  const OF_CLIENT = '/workspaces/shop/clients/page-2/credentials'
  it.each([
    ['/workspaces', '', ['admin', 'alpha', 'beta', 'gamma', 'shop']],
    ['/workspaces', 'state=disabled', ['beta']],
    ['/workspaces', 'state=enabled', ['admin', 'alpha', 'gamma', 'shop']],
    ['/workspaces/shop/clients', '', ['page-0', 'page-1', 'page-2', 'page-3', 'page-4', 'robot']],
    ['/workspaces/shop/clients', 'state=disabled', ['page-1']],
    ['/workspaces/shop/clients', 'scope=read', ['robot']],
    ['/workspaces/shop/clients', 'scope=nothing', []],
    ['/workspaces/shop/clients', `expires_before=${FAR}`, ['page-2']],
    ['/workspaces/shop/clients', 'expires_before=2028-01-01T00:00:00Z', []],
    ['/workspaces/shop/clients', `unused_since=${SOON}&state=enabled&scope=read`, ['robot']],
    ['/workspaces/shop/clients', 'unused_since=2020-01-01T00:00:00Z', []],
    [OF_CLIENT, 'state=live', ['1', '2', '3', '4']],
    [OF_CLIENT, 'state=revoked', ['0']],
    [OF_CLIENT, `state=live&expires_before=${FAR}`, ['1', '2', '3']],
    [OF_CLIENT, 'expires_before=2028-01-01T00:00:00Z', []],
    [OF_CLIENT, `unused_since=${SOON}`, ['0', '1', '2', '3', '4']],
    [OF_CLIENT, `unused_since=${new Date(Date.now() - 3_600_000).toISOString()}`, []],
    [CREDENTIALS, 'state=live&sort=expires_at', ['1', '2', '3']],
    ['/workspaces/shop/resource-servers', 'scope=of-3', ['https://3.example']],
    ['/workspaces/shop/resource-servers', 'scope=nothing', []],
    ['/tenants', 'state=live', ['acme', 'rival', 'system']],
    ['/tenants', 'state=suspended', []],
  ])('%s?%s', async (path, filter, expected) => {
    const whole = await all(path, filter)
    expect(await paged(path, filter)).toEqual(whole)
    const found = names(whole)
    // Ids of credentials are random: by id is any order of labels.
    expect(path === OF_CLIENT ? found.toSorted() : found).toEqual(expected)
  })

  it('have a client’s secrets without those of its neighbours, and no client that is not there', async () => {
    expect((await all('/workspaces/shop/clients/robot/credentials', '')).map((one) => one.label)).toEqual([
      'first',
    ])
    const { status, body } = await place.acme.ask('get', '/workspaces/shop/clients/nobody/credentials')
    expect([status, body.reason]).toEqual([404, 'not_found'])
    expect(await paged(CREDENTIALS, '')).toHaveLength(6)
  })

  it('have, of credentials unused since a moment, none that was used since', async () => {
    await place.world.superuser(`update regent.credential set created_at = created_at - interval '1 day'`)
    const since = new Date(Date.now() - 3_600_000).toISOString()
    const found = await all(OF_CLIENT, `unused_since=${since}`)
    expect(names(found).toSorted()).toEqual(['0', '1', '2', '3'])
    expect(await all(OF_CLIENT, 'unused_since=2020-01-01T00:00:00Z')).toEqual([])
  })

  it('go on where they were, though others come and go in between', async () => {
    const first = await place.acme.ask('get', '/workspaces/shop/clients?limit=2')
    await place.acme.ask('delete', '/workspaces/shop/clients/page-1')
    await place.acme.ask('post', '/workspaces/shop/clients', { id: 'a-first', name: 'x' })
    const { body } = await place.acme.ask(
      'get',
      `/workspaces/shop/clients?limit=2&cursor=${first.body.next_cursor}`,
    )
    expect(names(body.items as Item[])).toEqual(['page-2', 'page-3'])
  })

  const cursorOf = (...parts: unknown[]) => Buffer.from(JSON.stringify(parts)).toString('base64url')
  it.each([
    ['nothing', ''],
    ['no JSON', 'xx'],
    ['no parts', cursorOf()],
    ['more parts', cursorOf('1', '1', '1', '1')],
    ['a number', cursorOf(7)],
    ['a zero character', cursorOf('\0')],
    ['two of them', cursorOf('\0', '\0')],
    ['half a pair', cursorOf('\ud800')],
    ['an object', Buffer.from('{"length":1,"0":"x"}').toString('base64url')],
  ])('refuse a cursor of %s, everywhere', async (_what, cursor) => {
    const lists = [
      '/workspaces',
      '/workspaces/shop/clients',
      '/workspaces/shop/resource-servers',
      CREDENTIALS,
      OF_CLIENT,
      '/audit-events',
      '/audit-events/export',
      '/tenants',
    ]
    for (const path of lists) {
      const { status, body } = await api(path).ask('get', `${path}?cursor=${cursor}`)
      expect([path, status, body.reason]).toEqual([path, 422, 'cursor_syntax'])
      expect(body.errors).toEqual([{ pointer: '?cursor', detail: expect.any(String) }])
    }
  })

  it('refuse the cursor of another order', async () => {
    const { body } = await place.acme.ask('get', `${CREDENTIALS}?limit=1`)
    const other = await place.acme.ask('get', `${CREDENTIALS}?sort=expires_at&cursor=${body.next_cursor}`)
    expect([other.status, other.body.reason]).toEqual([422, 'cursor_syntax'])
  })

  it('go through so many clients a page, where few of them match: on after a page with none', async () => {
    // Made after whatever moment is asked about: none of them matches.
    await place.world.superuser(
      `insert into regent.client (tenant_id, workspace_id, client_id, name, token_endpoint_auth_method, strict_auth_method,
         grant_types, several_resources, created_at)
       select tenant_id, workspace_id, lpad(n::text, 6, '0'), 'x', 'client_secret_basic', false, '{}', false, '2100-01-01'
       from regent.client, generate_series(1, 10000) n where client_id = 'page-3'`,
    )
    const path = `/workspaces/shop/clients?unused_since=${SOON}&limit=200`
    const first = (await place.acme.ask('get', path)).body
    expect(first).toEqual({ items: [], next_cursor: expect.any(String) })
    const second = (await place.acme.ask('get', `${path}&cursor=${first.next_cursor}`)).body
    expect((second.items as Item[]).map(({ id }) => id)).toContain('page-3')
    expect(second.next_cursor).toBeUndefined()
  })

  it.each(['scope=%00', 'cursor=%00', '%00=x', 'scope=%F0%90'])(
    'refuse what is no text: %s',
    async (query) => {
      const { status, body } = await place.acme.ask('get', `/workspaces/shop/clients?${query}`)
      expect([status, body.status]).toEqual([400, 400])
    },
  )
})
