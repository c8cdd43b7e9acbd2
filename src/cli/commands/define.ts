/** Makes commander's commands of the table: arguments, options, help with examples. What they do is loaded when one is run. */
import { Argument, Command, Option } from 'commander'
import { addConnectionOptions } from '../api/connection-options.ts'
import type { ApiCommand, Argument as TypedArgument, Field, Kind } from './api-command.ts'
import { takeDashedIds } from './dashed-ids.ts'
import { API_COMMANDS, FIRST_WORDS } from './index.ts'

/** The commands of the table under this first word, or the one that is it. */
export function apiCommands(first: string): Command {
  const own = API_COMMANDS.find(({ name }) => name === first)
  if (own !== undefined) return define(own, first)
  const group = new Command(first).description(FIRST_WORDS[first] ?? '')
  for (const one of API_COMMANDS) {
    const [word, verb] = one.name.split(' ')
    if (word === first && verb !== undefined) group.addCommand(define(one, verb))
  }
  return group
}

function define(one: ApiCommand, word: string): Command {
  const command = new Command(word).description(one.says)
  if (one.alias !== undefined) command.alias(one.alias)
  for (const argument of one.arguments ?? []) command.addArgument(argumentOf(argument))
  const named = new Set((one.arguments ?? []).map(({ name }) => name))
  if (one.path.includes('{workspace}') && !named.has('workspace'))
    command.option('-w, --workspace <name>', 'whose; default: the one that regent login stored')
  if (one.path.includes('{server}') && !named.has('server'))
    command.option('-r, --resource-server <identifier>', 'whose: its identifier, or its id')
  for (const field of [...(one.query ?? []), ...(one.body ?? [])]) command.addOption(optionFor(field))
  addConditions(command, one)
  command.option('--json', 'print what the API answers, as JSON')
  addConnectionOptions(command)
  takeDashedIds(command)
  command.addHelpText('after', `\n${examples(one.examples)}`)
  return command.action(async (...all: unknown[]) => {
    const { runApiCommand } = await import('./run.ts')
    const typed = all.slice(0, one.arguments?.length ?? 0) as (string | string[] | undefined)[]
    await runApiCommand(one, typed, command.opts())
  })
}

export function examples(all: readonly string[]): string {
  const title = all.length === 1 ? 'Example' : 'Examples'
  return `${title}:\n${all.map((line) => `  regent ${line}`).join('\n')}`
}

function addConditions(command: Command, { method, asks, list }: ApiCommand): void {
  if (method === 'GET') {
    if (list === undefined) command.option('--etag', 'print its entity tag alone, for --if-match')
    return
  }
  command
    .option('--dry-run', 'show what would change and what that breaks, and change nothing')
    .option('--wait <seconds>', 'how long to wait until all nodes know of it, at most', '5')
    .option('--no-wait', 'do not wait until all nodes know of it')
  if (method === 'POST')
    command.option('--idempotency-key <key>', 'one of yours: done once, however often it is run')
  else command.option('--if-match <etag>', 'only if nobody has changed it since that was its entity tag')
  if (asks !== undefined) command.option('--yes', 'do not ask')
}

function argumentOf({ name, shown, says, kind, optional }: TypedArgument): Argument {
  const word = (shown ?? name).replaceAll('_', '-') + (isRepeated(kind) ? '...' : '')
  return new Argument(optional ? `[${word}]` : `<${word}>`, says)
}

function optionFor(field: Field): Option {
  const { kind = 'text', nullable, says } = field
  const flag = `--${(field.option ?? field.name).replaceAll('_', '-')}`
  const option = new Option(
    `${flag} <${placeholderOf(kind)}>`,
    nullable ? `${says}; none takes it away` : says,
  )
  if (typeof kind === 'object') option.choices(nullable ? [...kind, 'none'] : kind)
  if (kind === 'switch') option.choices(['on', 'off'])
  if (isRepeated(kind))
    option.argParser((word: string, before: string[] | undefined) => [...(before ?? []), word])
  return option
}

const isRepeated = (kind: Kind | undefined) => kind === 'words' || kind === 'descriptions'

function placeholderOf(kind: Kind): string {
  if (typeof kind === 'object') return 'word'
  const words: Partial<Record<Kind & string, string>> = {
    text: 'text',
    number: 'number',
    switch: 'on|off',
    words: 'list',
    descriptions: 'scope=description',
    moment: 'moment',
    server: 'identifier',
    file: 'file',
    jwk: 'file',
    checkpoint: 'file',
  }
  return words[kind] ?? 'text'
}
