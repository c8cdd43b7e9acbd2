import type { Answer } from './raw.ts'

/** The issuer that a token or a document names. */
export function issuerOf({ body }: Answer): string | undefined {
  const { access_token: token, issuer } = JSON.parse(body) as { access_token?: string; issuer?: string }
  if (token === undefined) return issuer
  const claims = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()
  return (JSON.parse(claims) as { iss: string }).iss
}
