/** A connection that listens comes back by itself, whatever became of it. */
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { Client } from 'pg'
import { CHANGE_CHANNEL, openListener, type Listener } from '../../src/storage/listener.ts'
import { createDatabase, type TestDatabase } from '../support/postgres.ts'
import { openTcpProxy } from '../support/tcp-proxy.ts'

describe('T67 a listener', () => {
  let home: TestDatabase
  let superuser: Client
  let listener: Listener | undefined
  let hints: (string | undefined)[]
  let states: boolean[]

  beforeAll(async () => {
    home = await createDatabase()
    superuser = new Client({ connectionString: home.superuserUrl })
    await superuser.connect()
  })
  afterAll(async () => {
    await superuser.end()
    await home.drop()
  })
  beforeEach(() => {
    hints = []
    states = []
  })
  afterEach(() => listener?.close())

  const open = (url: string, name: string | undefined = 'listener') => {
    listener = openListener({
      connection: { connectionString: url, ...(name && { application_name: name }) },
      channel: CHANGE_CHANNEL,
      onHint: (payload) => hints.push(payload),
      onState: (listening) => states.push(listening),
    })
    return listener
  }
  const until = async (condition: () => boolean) => {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10))
  }
  const notify = () => superuser.query(`select pg_notify('${CHANGE_CHANNEL}', 'eu')`)

  it('hints with the payload, and once without any when it begins', async () => {
    open(home.url)
    await until(() => hints.length === 1)
    await notify()
    await until(() => hints.length === 2)
    expect(hints).toEqual([undefined, 'eu'])
    expect(states).toEqual([true])
  })

  it('is opened again when it was terminated, and hints, for it may have missed something', async () => {
    open(home.url)
    await until(() => hints.length === 1)
    await superuser.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'listener'`,
    )
    await until(() => hints.length === 2)
    await notify()
    await until(() => hints.length === 3)
    expect(hints).toEqual([undefined, undefined, 'eu'])
    expect(states).toEqual([true, false, true])
  }, 15_000)

  it.each([
    ['regent listen', ''],
    ['ours', '?application_name=ours'],
  ])('is called %s in pg_stat_activity, with %j behind its URL', async (name, more) => {
    open(`${home.url}${more}`, '')
    await until(() => hints.length === 1)
    const { rows } = await superuser.query(
      `select application_name as name from pg_stat_activity where datname = $1 and query like 'LISTEN%'`,
      [home.name],
    )
    expect(rows).toEqual([{ name }])
  })

  it('waits for a server that refuses, and is closed at once while it waits', async () => {
    const url = new URL(home.url)
    const proxy = await openTcpProxy({ host: url.hostname, port: Number(url.port) })
    url.port = String(proxy.port)
    await proxy.cut()
    const one = open(url.href)
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(hints).toEqual([])
    await proxy.mend()
    await until(() => hints.length === 1)
    await proxy.cut()
    await until(() => states.length === 2)
    const begun = performance.now()
    await one.close()
    expect(performance.now() - begun).toBeLessThan(5000)
    expect(states).toEqual([true, false])
  }, 20_000)

  it('ends while it is connecting to what does not answer', async () => {
    let came: (() => void) | undefined
    const arrived = new Promise<void>((resolve) => {
      came = resolve
    })
    const silent = createServer((socket) => {
      socket.resume()
      came?.()
    })
    silent.listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as AddressInfo
    const one = open(`postgres://nobody@127.0.0.1:${port}/nothing`)
    await arrived
    await one.close()
    expect(states).toEqual([])
    silent.close()
  }, 20_000)

  it.each([
    ['that nothing comes through any more', 'freeze'],
    ['whose other end is gone and did not say so', 'halfOpen'],
  ] as const)(
    'notices a connection %s',
    async (_case, disturb) => {
      const url = new URL(home.url)
      const proxy = await openTcpProxy({ host: url.hostname, port: Number(url.port) })
      url.port = String(proxy.port)
      open(url.href)
      await until(() => hints.length === 1)
      proxy[disturb]()
      await until(() => states.length === 2)
      await proxy.mend()
      await until(() => hints.length === 2)
      expect(states).toEqual([true, false, true])
      await listener?.close()
      await proxy.cut()
    },
    30_000,
  )
})
