/** `regent explain`: what a URL or a host of Regent's means, whether it answers and why not; what a reason, a code or a status means. */
import { Command } from 'commander'
import { addConnectionOptions, type ConnectionOptions } from '../api/connection-options.ts'
import { plain, printJson } from '../plain.ts'
import { say } from '../print.ts'

type Options = ConnectionOptions & { offline?: boolean; json?: boolean }

export function explainCommand(): Command {
  const command = new Command('explain')
    .argument(
      '<what>',
      'a URL or host; or a reason (wrong_secret), a code (invalid_client) or a status (421)',
    )
    .option('--offline', 'ask no server')
    .option('--json', 'print it as JSON')
  addConnectionOptions(command)
  return command
    .addHelpText(
      'after',
      '\nExamples:\n  regent explain https://acme.eu.authz.example.com/acme/shop\n  regent explain secret_damaged',
    )
    .action(run)
}

async function run(what: string, options: Options): Promise<void> {
  const isWord = /^[a-z]+(?:_[a-z]+)*$|^[1-5]\d\d$/.test(what) && what !== 'localhost'
  const found = isWord
    ? (await import('./explain-reason.ts')).explainReason(what)
    : await (await import('./explain-address.ts')).explainAddress(what, options)
  if (options.json) return say(printJson(found))
  for (const { title, lines } of found) say(plain([title, ...lines.map((line) => `  ${line}`)].join('\n')))
}
