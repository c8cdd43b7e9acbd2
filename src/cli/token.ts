/** `regent token`: asks for a token as a machine does, verifies it with the published keys as an API does, and shows what is in it. */
import { Command } from 'commander'
import { askForToken, type Client } from './api/access-token.ts'
import { findIdentity } from './api/connect.ts'
import { addConnectionOptions, type ConnectionOptions } from './api/connection-options.ts'
import { issuerOf, requireMetadata, verifyToken } from './api/discover.ts'
import { openHttp } from './api/http.ts'
import { requireEncrypted } from './api/place.ts'
import { CommandFault, EXIT } from './exit-code.ts'
import { plainLine, printJson } from './plain.ts'
import { report, say } from './print.ts'
import { readSecret } from './read-secret.ts'
import { readConnectionConfig } from '../config.ts'

type Options = ConnectionOptions & {
  clientId?: string
  clientSecretFile?: string
  scope?: string
  resource?: readonly string[]
  raw?: boolean
  json?: boolean
}

export function tokenCommand(): Command {
  const command = new Command('token')
    .argument('[url]', 'a token endpoint or an issuer; default: where you are logged in')
    .option('--client-id <id>', 'who asks; with a url')
    .option(
      '--client-secret-file <file>',
      'a file with its secret; - is standard input. Default: you are asked for it',
    )
    .option(
      '--scope <scope>',
      'what it is for, with spaces between; default: what the client gets by default',
    )
    .option(
      '--resource <uri>',
      'the API that it is for (RFC 8707); repeat it for several',
      (one: string, before: string[] | undefined) => [...(before ?? []), one],
    )
    .option('--raw', 'print the token alone')
    .option('--json', 'print the token with its header and its claims as JSON')
  addConnectionOptions(command)
  return command
    .addHelpText(
      'after',
      `
Examples:
  regent token https://acme.eu.authz.example.com/acme/shop/oauth2/token --client-id robot
  curl -H "Authorization: Bearer $(regent token https://acme.eu.authz.example.com/acme/shop --client-id robot --raw < secret)" https://orders.example/`,
    )
    .action(run)
}

async function run(url: string | undefined, options: Options): Promise<void> {
  const { issuer, client, authoritiesFile } = await readAsker(url, options)
  const http = await openHttp(authoritiesFile)
  try {
    const metadata = await requireMetadata(http, issuer)
    const { scope, resource = [] } = options
    const granted = await askForToken(http, metadata.token_endpoint, client, { scope, resource })
    const { protectedHeader: header, payload: claims } = await verifyToken(http, metadata, granted.token)
    const { token, expiresIn } = granted
    if (options.raw) return say(token)
    if (options.json)
      return say(
        printJson({
          access_token: token,
          expires_in: expiresIn,
          scope: granted.scope,
          header,
          claims,
          verified: true,
        }),
      )
    say(token)
    say(printJson(header))
    say(printJson(claims))
    report(plainLine(`Verified with key ${header.kid} of ${issuer}. It ends in ${expiresIn} s.`))
  } finally {
    await http.close()
  }
}

type Asker = {
  readonly issuer: string
  readonly client: Client
  readonly authoritiesFile: string | undefined
}

/** The secret of a profile goes to the server of that profile only. */
async function readAsker(url: string | undefined, options: Options): Promise<Asker> {
  const { clientId, clientSecretFile, caFile } = options
  if (url === undefined) {
    if (clientId !== undefined)
      throw new CommandFault(EXIT.usage, '--client-id needs the url of a token endpoint before it.')
    const identity = findIdentity(options)
    const issuer = issuerOf(identity.url)
    requireEncrypted(new URL(issuer), identity.from)
    return { issuer, client: identity, authoritiesFile: identity.authoritiesFile }
  }
  const issuer = issuerOf(url)
  requireEncrypted(new URL(issuer), 'The url')
  if (clientId === undefined) throw new CommandFault(EXIT.usage, 'Say who asks: --client-id is missing.')
  const clientSecret = await readSecret(clientSecretFile, clientId)
  return {
    issuer,
    client: { clientId, clientSecret },
    authoritiesFile: caFile ?? readConnectionConfig().authoritiesFile,
  }
}
