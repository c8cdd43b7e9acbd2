/** Reads a request's body, bounded: nobody makes a node hold more than 16 KiB for a request. */
import type { IncomingMessage } from 'node:http'
import { OAuthError } from '../oauth/error.ts'

export const MAX_BODY_BYTES = 16 * 1024

/**
 * @returns undefined when the caller went away, or was refused, before its request was complete
 * @throws OAuthError 413; the rest of the body is then not read, and the connection is to be closed
 */
export async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) throw tooLarge()
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > MAX_BODY_BYTES) {
        request.pause()
        reject(tooLarge())
      } else chunks.push(chunk)
    })
    request.on('end', () => resolve(Buffer.concat(chunks)))
    request.on('close', () => resolve(undefined))
    request.on('error', () => resolve(undefined))
  })
}

function tooLarge(): OAuthError {
  return new OAuthError(
    'invalid_request',
    'body_too_large',
    `the body may have at most ${MAX_BODY_BYTES} bytes`,
    {
      status: 413,
      headers: { Connection: 'close' },
    },
  )
}
