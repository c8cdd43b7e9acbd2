/**
 * `regent import`: clients move in from another product, or from another Regent. What an export would make is said first, client by
 * client; then it is a tenant document like any other, which goes the way of `regent apply`, or is written to a file.
 */
import { chmod, open } from 'node:fs/promises'
import { Command, InvalidArgumentError } from 'commander'
import type { DocumentInput } from '../../admin/document/document.ts'
import { isResourceIdentifier } from '../../oauth/resource.ts'
import { OperatorError } from '../../storage/operator-error.ts'
import { isRegion, REGIONS, type Region } from '../../tenancy/region.ts'
import { addConnectionOptions, type ConnectionOptions } from '../api/connection-options.ts'
import { report, say, withProgress } from '../print.ts'
import { CONVERT } from './convert.ts'
import { hashSecrets } from './hash-secrets.ts'
import type { Kind } from './kinds.ts'
import { readExport } from './read-file.ts'
import { reportLines } from './report.ts'
import { readSecrets } from './secrets-file.ts'

type Options = ConnectionOptions & {
  readonly tenant?: string
  readonly region: string
  readonly workspace?: string
  readonly audience?: string
  readonly scope: ReadonlyMap<string, string>
  readonly secrets?: string
  readonly leaveOutFaulty?: true
  readonly dryRun?: true
  readonly yes?: true
  readonly out?: string
  readonly json?: true
}

/** What new hashes cost by default; a server that wants more hashes them anew when they are used. */
const BCRYPT_COST = 10

const KINDS: readonly (readonly [Kind, string, string])[] = [
  ['hydra', 'clients of Ory Hydra: rows of hydra_client as JSON or as pg_dump has them', 'hydra.json'],
  ['keycloak', 'realms of Keycloak: clients that have a service account', 'shop-realm.json'],
  ['promote-config', 'a tenant or a workspace as a promote/config endpoint exports it', 'config.json'],
  ['regent', "another Regent's export", 'acme.json'],
]

export function importCommand(): Command {
  const command = new Command('import').description('clients of another product, with their secrets')
  for (const [kind, says, example] of KINDS) command.addCommand(kindCommand(kind, says, example))
  return command
}

function kindCommand(kind: Kind, says: string, example: string): Command {
  const command = new Command(kind)
    .description(says)
    .argument('<file...>', 'what was exported; - is not read')
    .option('--tenant <name>', kind === 'regent' ? 'another one than it names' : 'who they are for')
    .option('--region <region>', `where the tenant lives: ${REGIONS.join(', ')}`, 'none')
  if (kind !== 'regent') {
    command
      .option('--workspace <name>', 'which they come to, where the export does not say')
      .option(
        '--audience <url>',
        'the API that has the scopes of which the export does not say whose they are',
      )
      .option('--scope <scope=url>', 'whose a single scope is; can be repeated', collectOwner, new Map())
      .option('--secrets <file>', 'secrets in plain text, as JSON; its mode has to be 0600')
      .option('--leave-out-faulty', 'leave clients out that have a fault; otherwise nothing is imported')
  }
  if (kind === 'promote-config') command.alias('seed')
  return addConnectionOptions(command)
    .option('--dry-run', 'only say what would become of it; no server is asked')
    .option('--yes', 'do not ask')
    .option(
      '--out <file>',
      'write the tenant document, which has hashes in it, to a file of mode 0600, and apply nothing',
    )
    .option('--json', 'print the report as JSON')
    .addHelpText(
      'after',
      `\nExamples:\n  regent import ${kind} ${example} --tenant acme --region eu --dry-run\n  regent import ${kind} ${example} --tenant acme --region eu --yes`,
    )
    .action((files: readonly string[], options: Options) => importFiles(kind, files, options))
}

async function importFiles(kind: Kind, names: readonly string[], options: Options): Promise<void> {
  const region = requireRegionName(options.region)
  const secrets = options.secrets === undefined ? undefined : readSecrets(await readExport(options.secrets))
  const files = await Promise.all(names.map((name) => readExport(name)))
  const { scope: owners, ...rest } = options
  const imported = CONVERT[kind](files, { ...rest, owners, region, secrets, label: `imported from ${kind}` })
  const faults = imported.report.faults.length
  if (options.json) say(JSON.stringify({ report: imported.report }))
  else for (const line of reportLines(imported.report)) say(line)
  if (faults > 0) {
    report('Nothing was imported: mend what stands above as a fault first.')
    process.exitCode = 1
    return
  }
  if (options.dryRun) return
  const document = await withProgress('hashing secrets', () => hashSecrets(imported, BCRYPT_COST))
  if (options.out === undefined) {
    const { applyDocument } = await import('./apply-document.ts')
    return applyDocument(document, options)
  }
  await writeDocument(options.out, document)
  report(`${options.out} is written: regent apply -f ${options.out} --dry-run says what it would change.`)
}

/** A hash is no secret, and nobody else's business. */
async function writeDocument(file: string, document: DocumentInput): Promise<void> {
  try {
    const handle = await open(file, 'w', 0o600)
    try {
      // One that was there before keeps its mode otherwise.
      await chmod(file, 0o600)
      await handle.writeFile(`${JSON.stringify(document, null, 2)}\n`)
    } finally {
      await handle.close()
    }
  } catch (cause) {
    throw new OperatorError(`--out ${file}: it cannot be written.`, { cause })
  }
}

function requireRegionName(text: string): Region {
  if (isRegion(text)) return text
  throw new OperatorError(`--region ${text}: say one of ${REGIONS.join(', ')}.`)
}

function collectOwner(text: string, owners: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const [, token, url] = /^([^=]+)=(.+)$/.exec(text) ?? []
  if (token === undefined || url === undefined || !isResourceIdentifier(url))
    throw new InvalidArgumentError('say SCOPE=URL.')
  return new Map([...owners, [token, url]])
}
