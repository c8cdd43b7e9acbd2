/**
 * A way to a TCP server that can be disturbed and mended: cut, frozen, half open, slow, reset. Each disturbance holds for
 * what is connected and for whoever comes, until `mend`.
 */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export type TcpTarget = { readonly host: string; readonly port: number }
export type TcpProxy = Awaited<ReturnType<typeof openTcpProxy>>
/** Milliseconds each way; bytes a second, each way and connection. */
export type Slowness = { readonly latency?: number; readonly bytesPerSecond?: number }

type Mode = 'pass' | 'frozen' | 'half-open' | 'reset'
type Pair = { readonly near: Socket; far: Socket | undefined }

export async function openTcpProxy(first: TcpTarget) {
  const pairs = new Set<Pair>()
  let target = first
  let opened = 0
  let mode: Mode = 'pass'
  let slowness: Slowness = {}

  const server = createServer({ noDelay: true }, (near) => {
    opened += 1
    if (mode === 'reset') {
      near.resetAndDestroy()
      return
    }
    const pair: Pair = { near, far: undefined }
    pairs.add(pair)
    near.on('error', () => {})
    near.on('close', () => {
      pairs.delete(pair)
      pair.far?.destroy()
    })
    // Whoever comes while nothing passes is taken in, and hears nothing.
    if (mode === 'pass') join(pair)
    else near.pause()
  })

  const join = (pair: Pair) => {
    const { near } = pair
    const far = connect({ ...target, noDelay: true })
    pair.far = far
    far.on('error', () => {})
    far.on('close', () => {
      if (mode !== 'half-open') near.destroy()
    })
    forward(near, far)
    forward(far, near)
  }

  const forward = (from: Socket, to: Socket) => {
    let last: Promise<unknown> = Promise.resolve()
    let waiting = 0
    const write = (chunk: Buffer) => {
      if (to.destroyed || to.write(chunk)) return
      from.pause()
      to.once('drain', () => mode === 'pass' && from.resume())
    }
    const afterwards = async (before: readonly Promise<unknown>[], chunk: Buffer) => {
      await Promise.all(before)
      waiting -= 1
      write(chunk)
    }
    from.on('data', (chunk: Buffer) => {
      const { latency = 0, bytesPerSecond = Infinity } = slowness
      const delay = latency + (chunk.length / bytesPerSecond) * 1000
      if (delay === 0 && waiting === 0) return write(chunk)
      waiting += 1
      // One after the other in rate, side by side in latency.
      const due = sleep(delay)
      last = afterwards([last, bytesPerSecond === Infinity ? due : last.then(() => sleep(delay))], chunk)
    })
    from.on('end', () => void last.then(() => to.end()))
  }

  const open = async (port: number) => {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  }
  await open(0)
  const { port } = server.address() as AddressInfo

  const pauseAll = () => {
    for (const { near, far } of pairs) {
      near.pause()
      far?.pause()
    }
  }

  return {
    port,
    /** Connections that there are now. */
    connections: () => pairs.size,
    /** Connections that there were, whatever became of them. */
    opened: () => opened,

    /** Whoever comes from now on is led there. */
    leadTo(next: TcpTarget) {
      target = next
    },

    /** Ends what is connected, and refuses whoever comes. */
    async cut() {
      if (!server.listening) return
      server.close()
      for (const { near } of pairs) near.destroy()
      await once(server, 'close')
    },

    /** Lets nothing through any more, and says nothing about it. */
    freeze() {
      mode = 'frozen'
      pauseAll()
    },

    /** The far side is gone, and the near side is not told. */
    halfOpen() {
      mode = 'half-open'
      pauseAll()
      for (const { far } of pairs) far?.destroy()
    },

    slow(how: Slowness) {
      slowness = how
    },

    /** RST for what is connected, and for whoever comes. */
    reset() {
      mode = 'reset'
      for (const { near } of pairs) near.resetAndDestroy()
    },

    /** As at the beginning. What waited goes on; where the far side is gone, the near side learns of it now. */
    async mend() {
      const before = mode
      mode = 'pass'
      slowness = {}
      for (const pair of pairs) {
        if (before === 'half-open') pair.near.resetAndDestroy()
        else if (pair.far === undefined) join(pair)
        pair.near.resume()
        pair.far?.resume()
      }
      if (!server.listening) await open(port)
    },
  }
}
