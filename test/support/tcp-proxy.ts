/** A way to a TCP server that can be cut off and opened again. */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

export async function openTcpProxy(target: { host: string; port: number }) {
  const sockets = new Set<Socket>()
  let opened = 0
  const server = createServer((near) => {
    opened += 1
    const far = connect(target.port, target.host)
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
      from.on('error', () => to.destroy())
      from.pipe(to)
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo

  return {
    port,
    /** Connections that there were, whatever became of them. */
    opened: () => opened,
    /** Ends what is connected, and refuses whoever comes. */
    async cut() {
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close')
    },
    /** Lets nothing through any more, and says nothing about it. */
    freeze() {
      for (const socket of sockets) socket.pause()
    },
    async mend() {
      server.listen(port, '127.0.0.1')
      await once(server, 'listening')
    },
  }
}
