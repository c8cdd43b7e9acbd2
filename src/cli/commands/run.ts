/**
 * Runs a command of the table: reads what was typed, asks the API, and prints what it answers. What ends something shows first what
 * that breaks, and asks.
 */
import { ApiProblem } from '../api/api-problem.ts'
import { segment, type ApiClient, type ApiRequest } from '../api/api-client.ts'
import { withApi, type Connected } from '../api/connect.ts'
import type { ConnectionOptions } from '../api/connection-options.ts'
import { confirm } from '../confirm.ts'
import { CommandFault, EXIT } from '../exit-code.ts'
import { plain, printJson } from '../plain.ts'
import { report, say } from '../print.ts'
import type { Item } from '../table.ts'
import type { ApiCommand } from './api-command.ts'
import { findOwner, findServer } from './find-server.ts'
import { listAll } from './list-all.ts'
import { optionOf, readWords } from './read-words.ts'
import { printAnswer, printPreview, reportDone } from './print-answer.ts'

export type Options = ConnectionOptions & {
  readonly workspace?: string
  readonly resourceServer?: string
  readonly json?: boolean
  readonly dryRun?: boolean
  /** Seconds; false for --no-wait. */
  readonly wait?: string | false
  readonly ifMatch?: string
  readonly idempotencyKey?: string
  readonly yes?: boolean
  readonly etag?: boolean
}
type Typed = readonly (string | readonly string[] | undefined)[]

export async function runApiCommand(command: ApiCommand, typed: Typed, options: Options): Promise<void> {
  try {
    await withApi(options, (connected) => run(command, typed, options, connected))
  } catch (error) {
    if (!options.json || !(error instanceof ApiProblem)) throw error
    report(printJson(error.problem))
    process.exitCode = error.exitCode
  }
}

async function run(given: ApiCommand, typed: Typed, options: Options, connected: Connected): Promise<void> {
  const { api } = connected
  const left = given.arguments?.findIndex(({ into }, at) => into === 'path' && typed[at] === undefined) ?? -1
  const command = left >= 0 && given.otherwise ? { ...given, ...given.otherwise } : given
  const request = await readRequest(command, typed, options, connected)
  if (command.list && command.list.pages !== false && command.method === 'GET')
    return printAnswer(command, { items: await listAll(api, request) }, options.json)
  if (options.dryRun) return printPreview(await preview(api, request), options.json)
  if (command.asks && !options.yes) {
    report(plain(previewText(await preview(api, request))))
    await confirm(plain(command.asks(namesOf(command, typed))), false)
  }
  const { body = {}, headers } = await api.ask(request)
  if (options.etag) return say(plain(headers.etag ?? ''))
  printAnswer(command, body, options.json)
  if (command.method !== 'GET') reportDone(command, headers)
  if (command.isFault?.(body)) process.exitCode = EXIT.refused
}

async function preview(api: ApiClient, request: ApiRequest): Promise<Item> {
  const { body = {} } = await api.ask({ ...request, query: { ...request.query, dry_run: 'true' } })
  return body
}

async function readRequest(
  command: ApiCommand,
  typed: Typed,
  options: Options,
  { api, workspace }: Connected,
): Promise<ApiRequest> {
  const values: Record<'path' | 'query' | 'body', Record<string, unknown>> = {
    path: {},
    query: {},
    body: { ...command.sends },
  }
  const inPath = (name: string) =>
    command.path.includes(`{${name}}`) && !command.arguments?.some((one) => one.name === name)
  if (inPath('workspace')) values.path.workspace = options.workspace ?? workspace ?? missing('--workspace')
  const servers = `/workspaces/${segment(word(values.path.workspace))}/resource-servers`
  const idOf = (identifier: string) => findServer(api, servers, identifier)
  for (const [at, argument] of (command.arguments ?? []).entries()) {
    const words = typed[at]
    if (words !== undefined) values[argument.into][argument.name] = await readWords(argument, words, idOf)
  }
  if (inPath('server'))
    values.path.server = await serverOf(command, values.query, options, idOf, api, servers)
  for (const into of ['query', 'body'] as const)
    for (const field of command[into] ?? []) {
      const words = (options as Readonly<Record<string, string | string[] | undefined>>)[
        camelCase(optionOf(field))
      ]
      if (words !== undefined) values[into][field.name] = await readWords(field, words, idOf)
    }
  const { method } = command
  const path = command.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => segment(word(values.path[name])))
  const query = Object.fromEntries(Object.entries(values.query).map(([name, value]) => [name, word(value)]))
  const takesBody = method === 'POST' || method === 'PATCH'
  return {
    api: command.api,
    method,
    path,
    query,
    headers: conditionsOf(method, options),
    ...(takesBody && { json: command.complete?.(values.body) ?? values.body }),
  }
}

async function serverOf(
  command: ApiCommand,
  { scope }: Readonly<Record<string, unknown>>,
  { resourceServer }: Options,
  idOf: (identifier: string) => Promise<string>,
  api: ApiClient,
  servers: string,
): Promise<string> {
  if (resourceServer !== undefined) return idOf(resourceServer)
  // A scope has one owner.
  return command.route === 'scope.remove'
    ? findOwner(api, servers, word(scope))
    : missing('--resource-server')
}

function conditionsOf(method: ApiRequest['method'], options: Options): Readonly<Record<string, string>> {
  if (method === 'GET') return {}
  if (options.wait !== false && !/^(?:[0-9]|10)$/.test(options.wait ?? ''))
    throw new CommandFault(EXIT.usage, '--wait takes 0 to 10 seconds.')
  return {
    ...(options.wait !== false && { Prefer: `wait=${options.wait}` }),
    ...(options.ifMatch !== undefined && { 'If-Match': options.ifMatch }),
    ...(options.idempotencyKey !== undefined && { 'Idempotency-Key': options.idempotencyKey }),
  }
}

function previewText(body: Item): string {
  const breaks = body.breaks as readonly string[]
  return breaks.length === 0
    ? 'Nothing that is known depends on it.'
    : `It breaks:\n${breaks.map((one) => `  - ${one}`).join('\n')}`
}

function namesOf({ arguments: all = [] }: ApiCommand, typed: Typed): Readonly<Record<string, string>> {
  return Object.fromEntries(all.map(({ name }, at) => [name, String(typed[at] ?? '')]))
}

function missing(option: string): never {
  const stored = option === '--workspace' ? ' (regent login --workspace … stores one)' : ''
  throw new CommandFault(EXIT.usage, `Say whose: ${option} is missing${stored}.`)
}

const word = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : ''

/** As commander calls the value of an option. */
function camelCase(option: string): string {
  return option.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
}
