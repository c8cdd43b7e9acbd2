/** A refusal as the client sees it and as the operator sees it, in one value. */
import type { World } from '../support/world.ts'
import type { Answer } from './raw.ts'

/** @returns `404 invalid_request unknown_address`; fails where the answer is not what every refusal is */
export function readRefusal(world: World, answer: Answer): string {
  const { status, headers, body } = answer
  const [requestId = ''] = headers.get('x-request-id') ?? []
  expect(requestId).toMatch(/^[A-Za-z0-9._-]{1,64}$/)
  const seen = world.seen.filter(
    (observation) => observation.type === 'request_refused' && observation.requestId === requestId,
  )
  expect(seen).toEqual([expect.objectContaining({ status, peer: '127.0.0.1' })])
  const [observation] = seen
  if (observation?.type !== 'request_refused') throw new Error('nothing was observed')

  expectShape(answer, observation.code)
  expect((JSON.parse(body) as { error_description: string }).error_description).toContain(
    `(request ${requestId})`,
  )
  return `${status} ${observation.code} ${observation.reason}`
}

/** RFC 6749 §5.2, whatever was refused and wherever. */
export function expectShape({ status, headers, body }: Answer, code?: string): void {
  expect(status).toBeGreaterThanOrEqual(400)
  expect(status).toBeLessThan(500)
  expect(headers.get('content-type')).toEqual(['application/json'])
  expect(headers.get('cache-control')).toEqual(['no-store'])
  expect(headers.get('pragma')).toEqual(['no-cache'])
  expect(headers.get('x-request-id')).toHaveLength(1)
  expect(headers.get('date')).toHaveLength(1) // RFC 9110 §6.6.1
  const json = JSON.parse(body) as { error: string; error_description: string }
  expect(Object.keys(json)).toEqual(['error', 'error_description'])
  expect(json.error).toMatch(/^[a-z_]+$/)
  if (code !== undefined) expect(json.error).toBe(code)
  // §5.2: %x20-21 / %x23-5B / %x5D-7E, which is ASCII without quote and backslash.
  expect(json.error_description).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/)
}

/** The bytes of an answer, but for what differs from one request to the next. */
export function comparable({ head, headers, body }: Answer): string {
  const [requestId = 'none'] = headers.get('x-request-id') ?? []
  return `${head.replace(/^Date: .*$/m, 'Date: DATE')}\r\n\r\n${body}`.replaceAll(requestId, 'ID')
}
