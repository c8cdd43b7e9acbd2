/** Signing keys as administration shows them: what depends on each, and what goes wrong if one is taken away. */
import { openPlace } from './place.ts'

const KEYS = '/workspaces/shop/keys'
type Key = {
  readonly kid: string
  readonly algorithm: string
  readonly state: string
  readonly may_sign_at: string
  readonly may_go_at?: string
  readonly unexpired_tokens: number
}
const [SILENT, BEHIND, OVER] = ['a', 'b', 'c'].map((end) => `00000000-0000-4000-8000-00000000000${end}`)

describe('keys of a workspace', () => {
  let place: Awaited<ReturnType<typeof openPlace>>
  beforeAll(async () => {
    place = await openPlace()
  })
  afterAll(() => place.close())

  const sql = (text: string) => place.world.superuser(text)
  const list = async () => (await place.acme.ask('get', KEYS)).body.keys as Key[]
  const inState = async (state: string) => {
    const found = (await list()).find((key) => key.state === state)
    if (found === undefined) throw new Error(`no key is ${state}`)
    return found
  }

  it('say how many tokens depend on each, and when it may go', async () => {
    await sql(`insert into regent.issuance_count select tenant_id, workspace_id, 'robot', day, 5
      from regent.workspace join regent.tenant using (tenant_id),
        (values ((now() at time zone 'UTC')::date), ((now() at time zone 'UTC')::date - 9)) days (day)
      where workspace.slug = 'shop' and tenant.slug = 'acme'`)
    const [active, published] = [await inState('active'), await inState('published')]
    // Those of nine days ago have ended.
    expect([active.unexpired_tokens, published.unexpired_tokens]).toEqual([5, 0])
    expect(Date.parse(active.may_go_at ?? '')).toBeGreaterThan(Date.parse(published.may_sign_at))
    expect(published.may_go_at).toBeUndefined()
    const { body } = await place.rival.ask('get', KEYS)
    expect((body.keys as Key[]).map((key) => key.unexpired_tokens)).toEqual([0, 0])
  })

  it('have an entity tag that no token changes', async () => {
    const { headers } = await place.acme.ask('get', KEYS)
    await sql(`update regent.issuance_count set issued = issued + 1`)
    const conditional = { headers: { 'If-Match': headers.etag ?? '' } }
    const fits = await place.acme.ask('post', `${KEYS}/rotate?dry_run=true`, { now: true }, conditional)
    expect(fits.status).toBe(200)
    const wrong = { headers: { 'If-Match': '"another"' } }
    const differs = await place.acme.ask('post', `${KEYS}/rotate?dry_run=true`, { now: true }, wrong)
    expect(differs.body.reason).toBe('entity_changed')
  })

  it('take turns when the last algorithm is ready: the refusal names that moment', async () => {
    const { body } = await place.acme.ask('post', '/workspaces/shop/resource-servers', {
      identifier: 'https://es.example',
      name: 'ES',
      signing_algorithm: 'ES384',
    })
    await sql(
      `update regent.signing_key set may_sign_at = may_sign_at + interval '1 day' where algorithm = 'ES384' and state = 'published'`,
    )
    const later = (await list()).find((key) => key.algorithm === 'ES384' && key.state === 'published')
    const { status, body: problem } = await place.acme.ask('post', `${KEYS}/rotate`, {})
    expect([status, problem.reason]).toEqual([409, 'key_too_young'])
    expect(problem.detail).toContain(later?.may_sign_at)
    await place.acme.ask('delete', `/workspaces/shop/resource-servers/${body.id}`)
  })

  it('break the caches of the resource servers of a key that signs too early, which are named', async () => {
    const { body } = await place.acme.ask('post', `${KEYS}/rotate?dry_run=true`, { now: true })
    expect(body.breaks).toEqual([
      expect.stringMatching(/may refuse tokens until 20\S+Z: those of https:\/\/orders\.example$/),
    ])
  })

  it('break no cache when every verifier can have the next one', async () => {
    await sql(`update regent.signing_key set published_at = published_at - interval '30 days',
      may_sign_at = may_sign_at - interval '30 days', activated_at = activated_at - interval '30 days'`)
    const { body } = await place.acme.ask('post', `${KEYS}/rotate?dry_run=true`, { now: true })
    expect(body.breaks).toEqual([])
  })

  it('say before they are revoked how many tokens that kills, and which nodes may go on with them', async () => {
    await sql(`insert into regent.node (region, node_id, feed_number, connections, master_key_ids, version, seen_at, max_stale) values
      ('eu', '${SILENT}', 1000000, 1, '{test}', 'x', now() - interval '1 minute', 3600),
      ('eu', '${BEHIND}', 0, 1, '{test}', 'x', now() + interval '1 hour', 3600),
      ('eu', '${OVER}', 0, 1, '{test}', 'x', now() - interval '2 hours', 3600),
      ('us', '${SILENT}', 0, 1, '{test}', 'x', now() - interval '1 minute', 3600)`)
    await sql(`update regent.change_feed set changed_at = changed_at - interval '1 minute'`)
    const { kid } = await inState('active')
    const preview = await place.acme.ask('delete', `${KEYS}/${kid}?dry_run=true`)
    expect(preview.body.breaks).toEqual([
      '6 tokens or fewer that have not ended are worthless',
      expect.stringMatching(
        `^node ${SILENT} has not confirmed .* \\(silent for 6[0-9] s\\): .* for 35[0-9]{2} s$`,
      ),
      expect.stringMatching(`^node ${BEHIND} has not confirmed .* \\(silent for 0 s\\)`),
    ])
    expect((await inState('active')).kid).toBe(kid)
    expect((await place.acme.ask('delete', `${KEYS}/${kid}`)).status).toBe(200)
    const { body } = await place.acme.ask('get', '/audit-events?limit=200')
    const event = (body.items as { details: object }[]).at(-1)
    expect(event?.details).toMatchObject({
      revoked: kid,
      unexpiredTokens: 6,
      unconfirmedNodes: [{ id: SILENT }, { id: BEHIND }],
    })
    await sql(`delete from regent.node where node_id in ('${SILENT}', '${BEHIND}', '${OVER}')`)
  })
})
