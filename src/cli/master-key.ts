/**
 * `regent master-key`: what each master key is needed for, and the sealing anew of what is under older ones. Speaks to the
 * databases; servers may run beside it.
 */
import { Command } from 'commander'
import { masterKeyStatus, type MasterKeyStatus } from '../changes/master-key-status.ts'
import { tellStatus } from './master-key-words.ts'
import { say } from './print.ts'
import { resealRegion, type RegionResealed } from './reseal-region.ts'
import { requireRegion, withDatabases, withRegions } from './with-regions.ts'
import { isRegion, type Region } from '../tenancy/region.ts'

type Options = { region?: string; json?: boolean }

const REGION = 'only this one: au, eu, us or none; default: all that are configured'
const REMEDY = 'the embedded database is for trying out, and has one master key.'

export function masterKeyCommand(): Command {
  const command = new Command('master-key').description('the master keys, and what is sealed with each')
  command
    .command('status')
    .description('for each master key: which nodes know it, what needs it, whether it may be taken away')
    .option('--region <region>', REGION)
    .option('--json', 'print it as JSON')
    .addHelpText('after', '\nNeeds no master key itself. docs/guides/rotate-master-keys.md has the steps.')
    .action(status)
  command
    .command('reseal')
    .description(
      'seals what is under older master keys with the first, now; safe beside servers, and to run twice',
    )
    .option('--region <region>', REGION)
    .option('--json', 'print what was done as JSON')
    .addHelpText(
      'after',
      '\nServers do the same by themselves, each minute. Digests of secrets are not sealed: each moves at the next use of its secret.',
    )
    .action(resealAll)
  return command
}

async function status({ region, json }: Options): Promise<void> {
  await withDatabases(REMEDY, async (databases) => {
    const found: MasterKeyStatus[] = []
    for (const [name, database] of only(databases, region)) found.push(await masterKeyStatus(database, name))
    if (json) say(JSON.stringify(found))
    else for (const one of found) tellStatus(one)
  })
}

async function resealAll({ region, json }: Options): Promise<void> {
  await withRegions('regent master-key reseal', REMEDY, async (regions) => {
    const done: RegionResealed[] = []
    for (const [, needs] of only(regions, region)) done.push(await resealRegion(needs))
    if (json) say(JSON.stringify(done))
    if (done.some(({ failed, held }) => failed + held > 0)) process.exitCode = 1
  })
}

function only<Value>(regions: ReadonlyMap<Region, Value>, name: string | undefined) {
  if (name === undefined) return [...regions]
  const found = requireRegion(regions, name)
  return isRegion(name) ? [[name, found] as const] : []
}
