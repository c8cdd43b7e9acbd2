/** Request lines and Host headers that could name two places, or none (RFC 9112 §3.2), and headers that claim another. */
import { GRANTED, HOST_COUNT, MALFORMED, TARGET_SYNTAX, UNKNOWN } from './outcomes.ts'

const path = '/acme/orders/oauth2/token'
const host = 'Host: acme.eu.token.example'

export const HEADS: readonly (readonly [
  name: string,
  line: string,
  headers: readonly string[],
  expected: string,
])[] = [
  ['one Host', `POST ${path} HTTP/1.1`, [host], GRANTED],
  ['one Host, HTTP/1.0', `POST ${path} HTTP/1.0`, [host], GRANTED],
  ['HOST', `POST ${path} HTTP/1.1`, [host.replace('Host', 'HOST')], GRANTED],
  ['two Hosts', `POST ${path} HTTP/1.1`, [host, 'Host: rival.eu.token.example'], HOST_COUNT],
  ['two Hosts, ours second', `POST ${path} HTTP/1.1`, ['Host: rival.eu.token.example', host], HOST_COUNT],
  ['two equal Hosts', `POST ${path} HTTP/1.1`, [host, host], HOST_COUNT],
  ['two Hosts of different case', `POST ${path} HTTP/1.1`, [host, host.toUpperCase()], HOST_COUNT],
  ['two Hosts, one empty', `POST ${path} HTTP/1.1`, [host, 'Host:'], HOST_COUNT],
  ['no Host', `POST ${path} HTTP/1.1`, [], HOST_COUNT],
  ['no Host, HTTP/1.0', `POST ${path} HTTP/1.0`, [], HOST_COUNT],
  [
    'a Host with a space before the colon',
    `POST ${path} HTTP/1.1`,
    ['Host : acme.eu.token.example'],
    MALFORMED,
  ],
  ['a folded Host (§5.2)', `POST ${path} HTTP/1.1`, ['Host: acme.eu', ' .token.example'], MALFORMED],
  ['an absolute target', `POST https://acme.eu.token.example${path} HTTP/1.1`, [host], TARGET_SYNTAX],
  ['an absolute target of another host', `POST http://evil.example${path} HTTP/1.1`, [host], TARGET_SYNTAX],
  ['an absolute target and no Host', `POST https://acme.eu.token.example${path} HTTP/1.1`, [], HOST_COUNT],
  ['an authority for a target', 'POST acme.eu.token.example:443 HTTP/1.1', [host], MALFORMED],
  ['an asterisk for a target', 'OPTIONS * HTTP/1.1', [host], TARGET_SYNTAX],
  ['a target that begins like an authority', `POST //acme.eu.token.example${path} HTTP/1.1`, [host], UNKNOWN],
  ['a target without a slash', `POST ${path.slice(1)} HTTP/1.1`, [host], MALFORMED],
  ['no target', 'POST  HTTP/1.1', [host], MALFORMED],
]

/** Each names another tenant, method, port or caller than the request itself. */
export const LIES: readonly string[] = [
  'X-Forwarded-Host: rival.eu.token.example',
  'Forwarded: for=192.0.2.1;host=rival.eu.token.example;proto=http',
  'X-Original-URL: /rival/orders/oauth2/token',
  'X-Rewrite-URL: /rival/orders/oauth2/token',
  'X-HTTP-Method-Override: GET',
  'X-Forwarded-Proto: http',
  'X-Forwarded-Port: 8443',
  'X-Forwarded-Prefix: /rival',
  'X-Forwarded-Server: rival.eu.token.example',
  'X-Host: rival.eu.token.example',
  'X-Original-Host: rival.eu.token.example',
  'X-Forwarded-For: 192.0.2.1',
  'Via: 1.1 rival.eu.token.example',
  'Origin: https://rival.eu.token.example',
  'Referer: https://rival.eu.token.example/rival/orders',
]
