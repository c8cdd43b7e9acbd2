/** The two messages of a smuggling: one in the open, for `acme`, and one for `rival` that hides behind its frame. */
import type { Frame } from './frames.ts'
import { NOBODY } from './proxied-world.ts'

const FORM = 'Content-Type: application/x-www-form-urlencoded'

/** Whole, and with a form that gets a token where it is taken for a request. */
export function plantedRequest(form: string): string {
  return [
    'POST /rival/orders/oauth2/token HTTP/1.1',
    'Host: rival.eu.token.example',
    FORM,
    `X-Forwarded-For: ${NOBODY}`,
    'X-Request-Id: planted',
    `Content-Length: ${form.length}`,
    '',
    form,
  ].join('\r\n')
}

export function smuggling([, headers, body]: Frame): string {
  const line = 'POST /acme/orders/oauth2/token HTTP/1.1'
  return [line, 'Host: acme.eu.token.example', FORM, ...headers, '', body].join('\r\n')
}
