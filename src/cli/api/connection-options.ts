/** Options of every command that speaks to a server. Apart from what connects, so that help loads none of that. */
import type { Command } from 'commander'

export type ConnectionOptions = { readonly profile?: string; readonly caFile?: string }

export function addConnectionOptions(command: Command): Command {
  return command
    .option(
      '--profile <name>',
      'what regent login stored; default: REGENT_URL, else REGENT_PROFILE, else default',
    )
    .option(
      '--ca-file <file>',
      'certificates in PEM: who may vouch for the server, beside those that Node brings',
    )
}
