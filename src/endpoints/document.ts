/**
 * Public documents: anybody may fetch and cache them, from any origin. RFC 9110 §8.8.3 and §13.1.2 for the ETag. Each is made
 * once for a workspace as it is known, and kept as bytes for as long as that is.
 */
import { createHash } from 'node:crypto'
import type { KnownWorkspace } from '../directory/known-workspace.ts'
import type { Reply } from '../exchange.ts'
import type { WorkspaceQuestion } from './workspace-endpoint.ts'

export const DOCUMENT_METHODS = ['GET', 'HEAD'] as const

type Document = { readonly body: Buffer; readonly etag: string }

const made = new WeakMap<KnownWorkspace, Map<string, Document>>()

export function documentReply(
  { address, headers: asked }: WorkspaceQuestion,
  workspace: KnownWorkspace,
  make: () => object,
): Reply {
  const { body, etag } = findDocument(workspace, address.path, make)
  const headers = {
    'Access-Control-Allow-Origin': '*',
    'Cache-Control': `public, max-age=${workspace.jwksMaxAge}`,
    ETag: etag,
  }
  const known = asked('if-none-match').flatMap((value) => value.split(',').map((tag) => tag.trim()))
  if (known.some((tag) => tag === '*' || tag.replace(/^W\//, '') === etag))
    return { status: 304, headers, body: '' }
  return { status: 200, headers: { 'Content-Type': 'application/json', ...headers }, body }
}

function findDocument(workspace: KnownWorkspace, path: string, make: () => object): Document {
  const documents = made.get(workspace) ?? new Map<string, Document>()
  made.set(workspace, documents)
  const known = documents.get(path)
  if (known !== undefined) return known
  const body = Buffer.from(JSON.stringify(make()))
  const document = { body, etag: `"${createHash('sha256').update(body).digest('base64url')}"` }
  documents.set(path, document)
  return document
}
