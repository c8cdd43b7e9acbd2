/** Public documents: anybody may fetch and cache them, from any origin. RFC 9110 §8.8.3 and §13.1.2 for the ETag. */
import { createHash } from 'node:crypto'
import type { Reply } from '../exchange.ts'
import type { WorkspaceQuestion } from './workspace-endpoint.ts'

export const DOCUMENT_METHODS = ['GET', 'HEAD'] as const

/** @param maxAge seconds */
export function documentReply(
  { headers: asked }: WorkspaceQuestion,
  document: object,
  maxAge: number,
): Reply {
  const body = JSON.stringify(document)
  const etag = `"${createHash('sha256').update(body).digest('base64url')}"`
  const headers = {
    'Access-Control-Allow-Origin': '*',
    'Cache-Control': `public, max-age=${maxAge}`,
    ETag: etag,
  }
  const known = asked('if-none-match').flatMap((value) => value.split(',').map((tag) => tag.trim()))
  if (known.some((tag) => tag === '*' || tag.replace(/^W\//, '') === etag))
    return { status: 304, headers, body: '' }
  return { status: 200, headers: { 'Content-Type': 'application/json', ...headers }, body }
}
