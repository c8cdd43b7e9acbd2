import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { openTcpProxy, type TcpProxy } from './tcp-proxy.ts'

/** Answers each message with its own name in front. */
async function echo(name: string) {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (data) => socket.write(`${name}:${data.toString()}`))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, target: { host: '127.0.0.1', port: (server.address() as AddressInfo).port } }
}

async function call(port: number) {
  const socket = connect(port, '127.0.0.1')
  let error: NodeJS.ErrnoException | undefined
  const state = { closed: false }
  let heard = ''
  socket.on('error', (reason) => (error = reason))
  socket.on('close', () => (state.closed = true))
  socket.on('data', (data) => (heard += data.toString()))
  await Promise.race([once(socket, 'connect'), once(socket, 'close')]).catch(() => {})
  return {
    socket,
    error: () => error?.code,
    closed: () => state.closed,
    heard: () => heard,
    says: (text: string) => socket.write(text),
    async hears(text: string) {
      while (!heard.includes(text) && !state.closed) await sleep(5)
      return heard
    },
    async ends() {
      while (!state.closed) await sleep(5)
      return error?.code
    },
  }
}

describe('a TCP proxy that disturbs', () => {
  let a: Awaited<ReturnType<typeof echo>>
  let b: Awaited<ReturnType<typeof echo>>
  let proxy: TcpProxy
  const servers: Server[] = []
  const sockets: Socket[] = []
  const caller = async () => {
    const made = await call(proxy.port)
    sockets.push(made.socket)
    return made
  }

  beforeAll(async () => {
    a = await echo('a')
    b = await echo('b')
    servers.push(a.server, b.server)
  })
  beforeEach(async () => {
    proxy = await openTcpProxy(a.target)
  })
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy()
    await proxy.cut()
  })
  afterAll(() => servers.forEach((server) => server.close()))

  it('passes all bytes in their order', async () => {
    const one = await caller()
    const long = 'x'.repeat(500_000)
    one.says(long)
    let length = 0
    while (length < long.length) {
      length = one.heard().replaceAll('a:', '').length
      await sleep(5)
    }
    expect(one.heard().replaceAll('a:', '')).toBe(long)
  })

  it('cut: ends what is connected and refuses whoever comes, until it is mended', async () => {
    const one = await caller()
    one.says('hello')
    await one.hears('a:hello')
    await proxy.cut()
    await one.ends()
    expect((await caller()).error()).toBe('ECONNREFUSED')
    await proxy.mend()
    const other = await caller()
    other.says('again')
    expect(await other.hears('a:again')).toBe('a:again')
  })

  it('frozen: takes everybody in and lets nothing through; mended, what waited goes on', async () => {
    const one = await caller()
    one.says('hello')
    await one.hears('a:hello')
    proxy.freeze()
    const late = await caller()
    one.says('more')
    late.says('late')
    await sleep(200)
    expect([one.heard(), one.closed(), late.heard(), late.closed()]).toEqual(['a:hello', false, '', false])
    await proxy.mend()
    expect(await one.hears('a:more')).toBe('a:helloa:more')
    expect(await late.hears('a:late')).toBe('a:late')
  })

  it('half open: the far side is gone and the near side hears nothing of it; mended, it learns by RST', async () => {
    const far = once(a.server, 'connection') as Promise<[Socket]>
    const one = await caller()
    const [behind] = await far
    const gone = once(behind, 'close')
    one.says('hello')
    await one.hears('a:hello')
    proxy.halfOpen()
    await gone
    one.says('more')
    await sleep(200)
    expect([one.heard(), one.closed()]).toEqual(['a:hello', false])
    await proxy.mend()
    expect(await one.ends()).toBe('ECONNRESET')
  })

  it('reset: RST for what is connected and for whoever comes', async () => {
    const one = await caller()
    one.says('hello')
    await one.hears('a:hello')
    proxy.reset()
    expect(await one.ends()).toBe('ECONNRESET')
    expect(await (await caller()).ends()).toBe('ECONNRESET')
    await proxy.mend()
    const other = await caller()
    other.says('again')
    expect(await other.hears('a:again')).toBe('a:again')
  })

  it('slow: holds back by latency and by bytes a second, and loses nothing of the order', async () => {
    const one = await caller()
    proxy.slow({ latency: 150 })
    one.says('first')
    await sleep(60)
    expect(one.heard()).toBe('')
    one.says(' second')
    expect(await one.hears('second')).toMatch(/^a:first(?:a:)? second$/)
    proxy.slow({ bytesPerSecond: 2000 })
    one.says('y'.repeat(1000))
    await sleep(100)
    expect(one.heard()).not.toContain('y')
    await one.hears('yyy')
    await proxy.mend()
    one.says('fast')
    expect((await one.hears('fast')).endsWith('fast')).toBe(true)
  })

  it('leads whoever comes to another server, and leaves those who are there where they are', async () => {
    const one = await caller()
    proxy.leadTo(b.target)
    const other = await caller()
    one.says('one')
    other.says('other')
    expect(await one.hears('one')).toBe('a:one')
    expect(await other.hears('other')).toBe('b:other')
    expect(proxy.connections()).toBe(2)
  })
})
