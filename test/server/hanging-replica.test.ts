/** A replica that hangs holds up nobody for long: the primary is asked in its place, and the replica again when it answers. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'pg'
import type { Observation } from '../../src/observe/observation.ts'
import { assembleServer } from '../../src/server/assemble.ts'
import type { TokenServer } from '../../src/server/server-parts.ts'
import { surviveLostConnections } from '../../src/storage/open-postgres.ts'
import { database, type Database } from '../../src/storage/transaction.ts'
import { ask } from '../endpoints/attempt.ts'
import { openTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'
import { listen, openWorld, type World, type WorldWorkspace } from '../support/world.ts'

const CLIENTS = 16
/** Milliseconds that each attempt hangs, and that the breaker at least waits after it. */
const HANGS = 500
const SHORTEST_PAUSE = 500
const SHORT = { statement: HANGS, lock: HANGS, idle: HANGS, deadline: HANGS }

describe('a node whose replica hangs', () => {
  let world: World
  let orders: WorldWorkspace
  let proxy: TcpProxy
  let pool: Pool
  let node: TokenServer
  let port: number
  let asked = 0
  const seen: Observation[] = []
  const count = (type: Observation['type']) => seen.filter((one) => one.type === type).length

  const lastOfReplica = () => seen.findLast(({ type }) => type.startsWith('replica'))?.type

  const counted = (replica: Database): Database => ({
    ...replica,
    inTenant(tenantId, work) {
      asked += 1
      return replica.inTenant(tenantId, work)
    },
    beforeThenInTenant(find, then) {
      asked += 1
      return replica.beforeThenInTenant(find, then)
    },
  })

  beforeAll(async () => {
    world = await openWorld({ regions: ['eu'] })
    orders = await world.workspace('https://acme.eu.token.example/orders')
    const url = new URL(world.urls.login)
    proxy = await openTcpProxy({ host: url.hostname, port: Number(url.port) })
    url.port = String(proxy.port)
    pool = new Pool({ connectionString: url.href, max: 4, connectionTimeoutMillis: HANGS })
    surviveLostConnections(pool)
    const served = world.parts.regions.get('eu')
    if (served === undefined) throw new Error('eu is not served')
    const replica = counted(database(pool, SHORT, { readOnly: true }))
    node = assembleServer({
      ...world.parts,
      regions: new Map([['eu', { ...served, replica }]]),
      observe: (observation) => seen.push(observation),
    })
    await node.start()
    port = await listen(node.http)
  })
  afterAll(async () => {
    node.http.closeAllConnections()
    node.http.close()
    await node.stop()
    await pool.end()
    await proxy.cut()
    await world.close()
  })

  it('gives it up, asks the primary for all who come, and the replica again when it answers', async () => {
    const clients: { id: string; secret: string }[] = []
    for (let n = 0; n < CLIENTS; n++) clients.push(await orders.client(`robot-${n}`))
    expect((await ask(port, orders, clients.pop() ?? never())).status).toBe(200)
    expect(asked).toBeGreaterThan(0)

    proxy.freeze()
    const [begun, before] = [performance.now(), asked]
    for (const client of clients) expect((await ask(port, orders, client)).status).toBe(200)
    const attempts = asked - before
    expect(attempts).toBeLessThanOrEqual(4 + (performance.now() - begun) / (HANGS + SHORTEST_PAUSE))
    expect(lastOfReplica()).toBe('replica_lost')
    expect(count('server_error')).toBe(0)

    await proxy.mend()
    for (let n = 0; lastOfReplica() !== 'replica_found'; n++) {
      expect((await ask(port, orders, await orders.client(`later-${n}`))).status).toBe(200)
      await sleep(100)
    }
    expect(count('database_lost')).toBe(0)
  }, 120_000)
})

function never(): never {
  throw new Error('there is nobody to ask for')
}
