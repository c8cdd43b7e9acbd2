/** A refusal as the client sees it and as the operator sees it, in one value. */
import type { World } from '../support/world.ts'
import type { Answer } from './raw.ts'

/**
 * @param peer whom the operator sees, or what Jest knows of them
 * @returns `404 invalid_request unknown_address`; fails where the answer is not what every refusal is
 */
export function readRefusal(world: World, answer: Answer, peer: unknown = '127.0.0.1'): string {
  const { status, headers, body } = answer
  const [requestId = ''] = headers.get('x-request-id') ?? []
  expect(requestId).toMatch(/^[A-Za-z0-9._-]{1,64}$/)
  const seen = world.seen.filter(
    (observation) => observation.type === 'request_refused' && observation.requestId === requestId,
  )
  expect(seen).toEqual([expect.objectContaining({ status, peer })])
  const [observation] = seen
  if (observation?.type !== 'request_refused') throw new Error('nothing was observed')

  expect(shapeFaults(answer)).toEqual([])
  expect(JSON.parse(body)).toEqual({
    error: observation.code,
    error_description: expect.stringContaining(`(request ${requestId})`),
  })
  return `${status} ${observation.code} ${observation.reason}`
}

/**
 * RFC 6749 §5.2, whatever was refused and wherever.
 * @param head the refusal of HEAD, whose body nobody sees
 * @returns what is wrong with it; without the tools of a test, since thousands are looked at
 */
export function shapeFaults({ status, headers, body }: Answer, head = false): readonly string[] {
  const isOne = (name: string, value?: string) => {
    const values = headers.get(name) ?? []
    return values.length === 1 && (value === undefined || values[0] === value)
  }
  const { error, error_description: description, ...more } = head ? HEAD_BODY : parseObject(body)
  const rules: Readonly<Record<string, boolean>> = {
    'a status of refusals': status >= 400 && status < 500,
    JSON: isOne('content-type', 'application/json'),
    'Cache-Control: no-store': isOne('cache-control', 'no-store'),
    'Pragma: no-cache': isOne('pragma', 'no-cache'),
    'X-Request-Id': isOne('x-request-id'),
    'Date (RFC 9110 §6.6.1)': isOne('date'),
    'the length of its body': isOne('content-length'),
    'a code': typeof error === 'string' && /^[a-z_]+$/.test(error),
    // %x20-21 / %x23-5B / %x5D-7E, which is ASCII without quote and backslash.
    'a description in its alphabet':
      typeof description === 'string' && /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/.test(description),
    'nothing else': Object.keys(more).length === 0,
  }
  return Object.keys(rules).filter((rule) => rules[rule] !== true)
}

const HEAD_BODY = { error: 'none', error_description: 'none' }

function parseObject(body: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(body) as Record<string, unknown>
  } catch {
    return {}
  }
}

/** The bytes of an answer, but for what differs from one request to the next. */
export function comparable({ head, headers, body }: Answer): string {
  const [requestId = 'none'] = headers.get('x-request-id') ?? []
  return `${head.replace(/^Date: .*$/m, 'Date: DATE')}\r\n\r\n${body}`.replaceAll(requestId, 'ID')
}
