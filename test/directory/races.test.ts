/** The moments in which memory could hold what is no longer true, or deny what has become true; each brought about. */
import { setClientState } from '../../src/changes/client-changes.ts'
import { createSecret, revokeCredential } from '../../src/changes/credential-changes.ts'
import { createWorkspace } from '../../src/changes/create-workspace.ts'
import type { ClientId, CredentialId } from '../../src/ids.ts'
import { assembleServer } from '../../src/server/assemble.ts'
import type { TokenServer } from '../../src/server/server-parts.ts'
import { database as openDatabase, type Database } from '../../src/storage/transaction.ts'
import { kyselyOn } from '../../src/storage/kysely-on.ts'
import type { Schema } from '../../src/storage/schema.ts'
import { Client, type PoolClient } from 'pg'
import { encodeForm, LIMITS, listen, openWorld, type World, type WorldWorkspace } from '../support/world.ts'
import request from 'supertest'

const ROBOT = 'robot' as ClientId

/** Readings end, and what they read is held back until it is let go. */
function heldBack(home: Database) {
  const state = { hold: undefined as Promise<void> | undefined, reached: () => {} }
  const held = async <T>(work: Promise<T>): Promise<T> => {
    const { hold } = state
    const result = await work
    if (hold !== undefined) {
      state.reached()
      await hold
    }
    return result
  }
  const database: Database = {
    ...home,
    inTenant: (tenantId, work) => held(home.inTenant(tenantId, work)),
    beforeThenInTenant: (find, then) => held(home.beforeThenInTenant(find, then)),
  }
  return {
    database,
    /** The next readings have read and wait; `release` lets them go. */
    hold() {
      let release = () => {}
      const reached = new Promise<void>((resolve) => {
        state.reached = resolve
      })
      state.hold = new Promise((resolve) => {
        release = () => {
          state.hold = undefined
          resolve()
        }
      })
      return { reached, release }
    },
  }
}

/** A replica that has stopped replaying: it sees what was there when it was made, and answers. */
async function pausedReplica(url: string): Promise<{ database: Database; close(): Promise<void> }> {
  const client = new Client({ connectionString: url })
  await client.connect()
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM regent.change_counter')
  const db = kyselyOn<Schema>(client as unknown as PoolClient).withSchema('regent')
  const inSnapshot = async <T>(tenantId: string | undefined, work: (connection: never) => Promise<T>) => {
    await client.query(
      `SAVEPOINT asked; SET LOCAL ROLE regent_runtime; SET LOCAL regent.tenant = '${tenantId ?? ''}'`,
    )
    const result = await work({ tenantId, db } as never)
    await client.query('ROLLBACK TO asked')
    return result
  }
  const refuse = () => Promise.reject(new Error('a replica is not asked for this'))
  return {
    database: {
      inTenant: inSnapshot,
      beforeTenant: refuse,
      beforeThenInTenant: async (find, then) => {
        const tenantId = await inSnapshot(undefined, find)
        return tenantId === undefined ? undefined : inSnapshot(tenantId, then)
      },
      asOperator: refuse,
      asOperatorAroundTenant: refuse,
    },
    close: () => client.end(),
  }
}

describe('a load that crosses a change', () => {
  let world: World
  let orders: WorldWorkspace
  let barrier: ReturnType<typeof heldBack>

  beforeAll(async () => {
    world = await openWorld({
      regions: ['eu'],
      asSeen(home) {
        barrier = heldBack(home)
        return barrier.database
      },
    })
    orders = await world.workspace('https://acme.eu.token.example/orders')
  })
  afterAll(() => world.close())

  it('on the primary: what it read before is not believed, neither now nor later', async () => {
    const robot = await orders.client('crossing')
    await orders.get(`${orders.path}/.well-known/jwks.json`).expect(200)
    const { reached, release } = barrier.hold()
    const asked = orders.token(robot).then((response) => response)
    await reached
    await setClientState(orders.change, orders.workspace, 'crossing' as ClientId, 'disabled')
    release()
    expect((await asked).status).toBe(401)
    await orders.token(robot).expect(401)
  })

  it('is not joined by whoever comes after the change: a request that starts after an entry sees it', async () => {
    const robot = await orders.client('joining')
    await orders.get(`${orders.path}/.well-known/jwks.json`).expect(200)
    const { reached, release } = barrier.hold()
    const early = orders.token(robot).then((response) => response)
    await reached
    const { secret } = await createSecret(orders.change, orders.workspace, 'joining' as ClientId)
    release()
    await orders.token({ id: 'joining', secret }).expect(200)
    expect((await early).status).toBe(200)
  })

  it('of a workspace: keys and settings are those after the change', async () => {
    const { reached, release } = barrier.hold()
    for (const { directory } of world.node.nodes.values()) directory.forgetAll()
    const asked = orders
      .get(`${orders.path}/.well-known/oauth-authorization-server`)
      .then((response) => response)
    await reached
    const { createResourceServer } = await import('../../src/changes/create-resource-server.ts')
    await createResourceServer(orders.change, orders.workspace, {
      identifier: 'https://later.example',
      name: 'Later',
      scopes: { later: '' },
    })
    release()
    expect((await asked).body.scopes_supported).toContain('later')
  })
})

