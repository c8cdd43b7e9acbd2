/**
 * Fetches one JSON document of the authorization server, within limits: no redirect, five seconds, 256 KiB.
 * Failures are errors with literal messages, since API callers get to read them.
 */
const MAX_BYTES = 256 * 1024
const MAX_MILLISECONDS = 5000

type Document = { value: Record<string, unknown>; headers: Headers }

export async function fetchDocument(url: string, fetch: typeof globalThis.fetch): Promise<Document> {
  const signal = AbortSignal.timeout(MAX_MILLISECONDS)
  const headers = { Accept: 'application/json' }
  // `async`: a given fetch that throws at once must not get its own words into an answer.
  const ask = async () => fetch(url, { headers, redirect: 'error', signal })
  const response = await ask().catch((cause: unknown) => {
    throw new Error('it cannot be reached, redirects, or answers too slowly', { cause })
  })
  if (response.status !== 200) {
    await response.body?.cancel()
    throw new Error('it answers with a status other than 200')
  }
  return { value: parseObject(await readBody(response)), headers: response.headers }
}

async function readBody(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for await (const chunk of response.body ?? []) {
      size += chunk.byteLength
      if (size > MAX_BYTES) {
        break // leaving the loop cancels the body
      }
      chunks.push(chunk)
    }
  } catch (cause) {
    throw new Error('its answer breaks off, or comes too slowly', { cause })
  }
  if (size > MAX_BYTES) {
    throw new Error('its answer is too large')
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parseObject(text: string): Record<string, unknown> {
  const value = parseJson(text)
  if (!isObject(value)) {
    throw new Error('its answer is not a JSON object')
  }
  return value
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new Error('its answer is not JSON', { cause })
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
