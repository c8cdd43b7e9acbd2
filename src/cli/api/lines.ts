/** Lines of an answer that is read as it comes (NDJSON). */
import type { Readable } from 'node:stream'

/**
 * Ends where the answer ends, or breaks off: whoever reads knows by its last line whether that was all of it. Who has read enough may
 * leave the rest.
 */
export async function* linesOf(body: Readable): AsyncGenerator<string> {
  // What is left unread is cut off when its connection is closed, which is nobody's fault.
  body.setEncoding('utf8').on('error', () => {})
  let begun = ''
  try {
    for await (const part of body as AsyncIterable<string>) {
      const lines = (begun + part).split('\n')
      begun = lines.pop() ?? ''
      yield* lines
    }
  } catch {
    // Broken off: a line that was only begun is none.
  }
}
