/** A client that replaces its own secret, and what becomes of the old one. */
import pg from 'pg'
import { updateWorkspace } from '../../src/changes/workspace-changes.ts'
import { noteSecret } from '../support/noted-secrets.ts'
import {
  basic,
  encodeForm,
  openWorld,
  type Credentials,
  type World,
  type WorldWorkspace,
} from '../support/world.ts'

describe('POST /oauth2/credentials', () => {
  let world: World
  let shop: WorldWorkspace
  let closed: WorldWorkspace
  let robot: Credentials & { credentialId: string }
  let count = 0

  beforeAll(async () => {
    world = await openWorld()
    shop = await world.workspace('https://acme.eu.token.example/shop')
    closed = await world.workspace('https://acme.eu.token.example/closed')
    await updateWorkspace(shop.change, shop.workspace, { selfRotation: true })
  })
  beforeEach(async () => {
    robot = await shop.client(`robot-${(count += 1)}`)
  })
  afterAll(() => world.close())

  const replace = async (client: Credentials, form: Readonly<Record<string, string>> = {}, of = shop) => {
    const answer = await of.postTo(
      `${of.path}/oauth2/credentials`,
      encodeForm({ client_id: client.id, client_secret: client.secret, ...form }),
    )
    const body = answer.body as Record<string, unknown>
    if (typeof body.client_secret === 'string') noteSecret('client secret', body.client_secret)
    return { status: answer.status, headers: answer.headers as Record<string, string>, body }
  }
  const replaced = async (client = robot, form = {}) => {
    const { status, body } = await replace(client, form)
    expect(status).toBe(201)
    return { id: client.id, secret: body.client_secret as string, credentialId: body.credential_id as string }
  }
  const rowOf = async (credentialId: string) => {
    const { rows } = await world.superuser<{ state: string; awaits_use: boolean; rest: number | null }>(
      `select state, awaits_use, extract(epoch from expires_at - now())::int as rest from regent.credential where credential_id = $1`,
      [credentialId],
    )
    return rows[0]
  }
  /** The use is reported behind the back of the answer. */
  const until = async (credentialId: string) => {
    for (let n = 0; n < 200 && (await rowOf(credentialId))?.awaits_use !== false; n++)
      await new Promise((done) => setTimeout(done, 10))
  }

  it('shows another secret once, which works at once, as the old one does', async () => {
    const { status, headers, body } = await replace(robot)
    expect([status, headers['cache-control']]).toEqual([201, 'no-store'])
    expect(body).toEqual({
      client_id: robot.id,
      client_secret: expect.stringMatching(/^rgs_/),
      credential_id: expect.any(String),
      replaces: robot.credentialId,
      unused_until: expect.any(Number),
    })
    await shop.token({ id: robot.id, secret: body.client_secret as string }).expect(200)
    await shop.token(robot).expect(200)
  })

  it('takes the secret in the header, too', async () => {
    const answer = await shop.postTo(`${shop.path}/oauth2/credentials`, '', { Authorization: basic(robot) })
    expect(answer.status).toBe(201)
    noteSecret('client secret', (answer.body as { client_secret: string }).client_secret)
  })

  it('lets the new one die unused after an hour, and leaves the old one as it is', async () => {
    const fresh = await replaced()
    expect(await rowOf(fresh.credentialId)).toMatchObject({ state: 'live', awaits_use: true })
    expect((await rowOf(fresh.credentialId))?.rest).toBeGreaterThan(3500)
    expect((await rowOf(robot.credentialId))?.rest).toBeNull()
    await world.superuser(
      `update regent.credential set expires_at = to_timestamp($2) where credential_id = $1`,
      [fresh.credentialId, world.clock.time - 1],
    )
    await shop.token(fresh).expect(401)
    await shop.token(robot).expect(200)
  })

  it('gives the old one its end by the first use of the new one, the overlap from then, once', async () => {
    const fresh = await replaced(robot, { overlap: '600' })
    await Promise.all(Array.from({ length: 5 }, () => shop.token(fresh).expect(200)))
    await until(fresh.credentialId)
    expect((await rowOf(fresh.credentialId))?.rest).toBeNull()
    const { rest } = (await rowOf(robot.credentialId)) ?? {}
    expect(rest).toBeGreaterThan(590)
    expect(rest).toBeLessThanOrEqual(601)
    // Nodes know whole seconds: cut off, it would end sooner than an overlap after the use.
    const { rows: ends } = await world.superuser<{ whole: boolean }>(
      `select expires_at = date_trunc('second', expires_at) as whole from regent.credential where credential_id = $1`,
      [robot.credentialId],
    )
    expect(ends).toEqual([{ whole: true }])
    const { rows } = await world.superuser(
      `select from regent.audit_event where action = 'replacement_used' and subject = $1`,
      [robot.id],
    )
    expect(rows).toHaveLength(1)
    await shop.token(robot).expect(200)
  })

  it('never gives the old one more time than it had', async () => {
    const ending = await shop.client('ending', { secret: { expiresAt: Math.floor(Date.now() / 1000) + 30 } })
    world.clock.time = Math.floor(Date.now() / 1000)
    const fresh = await replaced(ending, { overlap: '600' })
    await shop.token(fresh).expect(200)
    await until(fresh.credentialId)
    expect((await rowOf(ending.credentialId))?.rest).toBeLessThanOrEqual(30)
  })

  it('leaves to each of two processes that ask at once what it was given', async () => {
    const [one, other] = await Promise.all([replaced(), replaced()])
    for (const fresh of [one, other, robot]) await shop.token(fresh).expect(200)
  })

  it('takes back the oldest that was never used where all places are taken: a lost answer fills none', async () => {
    const all = []
    for (let n = 0; n < 8; n++) all.push(await replaced())
    const states = await Promise.all(all.map(({ credentialId }) => rowOf(credentialId)))
    expect(states.map((row) => row?.state)).toEqual([
      ...Array.from({ length: 4 }, () => 'revoked'),
      ...Array.from({ length: 4 }, () => 'live'),
    ])
    await shop.token(robot).expect(200)
  })

  it('has room as often as it is asked, when those before have ended', async () => {
    let current: typeof robot = robot
    for (let n = 0; n < 8; n++) {
      const fresh = await replaced(current, { overlap: '0' })
      await shop.token(fresh).expect(200)
      await until(fresh.credentialId)
      await world.superuser(
        `update regent.credential set expires_at = now() - interval '1 s' where credential_id = $1`,
        [current.credentialId],
      )
      current = fresh
    }
    const { rows } = await world.superuser<{ details: { ended?: readonly string[] } }>(
      `select details from regent.audit_event where action = 'secret_replaced' and subject = $1 and details ? 'ended'`,
      [robot.id],
    )
    expect(rows.flatMap(({ details }) => details.ended)).toContain(robot.credentialId)
  })

  it('is answered with 503, and no fault of the server, while its database takes no changes', async () => {
    await world.whileLocked('regent.audit_head', async () => {
      const state = { answered: false }
      const asked = replace(robot).finally(() => (state.answered = true))
      // It is cut off while it waits. Not by the world's superuser, after whom the server has to read everything anew.
      const superuser = new pg.Client({ connectionString: world.urls.superuser })
      await superuser.connect()
      while (!state.answered)
        await superuser.query(
          `select pg_terminate_backend(pid), pg_sleep(0.02) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
        )
      await superuser.end()
      const { status, headers, body } = await asked
      expect([status, body.error, headers['retry-after']]).toEqual([503, 'temporarily_unavailable', '5'])
      expect(world.lastRefusal()).toMatchObject({ reason: 'database_unavailable' })
    })
    await replaced()
  })

  it('is refused with a bearer token, a wrong secret, and where the workspace does not allow it', async () => {
    const { body } = await shop.token(robot).expect(200)
    const bearer = { Authorization: `Bearer ${(body as { access_token: string }).access_token}` }
    const answer = await shop.postTo(`${shop.path}/oauth2/credentials`, '', bearer)
    expect(answer.status).toBe(401)
    expect((await replace({ ...robot, id: 'nobody' })).status).toBe(401)
    const other = await closed.client('robot')
    const refused = await replace(other, {}, closed)
    expect([refused.status, refused.body.error]).toEqual([400, 'unauthorized_client'])
    expect(world.lastRefusal()).toMatchObject({ reason: 'self_rotation_off' })
  })

  it.each([
    ['words', 'overlap_syntax'],
    ['-1', 'overlap_syntax'],
    ['99999999', 'replacement_refused'],
  ])('takes no overlap of %s', async (overlap, reason) => {
    const { status, body } = await replace(robot, { overlap })
    expect([status, body.error]).toEqual([400, 'invalid_request'])
    expect(world.lastRefusal()).toMatchObject({ reason })
  })

  it('takes GET for what it is', async () => {
    await shop.get(`${shop.path}/oauth2/credentials`).expect(405)
  })
})
