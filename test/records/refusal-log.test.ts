/** Refusals in the issuance log: who had proved itself and got no token, and why; never who did not, and never a flood. */
import { setIssuanceLimit } from '../../src/changes/limit-changes.ts'
import type { ClientId, CredentialId } from '../../src/ids.ts'
import type { Observation } from '../../src/observe/observation.ts'
import { refusalLog, type RefusedRequest } from '../../src/records/refusal-log.ts'
import type { Database } from '../../src/storage/transaction.ts'
import {
  openWorld,
  INVOICES,
  ORDERS,
  type Credentials,
  type World,
  type WorldWorkspace,
} from '../support/world.ts'

type Row = Readonly<Record<string, unknown>>

describe.each([
  ['the fast lane', true, 'async'],
  ['Express', false, 'async'],
  ['the fast lane, with a durable log', true, 'durable'],
] as const)('refusals through %s', (_door, fastLane, mode) => {
  let world: World
  let orders: WorldWorkspace
  let robot: Credentials & { credentialId: string }
  let held: (() => void) | undefined
  let waiting: Promise<void> | undefined

  beforeAll(async () => {
    world = await openWorld({
      regions: ['eu'],
      parts: { fastLane, issuance: { mode, keepDays: 7 } },
      asSeen: (database) => ({
        ...database,
        async asOperator(work) {
          await waiting
          return database.asOperator(work)
        },
      }),
    })
    orders = await world.workspace('https://acme.eu.token.example/orders')
    robot = await orders.client('robot')
    await orders.token(robot).expect(200)
  })
  afterAll(() => world.close())
  afterEach(async () => {
    held?.()
    waiting = undefined
    await flush()
    await world.superuser('delete from regent.issuance')
  })

  const flush = async () => {
    const node = world.node.nodes.get('eu')
    await node?.issuance.flush()
    await node?.refusals.flush()
  }
  const rows = async () => {
    await flush()
    const { rows: found } = await world.superuser<Row>(
      `select tenant_id, workspace_id, events, token_id, client_id, credential_id, scope, audience, peer, request_id, outcome
       from regent.issuance where outcome <> 'issued' order by issued_at, token_id`,
    )
    return found
  }

  it.each([
    ['a scope that was not granted', { scope: 'read other' }, 'scope_not_granted', 'read', ''],
    ['a scope outside the grammar (§3.3), which is not kept', { scope: 'a "b' }, 'scope_syntax', '', ''],
    ['a resource that was not granted', { resource: INVOICES }, 'resource_not_granted', '', ''],
    [
      'a scope of another resource',
      { scope: 'read', resource: INVOICES },
      'resource_not_granted',
      'read',
      '',
    ],
    [
      'names that are nobody’s, which are not kept',
      { scope: `read ${'x'.repeat(3000)}`, resource: ORDERS },
      'scope_beyond_grant',
      'read',
      ORDERS,
    ],
  ])('have a row with their reason: %s', async (_case, form, reason, scope, audience) => {
    const { headers } = await orders.token(robot, form).expect(400)
    const found = await rows()
    expect(found).toEqual([
      {
        tenant_id: orders.workspace.tenant.id,
        workspace_id: orders.workspace.id,
        events: 1,
        token_id: expect.stringMatching(/^[A-Za-z0-9_-]{22}$/),
        client_id: 'robot',
        credential_id: robot.credentialId,
        scope,
        audience,
        peer: '127.0.0.1',
        request_id: headers['x-request-id'],
        outcome: reason,
      },
    ])
    expect(world.lastRefusal()).toMatchObject({ reason })
  })

  it('have a row where a limit of issuance was reached', async () => {
    const eager = await orders.client('eager')
    await setIssuanceLimit(orders.change, { workspace: orders.workspace, clientId: 'eager' as ClientId }, 1)
    await orders.token(eager).expect(200)
    await orders.token(eager).expect(429)
    expect(await rows()).toMatchObject([{ client_id: 'eager', outcome: 'issuance_limit_reached' }])
  })

  it('have none where nobody proved itself, whoever is named', async () => {
    await orders.token({ id: 'robot', secret: 'wrong' }).expect(401)
    await orders
      .token({ id: 'robot', secret: robot.secret.replace(/.$/, (last) => (last === 'x' ? 'y' : 'x')) })
      .expect(401)
    await orders.token({ id: 'nobody', secret: robot.secret }).expect(401)
    await orders.token(undefined, { scope: 'nothing' }).expect(401)
    expect(await rows()).toEqual([])
  })

  it('are answered before anything of them is written', async () => {
    waiting = new Promise((resolve) => (held = resolve))
    await orders.token(robot, { scope: 'nothing' }).expect(400)
    held?.()
    expect(await rows()).toHaveLength(1)
  })

  it('are shown to their own tenant, and to no other', async () => {
    const rival = await world.workspace('https://rival.eu.token.example/orders')
    await orders.token(robot, { scope: 'nothing' }).expect(400)
    await rival.token(robot, { scope: 'nothing' }).expect(401)
    await flush()
    const shownTo = ({ workspace }: WorldWorkspace) =>
      world.database.inTenant(workspace.tenant.id, ({ db }) =>
        db.selectFrom('issuance').select(['client_id', 'outcome']).execute(),
      )
    expect(await shownTo(orders)).toEqual([{ client_id: 'robot', outcome: 'scope_not_granted' }])
    expect(await shownTo(rival)).toEqual([])
  })
})

