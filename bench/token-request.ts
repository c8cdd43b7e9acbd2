/** The request for a token, as bytes, and what it asks for. */

export const RESOURCE = 'https://api.example'
export const SCOPE = 'read'

/** The same form for all that are measured. */
export function tokenRequest({ host, pathname }: URL, clientId: string, secret: string): string {
  const form = {
    grant_type: 'client_credentials',
    client_id: clientId,
    client_secret: secret,
    scope: SCOPE,
    resource: RESOURCE,
  }
  const body = new URLSearchParams(form).toString()
  return [
    `POST ${pathname}/oauth2/token HTTP/1.1`,
    `Host: ${host}`,
    'Content-Type: application/x-www-form-urlencoded',
    `Content-Length: ${body.length}`,
    '',
    body,
  ].join('\r\n')
}
