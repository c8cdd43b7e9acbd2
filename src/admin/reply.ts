/** Replies of administration: what a route shows, with its entity tag, as it was preferred. */
import type { Reply } from '../exchange.ts'
import { entityTag } from './make-change.ts'
import type { AdminRoute, Shown } from './route.ts'

export const NDJSON = 'application/x-ndjson'

export function reply(
  route: AdminRoute,
  { status, body, tag, location, headers, text, stream, holdsSecret = false }: Shown,
  prefix: string,
  minimal: boolean,
  confirmed: Readonly<Record<string, string>>,
): Reply {
  const own = {
    'Cache-Control': 'no-store',
    ...(location !== undefined && { Location: prefix + location }),
    ...headers,
    ...confirmed,
  }
  if (text !== undefined)
    return { status: 200, headers: { ...own, 'Content-Type': text.type }, body: text.value }
  if (stream !== undefined)
    return { status: 200, headers: { ...own, 'Content-Type': NDJSON }, body: '', stream: stream.lines }
  if (body === undefined) return { status: status ?? 204, headers: own, body: '' }
  const isPreview = 'dry_run' in body
  // Lists have none: what they hold has each its own.
  const tagged = isPreview || holdsSecret || 'items' in body ? own : { ...own, ETag: entityTag(tag ?? body) }
  // A secret is never left out: it is shown this once.
  if (minimal && !holdsSecret && !isPreview)
    return { status: 204, headers: { ...tagged, 'Preference-Applied': 'return=minimal' }, body: '' }
  return {
    status: status ?? (route.method === 'POST' ? 201 : 200),
    headers: { ...tagged, 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  }
}