describe('refusalLog', () => {
  let world: World
  let orders: WorldWorkspace
  const seen: Observation[] = []
  const clock = { now: 0 }

  beforeAll(async () => {
    world = await openWorld({ regions: ['eu'] })
    orders = await world.workspace('https://acme.eu.token.example/orders')
  })
  afterAll(() => world.close())
  afterEach(() => world.superuser('delete from regent.issuance'))

  const open = (more: { database?: Database; maxWaiting?: number; isOn?: boolean } = {}) =>
    refusalLog({
      region: 'eu',
      isOn: true,
      database: world.database,
      observe: (observation) => seen.push(observation),
      wallClock: Date.now,
      monotonic: () => clock.now,
      ...more,
    })
  const refused = (clientId: string, reason = 'scope_not_granted', scope = ['read']): RefusedRequest => ({
    workspace: orders.workspace,
    clientId: clientId as ClientId,
    credentialId: 'c'.repeat(16) as CredentialId,
    scope,
    resources: [],
    reason,
    peer: '192.0.2.1',
    requestId: 'request',
  })
  const rows = async () => {
    const { rows: found } = await world.superuser<{
      client: string
      outcome: string
      events: number
      peer: string
    }>(
      `select client_id as client, outcome, events, peer from regent.issuance order by client_id, events, outcome`,
    )
    return found.map(({ client, outcome, events, peer }) => `${client} ${outcome} ${events} ${peer}`)
  }
  const failing = (code: string, mend: { done: boolean }): Database => ({
    ...world.database,
    async asOperator(work) {
      if (!mend.done) throw Object.assign(new Error('refused'), { code })
      return world.database.asOperator(work)
    },
  })
  const ten = (line: string) => Array.from({ length: 10 }, () => line)

  it('has ten rows of a client in a minute, and one for each reason beyond, with how many there were (T58)', async () => {
    const log = open()
    for (let n = 0; n < 5000; n++)
      log.record(refused('flood', n % 5 === 0 ? 'resource_not_granted' : undefined))
    log.record(refused('calm'))
    expect(log.gauges().waiting).toBe(13)
    await log.flush()
    expect(await rows()).toHaveLength(11)
    clock.now += 60_001
    log.record(refused('flood'))
    await log.close()
    const ofFlood = (await rows()).filter((row) => row.startsWith('flood'))
    expect(ofFlood.filter((row) => row.endsWith(' 1 192.0.2.1'))).toHaveLength(11)
    expect(ofFlood.slice(11)).toEqual(['flood resource_not_granted 998 ', 'flood scope_not_granted 3992 '])
    expect(await rows()).toContain('calm scope_not_granted 1 192.0.2.1')
  })

  it('keeps sums until their minute is over, and writes them when nobody is refused any more', async () => {
    const log = open()
    for (let n = 0; n < 12; n++) log.record(refused('a'))
    await log.flush()
    expect(await rows()).toHaveLength(10)
    clock.now += 60_001
    await log.flush()
    expect(await rows()).toEqual([...ten('a scope_not_granted 1 192.0.2.1'), 'a scope_not_granted 2 '])
    await log.close()
  })

  it('drops what finds no room, and says so in the log itself', async () => {
    const mend = { done: false }
    const log = open({ maxWaiting: 3, database: failing('ECONNREFUSED', mend) })
    for (let n = 0; n < 7; n++) log.record(refused(`client-${n}`))
    await log.flush()
    expect(log.gauges()).toEqual({ waiting: 3, rows: 0, commits: 0, dropped: 4 })
    mend.done = true
    await log.close()
    const one = (n: number) => `client-${n} scope_not_granted 1 192.0.2.1`
    expect(await rows()).toEqual([' refusals_dropped 4 ', one(0), one(1), one(2)])
  })

  it('writes no row twice when it is not told that a commit succeeded', async () => {
    let fail = true
    const log = open({
      database: {
        ...world.database,
        async asOperator(work) {
          const result = await world.database.asOperator(work)
          if (!fail) return result
          fail = false
          throw Object.assign(new Error('the connection was lost after COMMIT'), { code: 'ECONNRESET' })
        },
      },
    })
    log.record(refused('a'))
    await log.flush()
    log.record(refused('b'))
    await log.close()
    expect((await rows()).map((row) => row[0])).toEqual(['a', 'b'])
  })

  it('says what the database refuses, and goes on', async () => {
    seen.length = 0
    const mend = { done: false }
    const log = open({ database: failing('42501', mend) })
    log.record(refused('a'))
    await log.flush()
    mend.done = true
    log.record(refused('b'))
    await log.close()
    expect(seen).toEqual([{ type: 'warning', message: expect.stringMatching(/^region eu: .*42501/) }])
    expect((await rows()).map((row) => row[0])).toEqual(['b'])
  })

  it('writes by itself, and nothing where it is off', async () => {
    const [on, off] = [open(), open({ isOn: false })]
    on.record(refused('on'))
    off.record(refused('off'))
    for (let tries = 0; tries < 200 && (await rows()).length === 0; tries++)
      await new Promise((resolve) => setTimeout(resolve, 50))
    await off.close()
    expect((await rows()).map((row) => row.split(' ')[0])).toEqual(['on'])
    await on.close()
  })
})
