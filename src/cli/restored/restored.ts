/**
 * `regent restored`: after a database was restored from a backup, before anything serves it. What was revoked, disabled or
 * deleted since the backup lives again; this ends it once more, by what was written down elsewhere: the servers' log, and exported
 * audit trails. Says what cannot be had back. Safe to run twice.
 */
import { readFile } from 'node:fs/promises'
import { Command } from 'commander'
import type { ChangeNeeds } from '../../changes/change.ts'
import { noteRestore } from '../../changes/note-restore.ts'
import { OperatorError } from '../../storage/operator-error.ts'
import { findTenant } from '../../tenancy/find-tenant.ts'
import { isTenantSlug } from '../../tenancy/slug.ts'
import { confirm } from '../confirm.ts'
import { report, say } from '../print.ts'
import { requireRegion, withRegions } from '../with-regions.ts'
import { endAgain, type Done } from './end-again.ts'
import { describeEnding, endingsOf, type Ending } from './endings.ts'
import { readExport, readLog, type LostChange } from './trail.ts'

type Options = {
  revokeSince: string
  region: string
  log: readonly string[]
  audit: readonly string[]
  dryRun?: boolean
  yes?: boolean
  json?: boolean
}

const several = (value: string, known: readonly string[]) => [...known, value]

export function restoredCommand(): Command {
  return new Command('restored')
    .requiredOption('--revoke-since <time>', 'when the backup was made, as 2026-11-26T02:00:00Z')
    .option('--region <region>', 'whose database was restored: au, eu, us or none', 'none')
    .option(
      '--log <file>',
      "of a server, from that time to the loss; repeat it for each server's",
      several,
      [],
    )
    .option(
      '--audit <tenant=file>',
      "a tenant's exported audit trail; repeat it for each tenant",
      several,
      [],
    )
    .option('--dry-run', 'say what would be ended, and end nothing')
    .option('--yes', 'do not ask')
    .option('--json', 'print what was done as JSON')
    .addHelpText(
      'after',
      '\nExample:\n  regent restored --region eu --revoke-since 2026-11-26T02:00:00Z --log node-1.log --log node-2.log',
    )
    .action(restored)
}

async function restored(options: Options): Promise<void> {
  const since = Date.parse(options.revokeSince)
  if (!/^\d{4}-\d\d-\d\dT.*(?:Z|[+-]\d\d:\d\d)$/.test(options.revokeSince) || Number.isNaN(since))
    throw new OperatorError('--revoke-since takes a moment with its zone, as 2026-11-26T02:00:00Z.')
  const lost = await readTrails(options, since)
  const endings = endingsOf(lost)
  if (options.dryRun !== true && endings.length > 0)
    await confirm(`${endings.length} things were ended since the backup. End them again?`, options.yes)
  const done = await withRegions('regent restored', 'the embedded database is for trying out.', (regions) =>
    endAll(requireRegion(regions, options.region), lost, endings, since, options.dryRun === true),
  )
  if (options.json) {
    say(JSON.stringify({ dry_run: options.dryRun === true, ended: done, lost: countByTenant(lost) }))
    return
  }
  for (const { outcome, ending } of done) say(`${outcome.padEnd(11)}${describeEnding(ending)}`)
  report(`${done.filter(({ outcome }) => outcome === 'ended').length} ended again, of ${done.length}.`)
  for (const [tenant, actions] of Object.entries(countByTenant(lost)))
    report(
      `${tenant}: changed since the backup: ${Object.entries(actions)
        .map(([a, n]) => `${n} ${a}`)
        .join(', ')}`,
    )
  report('What was made since, secrets among it, is gone, and has to be made again.')
}

type Step = { readonly outcome: Done | 'would end'; readonly ending: Ending }

async function endAll(
  needs: ChangeNeeds,
  lost: readonly LostChange[],
  endings: readonly Ending[],
  since: number,
  dryRun: boolean,
): Promise<readonly Step[]> {
  const done: Step[] = []
  for (const slug of new Set(lost.map(({ tenant }) => tenant))) {
    const own = endings.filter(({ tenant }) => tenant === slug)
    const tenant = isTenantSlug(slug) ? await findTenant(needs.database, needs.region, slug) : undefined
    for (const ending of own) {
      const outcome =
        tenant === undefined ? 'nothing' : dryRun ? 'would end' : await endAgain(needs, tenant, ending)
      done.push({ outcome, ending })
    }
    if (tenant === undefined) report(`${slug}: this tenant was made after the backup, and is gone.`)
    else if (!dryRun)
      await noteRestore(needs, tenant, {
        since: new Date(since).toISOString(),
        lost: lost.filter((change) => change.tenant === slug).length,
      })
  }
  return done
}

/** Where there is a tenant's own trail, it tells all that the log does: the log is not asked about that tenant. */
async function readTrails({ log, audit, region }: Options, since: number): Promise<readonly LostChange[]> {
  if (log.length + audit.length === 0)
    throw new OperatorError(
      'The database does not know what it has lost: name the log of each server since the backup (--log), or exported audit trails (--audit acme=acme.ndjson).',
    )
  const exported = new Map<string, readonly LostChange[]>()
  for (const named of audit) {
    const [, tenant, name] = /^([^=]+)=(.+)$/.exec(named) ?? []
    if (tenant === undefined || name === undefined)
      throw new OperatorError(`--audit takes tenant=file, as acme=acme.ndjson, not ${named}.`)
    exported.set(tenant, readExport(name, await read(name), tenant, since))
  }
  const logged: LostChange[] = []
  for (const name of log) logged.push(...readLog(name, await read(name), region, since))
  return [...logged.filter(({ tenant }) => !exported.has(tenant)), ...[...exported.values()].flat()]
}

async function read(name: string): Promise<string> {
  try {
    return await readFile(name, 'utf8')
  } catch (cause) {
    throw new OperatorError(`${name} cannot be read: ${(cause as Error).message}.`, { cause })
  }
}

function countByTenant(lost: readonly LostChange[]): Record<string, Record<string, number>> {
  const counts: Record<string, Record<string, number>> = {}
  for (const { tenant, action } of lost) {
    const own = (counts[tenant] ??= {})
    own[action] = (own[action] ?? 0) + 1
  }
  return counts
}
