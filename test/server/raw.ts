/**
 * Sends bytes as they are and reads whatever comes back: a client library would mend them on the way, and `fetch` would
 * leave out a Host of ours.
 */
import { connect, type Socket } from 'node:net'

export type Answer = {
  readonly status: number
  /** Status line and headers as they came. */
  readonly head: string
  /** By lower-case name; of repeated ones all values. */
  readonly headers: ReadonlyMap<string, readonly string[]>
  readonly body: string
}

export type Exchange = {
  /** Interim answers (100 Continue) among them. */
  readonly answers: readonly Answer[]
  /** The server closed the connection, rather than that we gave up waiting. */
  readonly closed: boolean
  /** The connection was reset: the caller may have lost an answer. */
  readonly reset: boolean
}

/** A port of this machine, or how else a connection is opened. */
export type Place = number | (() => Socket)

export type ExchangeOptions = {
  /** Answers to these are without a body, whatever their Content-Length. */
  readonly head?: boolean
  /** Milliseconds after which the connection is given up. */
  readonly patience?: number
  /** Says after the last byte that no more will come. */
  readonly end?: boolean
  /** Milliseconds without a further byte, once there was one, after which the connection is given up. */
  readonly silence?: number
}

/** Sends each piece when the one before it has been sent, and reads until the connection is closed. */
export function exchange(
  place: Place,
  bytes: string | Buffer | readonly (string | Buffer)[],
  { head = false, patience = 15_000, end = false, silence }: ExchangeOptions = {},
): Promise<Exchange> {
  return new Promise((resolve, reject) => {
    const socket = typeof place === 'number' ? connect(place, '127.0.0.1') : place()
    socket.setNoDelay(true)
    const received: Buffer[] = []
    let reset = false
    let closed = true
    const giveUp = () => {
      closed = false
      socket.destroy()
    }
    let timer = setTimeout(giveUp, patience)
    socket.on('data', (chunk) => {
      received.push(chunk)
      if (silence === undefined) return
      clearTimeout(timer)
      timer = setTimeout(giveUp, silence)
    })
    socket.on('error', () => (reset = true))
    socket.on('close', () => {
      clearTimeout(timer)
      try {
        resolve({ answers: parseAnswers(Buffer.concat(received), head), closed, reset })
      } catch (error) {
        reject(error)
      }
    })
    for (const piece of [bytes].flat()) socket.write(toBytes(piece))
    if (end) socket.end()
  })
}

/** Of a request that has one answer. */
export async function ask(place: Place, bytes: string | Buffer, options?: ExchangeOptions): Promise<Answer> {
  const { answers, closed, reset } = await exchange(place, bytes, options)
  const [answer] = answers
  if (answer === undefined || answers.length > 1 || !closed || reset) {
    throw new Error(
      `${answers.length} answers, ${closed ? 'closed' : 'left open'}${reset ? ', reset' : ''}: ${String(bytes)}`,
    )
  }
  return answer
}

/** @param headers each one line, as it is to be sent */
export function request(line: string, headers: readonly string[], body: string | Buffer = ''): Buffer {
  const length = Buffer.byteLength(body) > 0 ? [`Content-Length: ${Buffer.byteLength(body)}`] : []
  const lines = [line, ...headers, ...length, 'Connection: close', '', '']
  return Buffer.concat([toBytes(lines.join('\r\n')), typeof body === 'string' ? Buffer.from(body) : body])
}

/** One character, one byte. */
function toBytes(piece: string | Buffer): Buffer {
  return typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece
}

function parseAnswers(bytes: Buffer, head: boolean): readonly Answer[] {
  const answers: Answer[] = []
  let rest = bytes.toString('latin1')
  while (rest !== '') {
    const end = rest.indexOf('\r\n\r\n')
    const [line = '', ...lines] = rest.slice(0, end).split('\r\n')
    const status = Number(/^HTTP\/1\.1 ([1-5][0-9]{2}) /.exec(line)?.[1])
    if (end === -1 || Number.isNaN(status)) throw new Error(`no HTTP answer: ${rest.slice(0, 200)}`)
    const headers = new Map<string, string[]>()
    for (const text of lines) {
      const [, name = '', value = ''] = /^([^:\s]+): ?(.*)$/.exec(text) ?? []
      headers.set(name.toLowerCase(), [...(headers.get(name.toLowerCase()) ?? []), value])
    }
    const bodiless = head || status < 200 || status === 304
    const size = bodiless ? 0 : Number(headers.get('content-length')?.[0] ?? 0)
    const start = end + 4
    if (rest.length < start + size) throw new Error(`an answer cut short: ${rest.slice(0, 200)}`)
    answers.push({
      status,
      head: rest.slice(0, end),
      headers,
      body: Buffer.from(rest.slice(start, start + size), 'latin1').toString(),
    })
    rest = rest.slice(start + size)
  }
  return answers
}

/** So many at a time: all of them at once would overrun the backlog of the listener. */
export async function pooled<Item>(
  items: Iterable<Item>,
  work: (item: Item) => Promise<void>,
  size = 32,
): Promise<void> {
  const queue = items[Symbol.iterator]()
  const worker = async () => {
    for (let next = queue.next(); next.done !== true; next = queue.next()) await work(next.value)
  }
  await Promise.all(Array.from({ length: size }, worker))
}
