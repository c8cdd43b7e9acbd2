/** What an authorization server says of itself (RFC 8414, OpenID Connect Discovery), and the keys that it publishes. */
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet, type JWTVerifyResult } from 'jose'
import { CommandFault, EXIT } from '../exit-code.ts'
import { plainLine } from '../plain.ts'
import type { Http } from './http.ts'

export type Metadata = { readonly issuer: string; readonly token_endpoint: string; readonly jwks_uri: string }
export type Document = { readonly status: number; readonly body: Readonly<Record<string, unknown>> }

const TOKEN_PATH = /\/oauth2\/token$/

/** @param text an issuer, or a token endpoint of Regent's */
export function issuerOf(text: string): string {
  if (URL.canParse(text)) return text.replace(/\/$/, '').replace(TOKEN_PATH, '')
  throw new CommandFault(
    EXIT.usage,
    'Name a token endpoint or an issuer, as in https://acme.eu.authz.example.com/acme/shop.',
  )
}

export async function readDocument(http: Http, url: string): Promise<Document> {
  const { status, body } = await http.send(url, { method: 'GET', headers: { Accept: 'application/json' } })
  const text = await body.text()
  try {
    return { status, body: Object(JSON.parse(text)) as Record<string, unknown> }
  } catch {
    return { status, body: {} }
  }
}

export const metadataUrl = (issuer: string): string => `${issuer}/.well-known/openid-configuration`

/** @throws CommandFault where there is none, and where it is another issuer's (RFC 8414 §3.3) */
export async function requireMetadata(http: Http, issuer: string): Promise<Metadata> {
  const { status, body } = await readDocument(http, metadataUrl(issuer))
  if (status !== 200)
    throw new CommandFault(
      status === 404 || status === 421 ? EXIT.notFound : EXIT.unavailable,
      `${metadataUrl(issuer)} answers ${status}: nothing issues tokens there. regent explain ${issuer} says more.`,
    )
  const { issuer: own, token_endpoint: tokenEndpoint, jwks_uri: jwksUri } = body
  if (own !== issuer || typeof tokenEndpoint !== 'string' || typeof jwksUri !== 'string')
    throw new CommandFault(
      EXIT.refused,
      plainLine(
        `The metadata at ${issuer} is that of ${JSON.stringify(own)}: it is not believed (RFC 8414 §3.3).`,
      ),
    )
  if (new URL(tokenEndpoint).origin !== new URL(issuer).origin)
    throw new CommandFault(
      EXIT.refused,
      plainLine(
        `The token endpoint of ${issuer} is on another host, ${tokenEndpoint}: name it yourself if it is meant.`,
      ),
    )
  return { issuer, token_endpoint: tokenEndpoint, jwks_uri: jwksUri }
}

/** With the keys that the issuer publishes now. @throws CommandFault where they do not fit */
export async function verifyToken(
  http: Http,
  { issuer, jwks_uri: jwksUri }: Metadata,
  token: string,
): Promise<JWTVerifyResult> {
  const { body } = await readDocument(http, jwksUri)
  try {
    return await jwtVerify(token, createLocalJWKSet(body as unknown as JSONWebKeySet), { issuer })
  } catch (cause) {
    throw new CommandFault(
      EXIT.refused,
      plainLine(
        `A token was issued, and an API would refuse it: it does not verify with ${jwksUri} (${(cause as Error).message}).`,
      ),
      { cause },
    )
  }
}
