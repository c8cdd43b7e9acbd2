/**
 * The load: one request, sent again and again over kept connections, from a process of its own. Closed: each connection
 * sends as soon as it was answered. Open: requests are due at fixed times, whatever the server does, and latency counts from
 * the time that one was due. Each answer must be a 200. Told over IPC; see `loader.ts` for who tells.
 */
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { performance } from 'node:perf_hooks'
import { answerLength } from './answer-length.ts'

export type Order = {
  readonly port: number
  /** The bytes of requests, sent in turn. */
  readonly requests: readonly string[]
  readonly connections: number
  readonly seconds: number
  /** Requests a second; without it the load is closed. */
  readonly rate?: number | undefined
  /** `new`: a connection and a whole handshake for each request. */
  readonly tls?: 'kept' | 'new' | undefined
}
export type Outcome = {
  readonly answered: number
  readonly seconds: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  /** Set when an answer was no 200, or a connection broke. */
  readonly fault?: string
}

const OK = Buffer.from('HTTP/1.1 200 ')

type Connection = { socket: Socket; pending: Buffer; due: number; busy: boolean }

function run(order: Order): Promise<Outcome> {
  const { port, connections, seconds, rate, tls } = order
  const requests = order.requests.map((text) => Buffer.from(text, 'latin1'))
  let turn = 0
  const latencies: number[] = []
  const queue: number[] = []
  const begun = performance.now()
  const end = begun + seconds * 1000
  let fault: string | undefined
  let last = begun

  return new Promise((resolve) => {
    const all: Connection[] = []
    const idle: Connection[] = []
    const finish = () => {
      clearInterval(clock)
      for (const { socket } of all) socket.destroy()
      latencies.sort((a, b) => a - b)
      const quantile = (part: number) => latencies[Math.floor(latencies.length * part)] ?? Number.NaN
      resolve({
        answered: latencies.length,
        seconds: (last - begun) / 1000,
        p50: quantile(0.5),
        p99: quantile(0.99),
        ...(fault !== undefined && { fault }),
      })
    }
    const fail = (why: string) => {
      fault ??= why
      finish()
    }
    const send = (connection: Connection, due: number) => {
      connection.due = due
      connection.busy = true
      connection.socket.write(requests[turn++ % requests.length] ?? '')
    }
    const answered = (connection: Connection) => {
      last = performance.now()
      latencies.push(last - connection.due)
      connection.busy = false
      if (tls === 'new') {
        connection.socket.destroy()
        all.splice(all.indexOf(connection), 1)
        if (last < end) open()
        else if (all.every(({ busy }) => !busy)) finish()
        return
      }
      if (last >= end) {
        if (all.every(({ busy }) => !busy)) finish()
        return
      }
      const due = queue.shift()
      if (rate === undefined) send(connection, last)
      else if (due === undefined) idle.push(connection)
      else send(connection, due)
    }
    const open = () => {
      const connection: Connection = {
        socket:
          tls === undefined
            ? connect({ port, host: '127.0.0.1', noDelay: true })
            : connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }),
        pending: Buffer.alloc(0),
        due: 0,
        busy: false,
      }
      connection.socket.on('data', (chunk) => {
        const data = connection.pending.length === 0 ? chunk : Buffer.concat([connection.pending, chunk])
        const length = answerLength(data)
        if (length > data.length) {
          connection.pending = data
          return
        }
        connection.pending = Buffer.alloc(0)
        if (!data.subarray(0, OK.length).equals(OK)) fail(data.toString('latin1'))
        else answered(connection)
      })
      connection.socket.on('error', (error) => fail(error.message))
      connection.socket.on('close', () => {
        if (fault === undefined && connection.busy) fail('a connection was closed')
      })
      all.push(connection)
      if (rate === undefined) send(connection, performance.now())
      else idle.push(connection)
    }

    let sent = 0
    const clock = setInterval(() => {
      const now = performance.now()
      if (rate !== undefined) {
        for (; begun + (sent * 1000) / rate <= Math.min(now, end); sent += 1) {
          const due = begun + (sent * 1000) / rate
          // In turn: one that is never used is closed by the server after some seconds, as whoever sends no request.
          const connection = idle.shift()
          if (connection === undefined) queue.push(due)
          else send(connection, due)
        }
      }
      if (now > end + 10_000) fail(`no answer within ten seconds`)
      else if (now > end && all.every(({ busy }) => !busy)) finish()
    }, 1)
    for (let count = 0; count < connections; count += 1) open()
  })
}

process.on('message', (order: Order) => {
  void run(order).then((outcome) => process.send?.(outcome))
})
