/** `regent export`: your tenant as a file that `regent apply` takes. */
import { Command } from 'commander'
import { addConnectionOptions, type ConnectionOptions } from '../api/connection-options.ts'
import type { ApiClient } from '../api/api-client.ts'
import { report } from '../print.ts'

type Options = ConnectionOptions & {
  readonly output?: string
  readonly hashes?: boolean
  readonly json?: boolean
}

const ATTEMPTS = 3

export function exportCommand(): Command {
  const command = new Command('export')
    .description('your tenant as a file that regent apply takes, without secrets')
    .option('-o, --output <file>', 'where to write it; default: standard output')
    .option(
      '--hashes',
      'secrets as hashes, which another database takes: keep such a file as you keep secrets',
    )
    .option('--json', 'JSON in place of YAML')
  addConnectionOptions(command)
  return command
    .addHelpText(
      'after',
      '\nExamples:\n  regent export -o acme.yaml\n  regent export --hashes -o acme-with-hashes.yaml',
    )
    .action(run)
}

async function run({ output, hashes = false, json = false, ...options }: Options): Promise<void> {
  const { withApi } = await import('../api/connect.ts')
  const parts = await withApi(options, ({ api }) => readUnchanged(api, hashes))
  const { printYaml, printJsonDocument } = await import('./print-document.ts')
  const printed = (json ? printJsonDocument : printYaml)(parts)
  if (output === undefined) {
    for (const text of printed) process.stdout.write(text)
    return
  }
  const { renameSync, writeFileSync } = await import('node:fs')
  // Whole or not at all; and whoever has hashes may try secrets against them.
  const beside = `${output}.${process.pid}.new`
  writeFileSync(beside, [...printed].join(''), { mode: hashes ? 0o600 : 0o644 })
  renameSync(beside, output)
  report(`Written to ${output}.`)
}

/** One that was changed while it was read is read again. */
async function readUnchanged(api: ApiClient, hashes: boolean): Promise<readonly object[]> {
  const { ApiProblem } = await import('../api/api-problem.ts')
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await readParts(api, hashes)
    } catch (error) {
      const again = error instanceof ApiProblem && error.problem.reason === 'changed_meanwhile'
      if (!again || attempt === ATTEMPTS) throw error
      report('The tenant was changed meanwhile: reading it again.')
    }
  }
}

async function readParts(api: ApiClient, hashes: boolean): Promise<readonly object[]> {
  const { linesOf } = await import('../api/lines.ts')
  const { ApiProblem } = await import('../api/api-problem.ts')
  const { CommandFault, EXIT } = await import('../exit-code.ts')
  const query = { ...(hashes && { hashes: 'true' }) }
  const { body } = await api.stream({ api: 'tenant', method: 'GET', path: '/export', query })
  const parts: object[] = []
  for await (const text of linesOf(body)) {
    const part = JSON.parse(text) as { problem?: ConstructorParameters<typeof ApiProblem>[0]; end?: object }
    if (part.problem !== undefined) throw new ApiProblem(part.problem)
    if (part.end !== undefined) return parts
    parts.push(part)
  }
  throw new CommandFault(EXIT.unavailable, 'The answer broke off: run it again.')
}
