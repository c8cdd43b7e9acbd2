/** T67: notifications that do not come any more, with and without a word. The feed is read anyway. */
import { setTimeout as sleep } from 'node:timers/promises'
import { setClientState } from '../../src/changes/client-changes.ts'
import type { ClientId } from '../../src/ids.ts'
import type { Observation } from '../../src/observe/observation.ts'
import { assembleServer } from '../../src/server/assemble.ts'
import type { TokenServer } from '../../src/server/server-parts.ts'
import { ask } from '../endpoints/attempt.ts'
import { openTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'
import { listen, openWorld, type World, type WorldWorkspace } from '../support/world.ts'

describe('T67 a node that listens', () => {
  let world: World
  let orders: WorldWorkspace
  let proxy: TcpProxy
  let node: TokenServer
  let port: number
  const seen: Observation[] = []

  beforeAll(async () => {
    world = await openWorld({ regions: ['eu'] })
    orders = await world.workspace('https://acme.eu.token.example/orders')
    const url = new URL(world.urls.login)
    proxy = await openTcpProxy({ host: url.hostname, port: Number(url.port) })
    url.port = String(proxy.port)
    const served = world.parts.regions.get('eu')
    if (served === undefined) throw new Error('eu is not served')
    node = assembleServer({
      ...world.parts,
      regions: new Map([['eu', { ...served, listen: { connectionString: url.href } }]]),
      observe: (observation) => seen.push(observation),
    })
    await node.start()
    port = await listen(node.http)
  })
  afterAll(async () => {
    node.http.closeAllConnections()
    node.http.close()
    await node.stop()
    await proxy.cut()
    await world.close()
  })

  const states = () => seen.flatMap((one) => (one.type === 'listening' ? [one.listening] : []))

  it.each([
    ['is-cut', 'cut'],
    ['hears-nothing', 'freeze'],
    ['is-half-open', 'halfOpen'],
  ] as const)(
    'knows of a change though it %s, and listens again afterwards',
    async (id, disturb) => {
      while (states().at(-1) !== true) await sleep(20)
      const robot = await orders.client(id)
      expect((await ask(port, orders, robot)).status).toBe(200)
      await proxy[disturb]()
      // Made elsewhere: by nobody who would tell this node.
      const change = { ...orders.change, database: world.database }
      await setClientState(change, orders.workspace, id as ClientId, 'disabled')
      while ((await ask(port, orders, robot)).status === 200) await sleep(20)
      expect((await ask(port, orders, robot)).status).toBe(401)
      while (states().at(-1) !== false) await sleep(20)
      await proxy.mend()
      while (states().at(-1) !== true) await sleep(20)
    },
    60_000,
  )
})
