/** `regent audit verify`: whether a tenant's audit trail is as it was written. Ends with 1 when it is not. */
import { readFile } from 'node:fs/promises'
import { Command } from 'commander'
import type { ChangeNeeds } from '../changes/change.ts'
import { CHECKPOINT, verifyAudit, type AuditVerdict } from '../changes/verify-audit.ts'
import type { AuditCheckpoint } from '../observe/observation.ts'
import { OperatorError } from '../storage/operator-error.ts'
import { findTenant } from '../tenancy/find-tenant.ts'
import { isTenantSlug } from '../tenancy/slug.ts'
import type { Tenant } from '../tenancy/tenant.ts'
import { say } from './print.ts'
import { requireRegion, withRegions } from './with-regions.ts'

type Options = { tenant: string; region: string; checkpoint?: string; json?: boolean }

export function auditCommand(): Command {
  const command = new Command('audit').description('the trail of what was changed, by whom')
  command
    .command('verify')
    .description(
      "whether a tenant's trail is as it was written: nothing edited, removed or put in another order",
    )
    .requiredOption('--tenant <name>', 'whose')
    .option('--region <region>', 'where the tenant lives: au, eu, us or none', 'none')
    .option(
      '--checkpoint <file>',
      'one that an earlier call printed, or the log: its end must still be there',
    )
    .option('--json', 'print the verdict as JSON, with the checkpoint to keep')
    .addHelpText(
      'after',
      '\nKeep the checkpoint somewhere else than the database. Example:\n  regent audit verify --tenant acme --region eu --json > acme.json\n  regent audit verify --tenant acme --region eu --checkpoint acme.json',
    )
    .action(verify)
  return command
}

async function verify(options: Options): Promise<void> {
  const checkpoint = options.checkpoint === undefined ? undefined : await readCheckpoint(options.checkpoint)
  const remedy = 'the embedded database is for trying out, and nobody else writes it.'
  const verdict = await withRegions('regent audit verify', remedy, async (regions) => {
    const needs = requireRegion(regions, options.region)
    const tenant = await requireTenant(needs, options.tenant)
    return verifyAudit(needs.database, needs.keyring, tenant, checkpoint)
  })
  if (options.json) say(JSON.stringify(verdict))
  else tell(verdict)
  if (verdict.faults.length > 0) process.exitCode = 1
}

function tell({ events, unchained, faults, vouchedUpTo, checkpoint }: AuditVerdict): void {
  for (const { sequence, what } of faults) say(`event ${sequence}: ${what}`)
  if (unchained > 0) say(`${unchained} events are from before there was a chain: nothing is said of them.`)
  if (faults.length > 0) {
    say(`This trail was tampered with. What stands above is where it shows first.`)
    return
  }
  say(`${events} events, each as it was written and in its order.`)
  say(
    vouchedUpTo === undefined
      ? 'Without a checkpoint, an old state of the trail that was put back as a whole would look like this too.'
      : `All events up to ${vouchedUpTo} were there when the checkpoint was made. Later ones could have been cut off only by whoever put back an old state.`,
  )
  if (checkpoint) say(`Checkpoint to keep elsewhere:\n${JSON.stringify(checkpoint)}`)
}

/** @param file a checkpoint, or a verdict or a line of the log that holds one */
async function readCheckpoint(file: string): Promise<AuditCheckpoint> {
  let value: unknown
  try {
    value = JSON.parse(await readFile(file, 'utf8'))
  } catch (cause) {
    throw new OperatorError(`--checkpoint ${file}: it cannot be read, or is no JSON.`, { cause })
  }
  const found = CHECKPOINT.safeParse(Object(value).checkpoint ?? value)
  if (!found.success) throw new OperatorError(`--checkpoint ${file}: it holds no checkpoint.`)
  return found.data
}

async function requireTenant({ database, region }: ChangeNeeds, slug: string): Promise<Tenant> {
  const tenant = isTenantSlug(slug) ? await findTenant(database, region, slug) : undefined
  if (tenant === undefined) throw new OperatorError(`Region ${region} has no tenant ${slug}.`)
  return tenant
}
