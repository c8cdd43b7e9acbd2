/** The issuance log: a row for each token, in batches; what overflows is dropped and counted; durable fails closed. */
import { decodeJwt } from 'jose'
import type { ClientId, CredentialId } from '../../src/ids.ts'
import type { Observation } from '../../src/observe/observation.ts'
import { printArray, type IssuedToken } from '../../src/records/issuance-batch.ts'
import { issuanceLog, type IssuanceMode } from '../../src/records/issuance-log.ts'
import type { Database } from '../../src/storage/transaction.ts'
import { openTcpProxy } from '../support/tcp-proxy.ts'
import { openWorld, type Credentials, type World, type WorldWorkspace } from '../support/world.ts'

type Row = { token: string; client: string; tenant: string; events: number; outcome: string }

describe('issuanceLog', () => {
  let world: World
  let orders: WorldWorkspace
  let rival: WorldWorkspace
  let robot: Credentials & { credentialId: string }
  let proxy: Awaited<ReturnType<typeof openTcpProxy>>
  const seen: Observation[] = []

  beforeAll(async () => {
    world = await openWorld({
      regions: ['eu', 'us'],
      parts: { issuance: { mode: 'async', keepDays: 7 } },
      async route(text) {
        const url = new URL(text)
        proxy = await openTcpProxy({ host: url.hostname, port: Number(url.port) })
        url.host = `127.0.0.1:${proxy.port}`
        return String(url)
      },
    })
    orders = await world.workspace('https://acme.eu.token.example/orders')
    rival = await world.workspace('https://rival.eu.token.example/orders')
    robot = await orders.client('robot', { onRequest: ['invoices:read'] })
  })
  afterAll(async () => {
    await world.close()
    await proxy.cut()
  })
  afterEach(() => world.superuser('delete from regent.issuance'))

  /** But for refusals, which a log of their own writes when it likes. */
  const rows = async () => {
    const result = await world.superuser<Row>(
      `select token_id as token, client_id as client, tenant_id as tenant, events, outcome from regent.issuance
       where outcome in ('issued', 'dropped') order by outcome desc, token_id`,
    )
    return result.rows
  }
  const flush = () => world.node.nodes.get('eu')?.issuance.flush()
  const tokenOf = (tokenId: string, { workspace }: WorldWorkspace = orders): IssuedToken => ({
    workspace,
    clientId: 'robot' as ClientId,
    credentialId: 'c'.repeat(16) as CredentialId,
    scope: 'read',
    resources: ['https://orders.example'],
    tokenId,
    peer: '192.0.2.1',
    requestId: 'request',
  })
  const open = (mode: IssuanceMode, more: { database?: Database; maxWaiting?: number } = {}) =>
    issuanceLog({
      region: 'eu',
      mode,
      database: world.database,
      observe: (observation) => observation.type !== 'issuance_committed' && seen.push(observation),
      wallClock: Date.now,
      ...more,
    })
  /** Counts the transactions, and holds each up until it is let go. */
  const counting = (gate: () => Promise<void> = async () => {}) => {
    const begun: number[] = []
    const database: Database = {
      ...world.database,
      async asOperator(work) {
        begun.push(begun.length)
        await gate()
        return world.database.asOperator(work)
      },
    }
    return { begun, database }
  }
  const until = async (isSo: () => boolean | Promise<boolean>) => {
    for (let tries = 0; tries < 400 && !(await isSo()); tries++)
      await new Promise((resolve) => setTimeout(resolve, 50))
    expect(await isSo()).toBe(true)
  }
  const refusal = (code: string) => async () => {
    throw Object.assign(new Error('refused'), { code })
  }

  it('has a row for each token that was answered, and no such row for what was refused', async () => {
    const answers = [
      await orders.token(robot, { scope: 'read' }).expect(200),
      await orders.token(robot, { scope: 'write' }).expect(200),
      await orders.token(robot, { scope: 'invoices:read' }).expect(200),
    ]
    await orders.token(robot, { scope: 'nothing' }).expect(400)
    await orders.token({ id: robot.id, secret: 'wrong' }).expect(401)
    await flush()

    const issued = answers.map(({ body }) => decodeJwt((body as { access_token: string }).access_token))
    const found = await world.superuser<Record<string, unknown>>(
      `select *, extract(epoch from issued_at) as time from regent.issuance
       where outcome = 'issued' order by issued_at, token_id`,
    )
    const { tenant, id } = orders.workspace
    const wanted = issued.map((claims, index) => ({
      tenant_id: tenant.id,
      workspace_id: id,
      events: 1,
      token_id: claims.jti,
      client_id: 'robot',
      credential_id: robot.credentialId,
      scope: claims.scope,
      audience: claims.aud,
      peer: '127.0.0.1',
      request_id: answers[index]?.headers['x-request-id'] as unknown,
      outcome: 'issued',
    }))
    const byToken = (one: object, other: object) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1)
    const plain = found.rows.map(({ issued_at: _at, time: _time, ...row }) => row)
    expect(plain.map((row) => ({ ...row })).toSorted(byToken)).toEqual(wanted.toSorted(byToken))
    for (const { time } of found.rows) expect(Math.abs(Number(time) - Date.now() / 1000)).toBeLessThan(3600)
  })

  it('writes nothing when it is off', async () => {
    const { begun, database } = counting()
    const log = open('off', { database })
    expect(log.record(tokenOf('jti'))).toBeUndefined()
    await log.close()
    expect(begun).toEqual([])
  })

  it.each([
    ['a separator of every kind', `a,b;c{d}e"f\\g'h`],
    ['a line', 'first\nsecond\ttab'],
    ['the word NULL', 'NULL'],
    ['nothing', ''],
    ['other alphabets', 'ü ☃ 𝒳'],
  ])('keeps each value in its own row and column: %s', async (_case, value) => {
    const log = open('async')
    void log.record({ ...tokenOf('first'), scope: value, peer: value, requestId: value })
    void log.record(tokenOf('second', rival))
    await log.close()
    const { rows: found } = await world.superuser<{ tenant: string; scope: string; peer: string }>(
      'select tenant_id as tenant, scope, peer, request_id from regent.issuance order by token_id',
    )
    // Of control characters, which no value has, only letters are left.
    const kept = value.replaceAll('\n', 'n').replaceAll('\t', 't')
    expect(found).toEqual([
      { tenant: orders.workspace.tenant.id, scope: kept, peer: kept, request_id: kept },
      { tenant: rival.workspace.tenant.id, scope: 'read', peer: '192.0.2.1', request_id: 'request' },
    ])
  })

  it('never lets a value end its element (T12)', () => {
    expect(printArray(['"},{"', '\\', '\u0000\u001f'])).toBe(String.raw`{"\"},{\"","\\","\u0000\u001f"}`)
  })

  describe('async', () => {
    it('answers without a promise, and writes by itself, in one commit what came together', async () => {
      const { begun, database } = counting()
      const log = open('async', { database })
      for (let n = 0; n < 300; n++) expect(log.record(tokenOf(`jti-${n}`))).toBeUndefined()
      await until(async () => (await rows()).length === 300)
      expect(begun).toHaveLength(1)
      expect(log.gauges()).toEqual({ waiting: 0, rows: 300, commits: 1, dropped: 0 })
      await log.close()
    })

    it('drops and counts what overflows, never blocks, and says so in the log itself, by workspace', async () => {
      let letGo = () => {}
      const gate = new Promise<void>((resolve) => (letGo = resolve))
      const { database } = counting(() => gate)
      const log = open('async', { database, maxWaiting: 600 })
      for (let n = 0; n < 500; n++) void log.record(tokenOf(`a-${n}`))
      // The first batch is under way, and hangs.
      await until(() => log.gauges().waiting === 0)
      for (let n = 0; n < 1000; n++) expect(log.record(tokenOf(`b-${n}`))).toBeUndefined()
      for (let n = 0; n < 7; n++) void log.record(tokenOf(`c-${n}`, rival))
      expect(log.gauges()).toMatchObject({ waiting: 600, dropped: 407 })
      letGo()
      await log.close()

      const found = await rows()
      expect(found.filter(({ outcome }) => outcome === 'issued')).toHaveLength(1100)
      const dropped = found.filter(({ outcome }) => outcome === 'dropped')
      expect(new Map(dropped.map(({ tenant, events }) => [tenant, events]))).toEqual(
        new Map([
          [orders.workspace.tenant.id, 400],
          [rival.workspace.tenant.id, 7],
        ]),
      )
      expect(new Set(found.map(({ token }) => token)).size).toBe(found.length)
    })

    it('waits for a database that is away, within its bound, and writes when it is back, each row once', async () => {
      const log = open('async', { maxWaiting: 3 })
      await proxy.cut()
      try {
        for (const token of ['a', 'b', 'c', 'd']) void log.record(tokenOf(token))
        await log.flush()
        await log.flush()
        expect(log.gauges()).toEqual({ waiting: 3, rows: 0, commits: 0, dropped: 1 })
      } finally {
        await proxy.mend()
      }
      await until(async () => (await rows()).length === 4)
      expect(
        (await rows()).map(({ token, events, outcome }) => (outcome === 'issued' ? token : events)),
      ).toEqual(['a', 'b', 'c', 1])
      await log.close()
    })

    it('writes no row twice when it is not told that a commit succeeded', async () => {
      let fail = true
      const log = open('async', {
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
      for (const token of ['a', 'b']) void log.record(tokenOf(token))
      await log.flush()
      void log.record(tokenOf('c'))
      await log.close()
      expect((await rows()).map(({ token }) => token)).toEqual(['a', 'b', 'c'])
      expect(log.gauges()).toMatchObject({ rows: 3, dropped: 0 })
    })

    it('says what the database refuses, counts it as dropped, and goes on', async () => {
      let refuse = true
      seen.length = 0
      const log = open('async', {
        database: {
          ...world.database,
          asOperator: (work) => (refuse ? refusal('42501')() : world.database.asOperator(work)),
        },
      })
      for (const token of ['a', 'b']) void log.record(tokenOf(token))
      await log.flush()
      refuse = false
      void log.record(tokenOf('c'))
      await log.close()
      expect(seen).toEqual([{ type: 'warning', message: expect.stringMatching(/^region eu: .*42501/) }])
      expect((await rows()).map(({ outcome, events }) => [outcome, events])).toEqual([
        ['issued', 1],
        ['dropped', 2],
      ])
      expect(log.gauges()).toMatchObject({ rows: 1, dropped: 2 })
    })

    it('ends while its database is away, says what it lost, and runs no more', async () => {
      const { begun, database } = counting()
      seen.length = 0
      const log = open('async', { database })
      await proxy.cut()
      try {
        void log.record(tokenOf('a'))
        await log.close()
      } finally {
        await proxy.mend()
      }
      expect(seen).toEqual([{ type: 'warning', message: expect.stringContaining('1 rows') }])
      const tried = begun.length
      void log.record(tokenOf('late'))
      await new Promise((resolve) => setTimeout(resolve, 500))
      expect(begun).toHaveLength(tried)
    })
  })

  describe('durable', () => {
    it('is answered after the commit that holds the row', async () => {
      let letGo = () => {}
      const gate = new Promise<void>((resolve) => (letGo = resolve))
      const { begun, database } = counting(() => gate)
      const log = open('durable', { database })
      let answered = false
      const waiting = log.record(tokenOf('a'))?.then(() => (answered = true))
      await until(() => begun.length === 1)
      await new Promise((resolve) => setTimeout(resolve, 100))
      expect([answered, await rows()]).toEqual([false, []])
      letGo()
      await waiting
      expect((await rows()).map(({ token }) => token)).toEqual(['a'])
      await log.close()
    })

    it('commits together what came while a commit was under way', async () => {
      let letGo = () => {}
      const gate = new Promise<void>((resolve) => (letGo = resolve))
      const { begun, database } = counting(() => gate)
      const log = open('durable', { database })
      const first = log.record(tokenOf('first'))
      await until(() => begun.length === 1)
      const others = Array.from({ length: 64 }, (_, n) => log.record(tokenOf(`jti-${n}`)))
      letGo()
      await Promise.all([first, ...others])
      expect(begun).toHaveLength(2)
      expect(log.gauges()).toEqual({ waiting: 0, rows: 65, commits: 2, dropped: 0 })
      await log.close()
    })

    it.each([
      ['is away', 'ECONNREFUSED'],
      ['has no room', '53100'],
      ['refuses', '42501'],
    ])('rejects with 503 and keeps nothing back when the database %s', async (_case, code) => {
      let refuse = true
      const log = open('durable', {
        database: {
          ...world.database,
          asOperator: (work) => (refuse ? refusal(code)() : world.database.asOperator(work)),
        },
      })
      const two = [log.record(tokenOf('a')), log.record(tokenOf('b'))]
      for (const one of two)
        await expect(one).rejects.toMatchObject({ status: 503, reason: 'issuance_not_recorded' })
      refuse = false
      await log.record(tokenOf('c'))
      expect((await rows()).map(({ token }) => token)).toEqual(['c'])
      await log.close()
    })

    it('rejects who finds no room, and whoever comes after the end', async () => {
      let letGo = () => {}
      const gate = new Promise<void>((resolve) => (letGo = resolve))
      const { begun, database } = counting(() => gate)
      const log = open('durable', { database, maxWaiting: 1 })
      const first = log.record(tokenOf('first'))
      await until(() => begun.length === 1)
      const second = log.record(tokenOf('second'))
      await expect(log.record(tokenOf('third'))).rejects.toMatchObject({ reason: 'issuance_not_recorded' })
      letGo()
      await Promise.all([first, second])
      await log.close()
      await expect(log.record(tokenOf('late'))).rejects.toMatchObject({ status: 503 })
      expect((await rows()).map(({ token }) => token)).toEqual(['first', 'second'])
    })
  })
})
