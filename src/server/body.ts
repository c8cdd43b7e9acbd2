/** Reads a request's body, bounded: nobody makes a node hold more than 16 KiB for a request, or 256 KiB to administer. */
import type { IncomingMessage } from 'node:http'
import { OAuthError } from '../oauth/error.ts'

export const MAX_BODY_BYTES = 16 * 1024
/**
 * RFC 9112 §9.6: a connection that is closed while its caller still sends is reset, and the answer may be lost on the way,
 * to a proxy for one. So much of a body that is too large is taken and thrown away, for so many milliseconds, before.
 */
const MAX_THROWN_AWAY = 128 * 1024
const PATIENCE = 500
const NOTHING = Buffer.alloc(0)

/**
 * @param most bytes that it may have
 * @returns undefined when the caller went away, or was refused, before its request was complete
 * @throws OAuthError 413; what is left of the body is then not read, and the connection is to be closed
 */
export async function readBody(request: IncomingMessage, most = MAX_BODY_BYTES): Promise<Buffer | undefined> {
  const declared = Number(request.headers['content-length'] ?? 0)
  const mostTaken = Math.max(MAX_THROWN_AWAY, 2 * most)
  if (declared > mostTaken) throw tooLarge(most)
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    let late: NodeJS.Timeout | undefined
    const refuse = () => {
      clearTimeout(late)
      request.pause()
      reject(tooLarge(most))
    }
    if (declared > most) late = setTimeout(refuse, PATIENCE)
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= most) chunks.push(chunk)
      else {
        chunks.length = 0
        late ??= setTimeout(refuse, PATIENCE)
        if (size > mostTaken) refuse()
      }
    })
    request.on('end', () => {
      const [first = NOTHING, ...rest] = chunks
      if (size > most) refuse()
      else resolve(rest.length === 0 ? first : Buffer.concat(chunks))
    })
    const gone = () => {
      clearTimeout(late)
      resolve(undefined)
    }
    request.on('close', gone)
    request.on('error', gone)
  })
}

/**
 * A body as it comes, for who may send a large one; whoever takes no more of it lets the rest come, and go.
 * @param most bytes that it may have
 * @throws OAuthError 413
 */
export async function* arrivingBody(request: IncomingMessage, most: number): AsyncGenerator<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > most) throw tooLarge(most)
  let size = 0
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      size += (chunk as Buffer).length
      if (size > most) throw tooLarge(most)
      yield chunk as Buffer
    }
  } finally {
    request.resume()
  }
}

function tooLarge(most: number): OAuthError {
  return new OAuthError('invalid_request', 'body_too_large', `the body may have at most ${most} bytes`, {
    status: 413,
    headers: { Connection: 'close' },
  })
}
