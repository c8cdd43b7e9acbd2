/** Authorization server metadata, RFC 8414: where the keys of an issuer are. */
import { fetchDocument } from './fetch-document.ts'

/** Returns the issuer's `jwks_uri`. */
export async function discoverJwksUri(issuer: string, fetch: typeof globalThis.fetch): Promise<string> {
  const { value } = await fetchDocument(printMetadataUrl(issuer), fetch)
  // §3.3: the document's issuer "MUST be identical to the authorization server's issuer identifier".
  if (value['issuer'] !== issuer) {
    throw new Error('its metadata names another issuer')
  }
  const jwksUri = value['jwks_uri']
  if (typeof jwksUri !== 'string' || !mayHoldKeys(jwksUri, issuer)) {
    throw new Error('its metadata names no usable jwks_uri')
  }
  return jwksUri
}

/** §3.1: the well-known path stands between host and path of the issuer, whose last slash is dropped. */
function printMetadataUrl(issuer: string): string {
  const { origin, pathname } = new URL(issuer)
  return `${origin}/.well-known/oauth-authorization-server${pathname.replace(/\/$/, '')}`
}

/** §2: `jwks_uri` is https; http is for issuers that have no better themselves, as on a developer's machine. */
function mayHoldKeys(jwksUri: string, issuer: string): boolean {
  const protocol = URL.canParse(jwksUri) ? new URL(jwksUri).protocol : undefined
  return protocol === 'https:' || (protocol === 'http:' && new URL(issuer).protocol === 'http:')
}
