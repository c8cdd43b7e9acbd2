/**
 * Refusals for people: who asks from a browser is told on a page what machines are told in JSON, and no more. Decided by what
 * was asked for (RFC 9110 §12.5.1), when it has been refused.
 */
import Negotiator from 'negotiator'
import type { Reply } from '../exchange.ts'
import type { PrintPage } from './layout.ts'

export type Asked = {
  readonly method: string
  /** Undefined: it was not sent. */
  readonly accept: string | undefined
  /** Whether it carried an Authorization header: browsers that follow a link send none. */
  readonly authorized: boolean
  readonly requestId: string
}

const HEADINGS: Readonly<Partial<Record<number, string>>> = {
  400: 'This cannot be read',
  404: 'Nothing is here',
  405: 'Not to be opened in a browser',
  421: 'Another server’s region',
}

export const REFUSAL = `
<h1><%= it.title %></h1>
<p class="lead"><%= it.sentence %></p>
<p><a href="/">What this host is</a>, and how to get a token from it.</p>
<dl>
<dt>Status</dt>
<dd><code><%= it.status %></code></dd>
<dt>Request, for whoever operates this server</dt>
<dd><code><%= it.requestId %></code></dd>
</dl>
`

/** More than any browser sends; and to read it costs the square of its length. */
const LONGEST_ACCEPT = 500

/** @returns the refusal as it is, but for those who look at a page in its place */
export function refusalFor(refusal: Reply, asked: Asked, print: PrintPage): Reply {
  const { status, headers, body, reason } = refusal
  const title = HEADINGS[status]
  const looks = asked.method === 'GET' || asked.method === 'HEAD'
  if (title === undefined || !looks || asked.authorized) return refusal
  // §12.5.5. Nobody may keep either; what keeps them all the same should know.
  const varied = { ...headers, Vary: 'Accept' }
  if (!prefersPage(asked.accept, headers['Content-Type'] ?? '')) return { ...refusal, headers: varied }
  return {
    status,
    headers: { ...varied, 'Content-Type': 'text/html; charset=utf-8' },
    body: print('refusal', { title, sentence: sentenceOf(body), status, requestId: asked.requestId }),
    page: true,
    ...(reason !== undefined && { reason }),
  }
}

function prefersPage(accept: string | undefined, type: string): boolean {
  if (accept === undefined || accept.length > LONGEST_ACCEPT) return false
  const [preferred] = new Negotiator({ headers: { accept } }).mediaTypes([
    type,
    'application/json',
    'text/html',
  ])
  return preferred === 'text/html'
}

/** What the JSON says, whichever of our shapes it has, without the request's id, which stands on a line of its own. */
function sentenceOf(body: Reply['body']): string {
  const { error_description: description, detail } = JSON.parse(String(body)) as Readonly<
    Record<string, string>
  >
  const sentence = (description ?? detail ?? '').replace(/ \(request [^)]*\)$/, '')
  return `${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}.`
}
