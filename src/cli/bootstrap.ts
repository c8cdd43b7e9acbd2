/** `regent bootstrap`: the first operator client of a region, whose secret is shown once. Safe to run twice. */
import { Command } from 'commander'
import { bootstrap, recoverOperator, type Bootstrapped } from '../changes/bootstrap.ts'
import { ChangeRefusal } from '../changes/refusal.ts'
import { OperatorError } from '../storage/operator-error.ts'
import { administrationOf, SYSTEM_TENANT } from '../tenancy/administration.ts'
import { report, say } from './print.ts'
import { requireRegion, withRegions } from './with-regions.ts'

type Options = { region?: string; recover?: boolean; json?: boolean }

export function bootstrapCommand(): Command {
  return new Command('bootstrap')
    .option('--region <region>', 'only this one: au, eu, us or none; default: all that are configured')
    .option(
      '--recover',
      'make another operator, because the secrets of all are lost; the audit trail says so',
    )
    .option('--json', 'print what was made as JSON')
    .addHelpText('after', '\nExample:\n  regent bootstrap --region eu')
    .action(run)
}

async function run({ region, recover, json }: Options): Promise<void> {
  if (recover && region === undefined)
    throw new OperatorError('--recover needs --region: say whose operator is to be made.')
  await withRegions('regent bootstrap', 'the embedded database is for trying out.', async (regions) => {
    const wanted = region === undefined ? [...regions.values()] : [requireRegion(regions, region)]
    const made: (Bootstrapped & { region: string; resource: string })[] = []
    for (const needs of wanted) {
      const operator = await (recover ? recoverOperator(needs) : bootstrap(needs)).catch(explain)
      const resource = administrationOf(needs.origin, { region: needs.region, slug: SYSTEM_TENANT })
      if (operator !== undefined) made.push({ region: needs.region, resource, ...operator })
      else report(`${needs.region}: there is an operator already. If its secret is lost: --recover`)
    }
    if (json) say(JSON.stringify(made))
    else for (const one of made) tell(one)
  })
}

function tell({
  region,
  issuer,
  resource,
  clientId,
  secret,
}: Bootstrapped & { region: string; resource: string }) {
  say(`${region}: an operator. Keep the secret: it is not shown again.`)
  say(`  token endpoint  ${issuer}/oauth2/token`)
  say(`  client_id       ${clientId}`)
  say(`  client_secret   ${secret}`)
  say(`  API             ${resource}`)
  report(`To administer: regent login --url ${issuer} --client-id ${clientId}`)
}

function explain(error: unknown): never {
  throw error instanceof ChangeRefusal ? new OperatorError(`${error.message}.`, { cause: error }) : error
}
