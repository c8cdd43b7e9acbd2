/** The quickstart's tour: asks for a token, shows what is in it, and calls an API without and with it. */
import { decodeJwt, decodeProtectedHeader } from 'jose'
import type { DemoClient } from './demo.ts'
import { say } from './print.ts'

/** @param first whose token is asked for; it may call `apiUrl` */
export async function showTour(
  clients: readonly DemoClient[],
  first: DemoClient,
  apiUrl: string,
): Promise<void> {
  say('\nRegent is running. Each tenant below has its own issuer, keys and clients:\n')
  for (const { issuer } of clients) say(`  ${issuer}`)
  say(`\nWhat a host is, it says itself: open ${new URL('/', first.issuer).href} in a browser.`)

  say('\n1. A machine asks for a token. Paste this to do it yourself:\n')
  say(indent(curlFor(first)))
  const response = await fetch(`${first.issuer}/oauth2/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: first.clientId,
      client_secret: first.secret,
    }),
  })
  const answer = (await response.json()) as { access_token?: string; error_description?: string }
  if (answer.access_token === undefined) {
    throw new Error(`the demo's own client was refused: ${answer.error_description ?? response.status}`)
  }
  say('\n2. The token says, signed with a key of this workspace only:\n')
  say(indent(JSON.stringify(decodeProtectedHeader(answer.access_token))))
  say(indent(JSON.stringify(decodeJwt(answer.access_token), null, 2)))

  say(`\n3. An API that trusts this issuer, asked without the token: GET ${apiUrl}\n`)
  await showCall(apiUrl, {})
  say('\n4. The same with it (curl -H "Authorization: Bearer …"):\n')
  await showCall(apiUrl, { Authorization: `Bearer ${answer.access_token}` })
  say()
}

/** As the flow that this project grew from shows it, with the region in the host. */
function curlFor({ issuer, clientId, secret }: DemoClient): string {
  return [
    `curl -X POST ${issuer}/oauth2/token`,
    `--header "Content-Type: application/x-www-form-urlencoded"`,
    `--data-raw "grant_type=client_credentials&client_id=${clientId}&client_secret=${secret}"`,
  ].join(' \\\n  ')
}

async function showCall(url: string, headers: Readonly<Record<string, string>>): Promise<void> {
  const response = await fetch(url, { headers })
  const challenge = response.headers.get('www-authenticate')
  say(indent(`${response.status} ${challenge ?? ''}`.trim()))
  say(indent(await response.text()))
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '  ')
}
