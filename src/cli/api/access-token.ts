/** Access tokens of a client (RFC 6749 §4.4), one for each API, kept in memory until shortly before they end. */
import { EXIT, CommandFault } from '../exit-code.ts'
import { plainLine } from '../plain.ts'
import type { Http } from './http.ts'

export type Client = { readonly clientId: string; readonly clientSecret: string }
export type Granted = { readonly token: string; readonly expiresIn: number; readonly scope: string }
export type TokenRequest = { readonly scope?: string | undefined; readonly resource?: readonly string[] }

/** Seconds before its end that a token is used no more. */
const MARGIN = 30

/** @throws CommandFault with what the token endpoint says, and what can be done about it */
export async function askForToken(
  http: Http,
  endpoint: string,
  { clientId, clientSecret }: Client,
  { scope, resource = [] }: TokenRequest = {},
): Promise<Granted> {
  const body = new URLSearchParams([
    ['grant_type', 'client_credentials'],
    ...(scope === undefined ? [] : [['scope', scope] as [string, string]]),
    ...resource.map((one): [string, string] => ['resource', one]),
  ])
  // §2.3.1: both are encoded as a form would, before base64.
  const basic = [clientId, clientSecret].map((part) => encodeURIComponent(part)).join(':')
  const {
    status,
    headers,
    body: answer,
  } = await http.send(endpoint, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/x-www-form-urlencoded',
      Authorization: `Basic ${Buffer.from(basic).toString('base64')}`,
    },
    body: body.toString(),
  })
  const read = readJson(await answer.text())
  if (status === 200 && typeof read.access_token === 'string')
    return {
      token: read.access_token,
      expiresIn: Number(read.expires_in ?? 0),
      scope: read.scope ?? scope ?? '',
    }
  throw refused(endpoint, status, read, headers['retry-after'])
}

export function accessTokens(http: Http, endpoint: string, client: Client) {
  const held = new Map<string, { readonly token: string; readonly until: number }>()
  return {
    /** @param audience the API's own name */
    async of(audience: string): Promise<string> {
      const one = held.get(audience)
      if (one !== undefined && one.until > performance.now()) return one.token
      const { token, expiresIn } = await askForToken(http, endpoint, client, { resource: [audience] })
      held.set(audience, { token, until: performance.now() + (expiresIn - MARGIN) * 1000 })
      return token
    },
    forget: (audience: string) => void held.delete(audience),
  }
}

type Refusal = Readonly<Record<string, string | undefined>>

function readJson(text: string): Refusal {
  try {
    return Object(JSON.parse(text)) as Refusal
  } catch {
    return {}
  }
}

function refused(
  endpoint: string,
  status: number,
  refusal: Refusal,
  retryAfter: string | undefined,
): CommandFault {
  const said = plainLine(refusal.error_description ?? refusal.error ?? 'no reason given')
  const code = plainLine(refusal.error ?? String(status))
  if (code === 'invalid_client')
    return new CommandFault(
      EXIT.notAllowed,
      `${endpoint} does not accept this client id and secret: ${said}.`,
    )
  if (status === 404)
    return new CommandFault(
      EXIT.notFound,
      `There is no workspace at ${endpoint}: compare it with what was shown when it was made.`,
    )
  if (status === 421)
    return new CommandFault(
      EXIT.notFound,
      `The server behind ${endpoint} does not serve the region of this host.`,
    )
  if (status === 429 || status >= 500) {
    const when = retryAfter === undefined ? 'later' : `in ${plainLine(retryAfter)} s`
    return new CommandFault(
      EXIT.unavailable,
      `${endpoint} gives no token now (${status}: ${said}): try again ${when}.`,
    )
  }
  return new CommandFault(EXIT.refused, `${endpoint} gives no token (${code}): ${said}.`)
}