describe('T65 a replica that is behind', () => {
  it('is not believed once the node has read the change, and serves while it is not behind', async () => {
    const world = await openWorld({ regions: ['eu'] })
    const orders = await world.workspace('https://acme.eu.token.example/orders')
    const robot = await orders.client('robot')
    const replica = await pausedReplica(world.urls.superuser)
    const asked = { replica: 0, primary: 0 }
    const counting = (home: Database, name: 'replica' | 'primary'): Database => ({
      ...home,
      inTenant(tenantId, work) {
        asked[name] += 1
        return home.inTenant(tenantId, work)
      },
    })
    const node = assembleServer({
      ...world.parts,
      regions: new Map([
        [
          'eu',
          {
            database: world.database,
            reads: counting(openDatabase(world.pool, LIMITS, { readOnly: true }), 'primary'),
            replica: counting(replica.database, 'replica'),
            connections: 4,
          },
        ],
      ]),
    })
    await node.start()
    const port = await listen(node.http)
    const token = (client: { id: string; secret: string }) =>
      request(`http://127.0.0.1:${port}`)
        .post(`${orders.path}/oauth2/token`)
        .set({ Host: orders.host, 'Content-Type': 'application/x-www-form-urlencoded' })
        .send(
          encodeForm({
            grant_type: 'client_credentials',
            client_id: client.id,
            client_secret: client.secret,
          }),
        )
    try {
      await token(robot).expect(200)
      expect(asked.replica).toBeGreaterThan(0)
      expect(asked.primary).toBe(0)

      // What it says no to, the primary is asked: it may not know of it yet.
      const fresh = await orders.client('fresh')
      await token(fresh).expect(200)
      expect(asked.primary).toBeGreaterThan(0)

      await setClientState(orders.change, orders.workspace, ROBOT, 'disabled')
      await node.nodes.get('eu')?.directory.feed.poll()
      await token(robot).expect(401)
      const before = asked.replica
      await token(robot).expect(401)
      expect(asked.replica).toBe(before)
    } finally {
      node.http.closeAllConnections()
      node.http.close()
      await node.stop()
      await replica.close()
      await world.close()
    }
  }, 30_000)
})

describe('a node that was just asked for it, and another one that makes it', () => {
  // REGENT_TRIALS=1000 for the whole figure; each takes a second for its turn, many at a time.
  const TRIALS = Number(process.env.REGENT_TRIALS ?? 100)
  // More than so many wait for each other's connections longer than a connection is waited for.
  const AT_ONCE = 20
  const PATIENCE = 240_000 + 1000 * TRIALS
  let world: World
  let orders: WorldWorkspace
  let other: TokenServer
  let port: number

  beforeAll(async () => {
    world = await openWorld({ regions: ['eu'] })
    orders = await world.workspace('https://acme.eu.token.example/orders')
    // With the turns that a node has in earnest, and a database of its own eyes: nothing is polled for it.
    other = assembleServer({
      ...world.parts,
      regions: new Map([
        [
          'eu',
          {
            database: openDatabase(world.pool, LIMITS),
            reads: openDatabase(world.pool, LIMITS, { readOnly: true }),
            connections: 4,
          },
        ],
      ]),
      memory: { confirmInterval: 1000 },
    })
    await other.start()
    port = await listen(other.http)
  })
  afterAll(async () => {
    other.http.closeAllConnections()
    other.http.close()
    await other.stop()
    await world.close()
  })

  const ask = (client: { id: string; secret: string }) =>
    request(`http://127.0.0.1:${port}`)
      .post(`${orders.path}/oauth2/token`)
      .set({ Host: orders.host, 'Content-Type': 'application/x-www-form-urlencoded' })
      .send(
        encodeForm({ grant_type: 'client_credentials', client_id: client.id, client_secret: client.secret }),
      )
  const inBatches = async (work: (n: number) => Promise<number>) => {
    const statuses: number[] = []
    for (let n = 0; n < TRIALS; n += AT_ONCE) {
      const batch = Array.from({ length: Math.min(AT_ONCE, TRIALS - n) }, (_, index) => work(n + index))
      statuses.push(...(await Promise.all(batch)))
    }
    return statuses.filter((status) => status !== 200)
  }

  it(
    `serves a client that was created after its refusal (${TRIALS} times, no refusal)`,
    async () => {
      const refused = await inBatches(async (n) => {
        const id = `new-${n}`
        const { generateSecret } = await import('../../src/clients/secret.ts')
        const before = await ask({ id, secret: generateSecret('AAAAAAAAAAAAAAAA' as CredentialId) })
        if (before.status !== 401) return before.status
        const client = await orders.client(id)
        await new Promise((resolve) => setTimeout(resolve, 5))
        return (await ask(client)).status
      })
      expect(refused).toEqual([])
    },
    PATIENCE,
  )

  it(
    `serves a secret that was made after its client was refused another one (${TRIALS} times, no refusal)`,
    async () => {
      const refused = await inBatches(async (n) => {
        const id = `rotated-${n}`
        const client = await orders.client(id)
        const { generateSecret } = await import('../../src/clients/secret.ts')
        if ((await ask(client)).status !== 200) return 0
        await ask({ id, secret: generateSecret('BBBBBBBBBBBBBBBB' as CredentialId) })
        const { secret } = await createSecret(orders.change, orders.workspace, id as ClientId)
        await revokeCredential(
          orders.change,
          orders.workspace,
          id as ClientId,
          client.credentialId as CredentialId,
        )
        await new Promise((resolve) => setTimeout(resolve, 5))
        return (await ask({ id, secret })).status
      })
      expect(refused).toEqual([])
    },
    PATIENCE,
  )

  it('serves a workspace that was made after its address was asked for', async () => {
    const late = (n: number) => `late-${n}`
    const statuses = await Promise.all(
      Array.from({ length: 10 }, async (_, n) => {
        const path = `/acme/${late(n)}/.well-known/jwks.json`
        const get = () => request(`http://127.0.0.1:${port}`).get(path).set('Host', orders.host)
        const before = (await get()).status
        await createWorkspace(orders.change, orders.workspace.tenant, { slug: late(n) })
        return [before, (await get()).status]
      }),
    )
    expect(statuses).toEqual(Array.from({ length: 10 }, () => [404, 200]))
  }, 30_000)
})
