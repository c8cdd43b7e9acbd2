/** `regent migrate roles|up|down|status`: says what it will do, does it, says what it did. */
import { Command, Option } from 'commander'
import { readConfig, type Config } from '../config.ts'
import type { DatabaseTarget } from '../config/databases.ts'
import { migrateDown, migrateUp, migrationStatus } from '../storage/migrate.ts'
import { openAdminSession, type AdminSession } from '../storage/open-admin.ts'
import { OperatorError } from '../storage/operator-error.ts'
import { createRoles, printRoles } from '../storage/roles.ts'
import { isRegion, REGIONS, type Region } from '../tenancy/region.ts'
import { confirm } from './confirm.ts'
import { report, say } from './print.ts'

const regionsOption = () =>
  new Option(
    '--regions <list>',
    `only these regions' databases (${REGIONS.join(', ')}); default: all that are configured`,
  )
const jsonOption = () => new Option('--json', 'print the result as JSON')

type Options = { regions?: string; json?: boolean; print?: boolean; yes?: boolean }

export function migrateCommand(): Command {
  const command = new Command('migrate')
  command
    .command('roles')
    .description('make the three roles that own and use the tables, and grant them to the logins')
    .option('--print', 'only print the SQL, for a database administrator to run')
    .addOption(regionsOption())
    .addOption(jsonOption())
    .action(roles)
  command
    .command('up')
    .description('run pending migrations, then stamp the database with the regions that it may hold')
    .addOption(regionsOption())
    .addOption(jsonOption())
    .action((options: Options) => run(options, up))
  command
    .command('down')
    .description('undo the newest migration, with the data in its tables')
    .option('--yes', 'do not ask')
    .addOption(regionsOption())
    .addOption(jsonOption())
    .action((options: Options) => run(options, down))
  command
    .command('status')
    .description('what was run, what is pending, and which regions the database is stamped for')
    .addOption(regionsOption())
    .addOption(jsonOption())
    .action((options: Options) => run(options, status))
  return command
}

type Job = (session: AdminSession, target: Target, options: Options) => Promise<object>
type Target = DatabaseTarget & { readonly regions: readonly Region[] }

/** Does a job on each database, and prints what came of it. */
async function run(options: Options, job: Job): Promise<void> {
  const results = []
  for (const target of readTargets(readConfig(), options.regions)) {
    const session = await openAdminSession(target.adminUrl, target.adminVariable, target.authorities)
    try {
      results.push({
        database: target.variable,
        regions: target.regions,
        ...(await job(session, target, options)),
      })
    } finally {
      await session.close()
    }
  }
  if (options.json) say(JSON.stringify(results))
}

async function roles(options: Options): Promise<void> {
  if (!options.print) return run(options, makeRoles)
  for (const target of readTargets(readConfig(), options.regions)) {
    say(printRoles(loginOf(target.adminUrl), loginOf(target.url)))
  }
}

const makeRoles: Job = async ({ client }, target) => {
  const steps = await createRoles(client, loginOf(target.url))
  for (const { statement, done } of steps)
    report(`${target.variable}: ${done ? 'done' : 'was there'}: ${statement}`)
  return { steps }
}

const up: Job = async ({ client }, target) => {
  const onStep = ({ name }: { name: string }) => report(`${target.variable}: will run ${name}`)
  const runs = await migrateUp({ client, onStep }, target.regions)
  const { regions } = await migrationStatus({ client })
  for (const { name } of runs) report(`${target.variable}: ran ${name}`)
  report(
    `${target.variable}: ${runs.length === 0 ? 'nothing was pending' : 'up to date'}; stamped for ${regions.join(', ')}`,
  )
  return { ran: runs.map(({ name }) => name), stamped: regions }
}

const down: Job = async ({ client }, target, options) => {
  const { applied } = await migrationStatus({ client })
  const newest = applied.at(-1)
  if (newest === undefined) {
    report(`${target.variable}: there is nothing to undo`)
    return { undone: [] }
  }
  await confirm(
    `${target.variable}: undo ${newest}? The data in the tables that it made is deleted.`,
    options.yes,
  )
  const runs = await migrateDown({ client })
  for (const { name } of runs) report(`${target.variable}: undid ${name}`)
  return { undone: runs.map(({ name }) => name) }
}

const status: Job = async ({ client }, target, options) => {
  const found = await migrationStatus({ client })
  if (!options.json) {
    for (const name of found.applied)
      say(`${target.variable}: ran      ${name}${found.unknown.includes(name) ? ' (by a newer Regent)' : ''}`)
    for (const name of found.pending) say(`${target.variable}: pending  ${name}`)
    say(`${target.variable}: stamped for ${found.regions.join(', ') || 'no region'}`)
  }
  return found
}

/** One for each database that holds a wanted region. */
function readTargets({ databases }: Config, wanted: string | undefined): readonly Target[] {
  const regions = wanted === undefined ? [...databases.keys()] : wanted.split(',').map(readRegion)
  const targets = new Map<string, Target & { regions: Region[] }>()
  for (const region of regions) {
    const target = databases.get(region)
    if (target === undefined) {
      throw new OperatorError(
        `No database is configured for region ${region}: set DATABASE_URL${region === 'none' ? '' : `_${region.toUpperCase()}`}.`,
      )
    }
    // Two logins of servers at one database are two targets: each needs its grants.
    const key = `${target.adminUrl} ${target.url}`
    const same = targets.get(key)
    if (same) same.regions.push(region)
    else targets.set(key, { ...target, regions: [region] })
  }
  if (targets.size === 0) {
    throw new OperatorError(
      'No database is configured: set DATABASE_URL. The embedded database migrates itself.',
    )
  }
  return [...targets.values()]
}

function readRegion(text: string): Region {
  const name = text.trim()
  if (!isRegion(name))
    throw new OperatorError(`--regions takes ${REGIONS.join(', ')}, with commas between them.`)
  return name
}

function loginOf(url: string): string {
  return decodeURIComponent(new URL(url).username)
}
