/** Looks at pages as browsers do, and says what is wrong with one. */
import { createHash } from 'node:crypto'
import { ask, request, type Answer } from '../server/raw.ts'
import type { World } from '../support/world.ts'

/** What Chromium, Firefox and Safari send when somebody opens a URL. */
export const BROWSERS: readonly string[] = [
  'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7',
  'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
]
export const BROWSER = `Accept: ${BROWSERS[0]}`

export function look(
  world: Pick<World, 'port'>,
  host: string,
  target = '/',
  headers: readonly string[] = [BROWSER],
  method = 'GET',
): Promise<Answer> {
  const bytes = request(`${method} ${target} HTTP/1.1`, [`Host: ${host}`, ...headers])
  return ask(world.port, bytes, { head: method === 'HEAD' })
}

/** @returns what is in each element of the name, its text as a reader sees it */
export function textsOf(html: string, element: string): readonly string[] {
  return [...html.matchAll(new RegExp(`<${element}(?: [^>]*)?>(.*?)</${element}>`, 'gs'))].map(
    ([, inner = '']) => textOf(inner),
  )
}

export function textOf(html: string): string {
  return html
    .replaceAll(/<[^>]*>/g, '')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&')
}

const VOID = ['meta', 'link', 'br', 'hr', 'img', 'input']

/** What must hold of every page: for browsers, for readers of screens, and against whoever would put something in it. */
export function pageFaults({ headers, body }: Answer): readonly string[] {
  const is = (name: string, value: string) => headers.get(name)?.join() === value
  const [, style = ''] = /<style>(.*?)<\/style>/s.exec(body) ?? []
  const digest = createHash('sha256').update(style).digest('base64')
  const count = (pattern: RegExp) => body.match(pattern)?.length ?? 0
  const rules: Readonly<Record<string, boolean>> = {
    'its type': is('content-type', 'text/html; charset=utf-8'),
    'its policy': is(
      'content-security-policy',
      `default-src 'none';style-src 'sha256-${digest}';base-uri 'none';form-action 'none';frame-ancestors 'none'`,
    ),
    nosniff: is('x-content-type-options', 'nosniff'),
    'no referrer': is('referrer-policy', 'no-referrer'),
    'no cookie': !headers.has('set-cookie'),
    'nothing of another origin, no script, no style beside the one':
      !/<script|<img|<link|<iframe|<form|\son\w+=|\sstyle=|javascript:/i.test(body),
    'links within the host': [...body.matchAll(/(?:href|src)="([^"]*)"/g)].every(([, url = '']) =>
      /^(?:\/(?!\/)|#)/.test(url),
    ),
    'a language': body.startsWith('<!doctype html>\n<html lang="en">'),
    'one title': count(/<title>[^<]+<\/title>/g) === 1,
    'one heading of the first level': count(/<h1[ >]/g) === 1,
    landmarks: ['header', 'main', 'footer'].every((name) => count(new RegExp(`<${name}[ >]`, 'g')) === 1),
    'navigation that has a name': count(/<nav[ >]/g) > 0 && count(/<nav(?! aria-label=)/g) === 0,
    'links within the page that lead somewhere': [...body.matchAll(/href="#([^"]*)"/g)].every(([, id = '']) =>
      idsOf(body).includes(id),
    ),
    'elements that end in order': unbalanced(body) === undefined,
    'an id once': new Set(idsOf(body)).size === idsOf(body).length,
    'nothing left out': !/undefined|\[object|NaN|<%/.test(body),
  }
  return Object.keys(rules).filter((rule) => rules[rule] !== true)
}

export function idsOf(html: string): readonly string[] {
  return [...html.matchAll(/\sid="([^"]*)"/g)].map(([, id = '']) => id)
}

function unbalanced(html: string): string | undefined {
  const open: string[] = []
  for (const [, end, name = ''] of html.matchAll(/<(\/?)([a-z][a-z0-9]*)[^>]*>/g)) {
    if (VOID.includes(name)) continue
    if (end === '') open.push(name)
    else if (open.pop() !== name) return name
  }
  return open[0]
}
