/** `regent apply`: makes a tenant what a file says. Shows the plan as a diff, asks, and applies exactly what was shown. */
import { Command } from 'commander'
import { Readable } from 'node:stream'
import type { AnswerLine } from '../../admin/document/answer.ts'
import type { ApiClient } from '../api/api-client.ts'
import { addConnectionOptions, type ConnectionOptions } from '../api/connection-options.ts'
import { report, say } from '../print.ts'
import type { FileValue } from './read-file.ts'
import type { Result } from './print-plan.ts'

type Options = ConnectionOptions & {
  readonly file: string
  readonly dryRun?: boolean
  readonly prune?: boolean
  readonly yes?: boolean
  readonly json?: boolean
}

export function applyCommand(): Command {
  const command = new Command('apply')
    .description(
      'makes your tenant what a file says: shows what would change, asks, and does all of it or nothing',
    )
    .requiredOption('-f, --file <file>', 'YAML or JSON; - is standard input')
    .option('--dry-run', 'show what would change, and change nothing')
    .option('--prune', 'end what is not in the file')
    .option('--yes', 'do not ask')
    .option('--json', 'print what the API answers, a line of JSON each')
  addConnectionOptions(command)
  return command
    .addHelpText(
      'after',
      '\nExamples:\n  regent apply -f acme.yaml --dry-run\n  regent apply -f acme.yaml --prune --yes',
    )
    .action(run)
}

async function run({ file: name, ...options }: Options): Promise<void> {
  const { readTenantFile } = await import('./read-file.ts')
  const { ApiProblem } = await import('../api/api-problem.ts')
  const { withApi } = await import('../api/connect.ts')
  const file = await readTenantFile(name)
  try {
    await withApi(options, ({ api }) => apply(api, file.value, options))
  } catch (error) {
    if (!(error instanceof ApiProblem) || !error.problem.errors?.length) throw error
    return file.refuse(error.problem.errors.map(({ pointer, detail }) => ({ path: pathOf(pointer), detail })))
  }
}

/** Sends a document, and tells what comes of it: what imports use as well. */
export async function apply(api: ApiClient, value: FileValue, options: Omit<Options, 'file'>): Promise<void> {
  const { confirm } = await import('../confirm.ts')
  const { printCounts, printResult } = await import('./print-plan.ts')
  const { dryRun = false, prune = false, yes = false, json = false } = options
  const query = { ...(prune && { prune: 'true' }) }
  let etag: string | undefined
  if (dryRun || !yes) {
    const preview = await send(api, value, { ...query, dry_run: 'true' }, {}, json ? 'lines' : 'steps')
    const { create, update, delete: ended } = preview.result
    if (!json) say(printCounts(preview.result))
    if (dryRun || create + update + ended === 0) return report('Nothing was changed.')
    await confirm('Do this?', false)
    ;({ etag } = preview)
  }
  const told = json ? 'lines' : etag === undefined ? 'steps' : 'nothing'
  const headers = { Prefer: 'wait=5', ...(etag !== undefined && { 'If-Match': etag }) }
  const { result } = await send(api, value, query, headers, told)
  report(printResult(result))
}

async function send(
  api: ApiClient,
  value: FileValue,
  query: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>>,
  tell: 'lines' | 'steps' | 'nothing',
): Promise<{ readonly result: Result; readonly etag: string | undefined }> {
  const { linesOf } = await import('../api/lines.ts')
  const { ApiProblem } = await import('../api/api-problem.ts')
  const { CommandFault, EXIT } = await import('../exit-code.ts')
  const { printStep } = await import('./print-plan.ts')
  const { progressBar } = await import('./progress.ts')
  const raw = { type: 'application/x-ndjson', open: () => Readable.from(documentLines(value)) }
  const bar = progressBar()
  bar.note('sending the file')
  try {
    const { body } = await api.stream({ api: 'tenant', method: 'POST', path: '/apply', query, headers, raw })
    let etag: string | undefined
    for await (const text of linesOf(body)) {
      const line = JSON.parse(text) as AnswerLine
      if (tell === 'lines') say(text)
      if ('plan' in line) ({ etag } = line.plan)
      else if ('step' in line) {
        if (tell === 'steps') bar.above(() => say(printStep(line.step)))
      } else if ('progress' in line) bar.show(line.progress.done, line.progress.of)
      else if ('problem' in line) throw new ApiProblem({ ...line.problem, errors: line.problem.errors ?? [] })
      else return { result: line.result, etag }
    }
  } finally {
    bar.end()
  }
  throw new CommandFault(
    EXIT.unavailable,
    'The answer broke off, and whether it was done is not known: run it again. What is done is not done twice.',
  )
}

const print = (part: object): string => `${JSON.stringify(part)}\n`

/** A document a part at a time, as the API takes it. */
function* documentLines({ workspaces = [], ...header }: FileValue): Generator<string> {
  const counts = { workspaces: 0, resource_servers: 0, clients: 0 }
  yield print(header)
  for (const { resource_servers: servers = [], clients = [], ...workspace } of workspaces) {
    counts.workspaces += 1
    yield print({ workspace })
    for (const server of servers) yield print({ resource_server: server })
    for (const client of clients) yield print({ client })
    counts.resource_servers += servers.length
    counts.clients += clients.length
  }
  yield print({ end: counts })
}

/** RFC 6901. */
function pathOf(pointer: string): readonly (string | number)[] {
  const parts = pointer.split('/').slice(1)
  return parts.map((part) =>
    /^[0-9]+$/.test(part) ? Number(part) : part.replaceAll('~1', '/').replaceAll('~0', '~'),
  )
}
