/**
 * Asks for tokens on behalf of a population, from a process of its own: each request is made from its client's number when it
 * is due. Closed: a connection sends as soon as it was answered. Open: requests are due at fixed times; one that finds no
 * free connection is not sent, and counted. A connection that breaks is opened again, as a client would. Told over IPC; see
 * `asker.ts` for who tells.
 */
import { connect, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { answerLength } from '../answer-length.ts'
import { tokenRequest } from '../token-request.ts'
import { population, type Population, type Size } from './population.ts'

export type Errand = {
  readonly port: number
  readonly size: Size
  /** Clients by number: `first`, and from there each `step` further, round and round. */
  readonly which: { readonly first: number; readonly step: number; readonly count: number }
  /** Each client once, or whoever comes by chance until the time is over. */
  readonly order: 'once' | 'random'
  readonly connections: number
  /** Seconds after which it ends in any case. */
  readonly most: number
  /** Requests a second; without it the load is closed. */
  readonly rate?: number
}
export type Told = {
  /** Tokens. */
  readonly answered: number
  /** By status, or by what became of the connection, or `not sent`. */
  readonly failed: Readonly<Record<string, number>>
  readonly seconds: number
  /** Milliseconds from sending to the whole answer; in an open load, from when the request was due. */
  readonly p50: number
  readonly p99: number
  /** Tokens in each second. */
  readonly bySecond: readonly number[]
}

const KEPT_REQUESTS = 200_000
const AGAIN_AFTER = 20

type Connection = { socket: Socket; pending: Buffer; due: number; busy: boolean; open: boolean }

function run(errand: Errand): Promise<Told> {
  const { port, connections, most, rate, order } = errand
  const requests = requestsOf(population(errand.size), errand)
  const latencies: number[] = []
  const bySecond: number[] = []
  const failed: Record<string, number> = {}
  const all: Connection[] = []
  const begun = performance.now()
  const end = begun + most * 1000
  let last = begun
  let sent = 0

  const fail = (how: string) => {
    failed[how] = (failed[how] ?? 0) + 1
  }
  const isOver = () => performance.now() >= end || (order === 'once' && sent >= errand.which.count)
  const send = (connection: Connection, due: number) => {
    connection.due = due
    connection.busy = true
    connection.socket.write(requests(sent++))
  }
  const answered = (connection: Connection, data: Buffer) => {
    last = performance.now()
    connection.busy = false
    const status = data.toString('latin1', 9, 12)
    if (status === '200') {
      latencies.push(last - connection.due)
      const second = Math.floor((last - begun) / 1000)
      bySecond[second] = (bySecond[second] ?? 0) + 1
    } else fail(status)
    if (rate === undefined && !isOver()) send(connection, last)
  }
  const open = (connection: Connection) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    Object.assign(connection, { socket, pending: Buffer.alloc(0), busy: false, open: false })
    socket.on('connect', () => {
      connection.open = true
      if (rate === undefined && !isOver()) send(connection, performance.now())
    })
    socket.on('data', (chunk) => {
      const data = connection.pending.length === 0 ? chunk : Buffer.concat([connection.pending, chunk])
      const whole = answerLength(data) <= data.length
      connection.pending = whole ? Buffer.alloc(0) : data
      if (whole) answered(connection, data)
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      if (connection.busy) fail('connection lost')
      Object.assign(connection, { busy: false, open: false })
      if (!isOver()) setTimeout(() => open(connection), AGAIN_AFTER)
    })
  }
  for (let count = 0; count < connections; count += 1) {
    const connection = { pending: Buffer.alloc(0), due: 0, busy: false, open: false } as unknown as Connection
    all.push(connection)
    open(connection)
  }

  return new Promise((resolve) => {
    let due = 0
    const clock = setInterval(() => {
      const now = performance.now()
      if (rate !== undefined) {
        for (; begun + (due * 1000) / rate <= Math.min(now, end) && !isOver(); due += 1) {
          const free = all.find((connection) => connection.open && !connection.busy)
          if (free === undefined) fail('not sent')
          else send(free, begun + (due * 1000) / rate)
        }
      }
      const waiting = all.some(({ busy }) => busy)
      if (!isOver() || (waiting && now < end + 10_000)) return
      clearInterval(clock)
      if (waiting) fail('no answer')
      for (const { socket } of all) socket.destroy()
      latencies.sort((a, b) => a - b)
      const quantile = (part: number) => latencies[Math.floor(latencies.length * part)] ?? Number.NaN
      resolve({
        answered: latencies.length,
        failed,
        seconds: (last - begun) / 1000,
        p50: quantile(0.5),
        p99: quantile(0.99),
        bySecond: Array.from({ length: bySecond.length }, (_, second) => bySecond[second] ?? 0),
      })
    }, 1)
  })
}

/** @returns the bytes of the request that is sent as the `turn`-th */
function requestsOf(who: Population, { which: { first, step, count }, order }: Errand) {
  const kept = new Map<number, Buffer>()
  let latest = { number: -1, url: new URL('http://localhost') }
  const make = (number: number) => {
    const { id, secret } = who.client(number)
    const workspace = who.workspaceOf(number)
    // Neighbours come after each other.
    if (latest.number !== workspace)
      latest = { number: workspace, url: new URL(who.workspace(workspace).issuer) }
    return Buffer.from(tokenRequest(latest.url, id, secret), 'latin1')
  }
  return (turn: number): Buffer => {
    const index = order === 'once' ? turn : Math.floor(Math.random() * count)
    const number = (first + index * step) % who.clients
    if (order === 'once' || count > KEPT_REQUESTS) return make(number)
    const known = kept.get(number) ?? make(number)
    kept.set(number, known)
    return known
  }
}

process.on('message', (errand: Errand) => {
  void run(errand).then((told) => process.send?.(told))
})
