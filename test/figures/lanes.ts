/**
 * Requests over kept connections, each of which sends the next one only when the last was answered: so many are under way at
 * most, and a slow server is asked less instead of being overrun. The time is from the write of a request to the first byte of
 * its answer; what is done with the answer comes after it. Requests are bytes that were made before.
 */
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export type Timed = { readonly milliseconds: number; readonly answer: string }

type Settings = {
  readonly port: number
  /** Connections. */
  readonly lanes: number
  /** Milliseconds, at most, that a lane rests before each request: a random time, so that lanes do not fall into step. */
  readonly rest: number
}

/** @param take told of each answer */
export async function throughLanes<Item extends { readonly bytes: Buffer }>(
  { port, lanes, rest }: Settings,
  items: Iterable<Item>,
  take: (item: Item, timed: Timed) => void,
): Promise<void> {
  const queue = items[Symbol.iterator]()
  const lane = async () => {
    const connection = openConnection(port)
    try {
      for (let next = queue.next(); next.done !== true; next = queue.next()) {
        if (rest > 0) await sleep(Math.random() * rest)
        take(next.value, await connection.ask(next.value.bytes))
      }
    } finally {
      connection.close()
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))
}

function openConnection(port: number) {
  const socket = connect(port, '127.0.0.1').setNoDelay(true)
  type Waiting = { begun: number; first: number; text: string } & PromiseWithResolvers
  let waiting: Waiting | undefined

  socket.on('data', (chunk) => {
    const now = performance.now()
    if (waiting === undefined) return
    if (waiting.text === '') waiting.first = now
    waiting.text += chunk.toString('latin1')
    const { begun, first, text, resolve } = waiting
    if (!isWhole(text)) return
    waiting = undefined
    resolve({ milliseconds: first - begun, answer: withoutChance(text) })
  })
  socket.on('error', (error) => waiting?.reject(error))
  socket.on('close', () => waiting?.reject(new Error('the connection was closed before an answer')))

  return {
    ask: (bytes: Buffer) =>
      new Promise<Timed>((resolve, reject) => {
        waiting = { begun: performance.now(), first: 0, text: '', resolve, reject }
        socket.write(bytes)
      }),
    close: () => socket.destroy(),
  }
}

type PromiseWithResolvers = { resolve: (timed: Timed) => void; reject: (error: Error) => void }

function isWhole(text: string): boolean {
  const end = text.indexOf('\r\n\r\n')
  return end !== -1 && text.length >= end + 4 + Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? 0)
}

/** All bytes in their order, but for what differs between any two answers: the request's id and the time of day. */
function withoutChance(text: string): string {
  const [, id] = /\r\nx-request-id: (\S+)/i.exec(text) ?? []
  const named = id === undefined ? text : text.replaceAll(id, 'ID')
  return named.replace(/(\r\ndate: )[^\r]+/i, '$1DATE')
}
