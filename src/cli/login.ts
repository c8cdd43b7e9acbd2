/** `regent login`, `logout`, `profiles`: a client's credential, proved by getting a token with it, kept in a file of its owner's alone. */
import { resolve } from 'node:path'
import { Command } from 'commander'
import { readConnectionConfig } from '../config.ts'
import { askForToken } from './api/access-token.ts'
import { openHttp } from './api/http.ts'
import { readPlace } from './api/place.ts'
import { DEFAULT_PROFILE, listProfiles, readProfile, removeProfile, writeProfile } from './api/profile.ts'
import { CommandFault, EXIT } from './exit-code.ts'
import { plain, printJson } from './plain.ts'
import { report, say } from './print.ts'
import { readSecret } from './read-secret.ts'
import { printTable } from './table.ts'

type Options = {
  url: string
  clientId: string
  clientSecretFile?: string
  profile?: string
  workspace?: string
  caFile?: string
  json?: boolean
}

export function loginCommand(): Command {
  return new Command('login')
    .requiredOption(
      '--url <url>',
      'of the admin workspace, as bootstrap and tenant create show it, or of its token endpoint',
    )
    .requiredOption('--client-id <id>', 'who you are there')
    .option(
      '--client-secret-file <file>',
      'a file with its secret; - is standard input. Default: you are asked for it',
    )
    .option('--profile <name>', 'what to call it; default: REGENT_PROFILE, else default')
    .option('--workspace <name>', 'the one that commands mean where they name none')
    .option('--ca-file <file>', 'certificates in PEM: who may vouch for the server; kept with the profile')
    .option('--json', 'print what was stored, without the secret, as JSON')
    .addHelpText(
      'after',
      `
The secret is asked for and not shown, or read from standard input where that is no terminal. It is stored in
$XDG_CONFIG_HOME/regent/profiles (~/.config), in a file that only you can read, once a token was got with it. Machines need no profile:
they set REGENT_URL, REGENT_CLIENT_ID and REGENT_CLIENT_SECRET, or REGENT_CLIENT_SECRET_FILE.

Examples:
  regent login --url https://acme.eu.authz.example.com/acme/admin --client-id administrator
  regent login --profile operator --url https://system.eu.authz.example.com/system/admin --client-id operator < secret.txt`,
    )
    .action(login)
}

async function login(options: Options): Promise<void> {
  const { folder, profile: usual, authoritiesFile } = readConnectionConfig()
  const name = options.profile ?? usual ?? DEFAULT_PROFILE
  const caFile = options.caFile ?? authoritiesFile
  const place = readPlace(options.url, '--url')
  const clientSecret = await readSecret(options.clientSecretFile, options.clientId)
  const http = await openHttp(caFile)
  const audience = place.apis.system ?? place.apis.tenant
  const client = { clientId: options.clientId, clientSecret }
  let scope: string
  try {
    ;({ scope } = await askForToken(http, place.tokenEndpoint, client, { resource: [audience] }))
  } finally {
    await http.close()
  }
  const path = writeProfile(folder, name, {
    url: place.issuer,
    client_id: options.clientId,
    client_secret: clientSecret,
    ...(caFile !== undefined && { ca_file: resolve(caFile) }),
    ...(options.workspace !== undefined && { workspace: options.workspace }),
  })
  if (options.json)
    return say(
      printJson({ profile: name, url: place.issuer, client_id: options.clientId, scope, file: path }),
    )
  report(plain(`Logged in at ${place.issuer} as ${options.clientId}: profile ${name}, kept in ${path}.`))
  report(plain(`It may ${scope.split(' ').join(', ')}.`))
}

export function logoutCommand(): Command {
  return new Command('logout')
    .option('--profile <name>', 'which one; default: REGENT_PROFILE, else default')
    .addHelpText(
      'after',
      '\nThe secret itself goes on: regent secret revoke ends it.\n\nExample:\n  regent logout --profile operator',
    )
    .action((options: { profile?: string }) => {
      const { folder, profile: usual } = readConnectionConfig()
      const name = options.profile ?? usual ?? DEFAULT_PROFILE
      if (!removeProfile(folder, name)) throw new CommandFault(EXIT.notFound, `There is no profile ${name}.`)
      report(`Profile ${name} is removed.`)
    })
}

export function profilesCommand(): Command {
  return new Command('profiles')
    .option('--json', 'print them as JSON')
    .addHelpText('after', '\nExample:\n  regent profiles')
    .action(({ json }: { json?: boolean }) => {
      const { folder } = readConnectionConfig()
      const items = listProfiles(folder).map((name) => {
        const { client_secret: _, ...shown } = readProfile(folder, name)
        return { name, ...shown }
      })
      if (json) say(printJson({ items }))
      else if (items.length === 0) report('Nobody is logged in: regent login.')
      else say(printTable(['name', 'url', 'client_id', 'workspace'], items))
    })
}
