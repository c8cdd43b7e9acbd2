/** A server with an operator and two tenants, and the command line logged in as each: by the environment, as machines are. */
import { bootstrap } from '../../../src/changes/bootstrap.ts'
import { ROUTES } from '../../../src/admin/routes/index.ts'
import { API_COMMANDS } from '../../../src/cli/commands/index.ts'
import { documented } from '../../admin/documented.ts'
import { noteSecret } from '../../support/noted-secrets.ts'
import { freePort } from '../../support/postgres.ts'
import { openWorld } from '../../support/world.ts'
import { runHere, type Ended } from './run-here.ts'

export type Environment = Readonly<Record<string, string>>
/** What it is, its reader says. */
export type Shown = Readonly<Record<string, string>> & {
  readonly items: readonly Shown[]
  readonly keys: readonly Shown[]
}

export async function openPlace() {
  const world = await openWorld({ localPort: await freePort(), regions: ['eu'] })
  const made = await bootstrap(world.needs('eu'))
  if (made === undefined) throw new Error('there is an operator already')
  noteSecret('client secret', made.secret)
  const operator: Environment = {
    REGENT_URL: made.issuer,
    REGENT_CLIENT_ID: made.clientId,
    REGENT_CLIENT_SECRET: made.secret,
  }
  const tenantBy = async (slug: string): Promise<Environment> => {
    const { administrator } = (await json(operator, 'tenant', 'create', slug)) as unknown as Record<
      string,
      Environment
    >
    return {
      REGENT_URL: administrator?.token_endpoint ?? '',
      REGENT_CLIENT_ID: administrator?.client_id ?? '',
      REGENT_CLIENT_SECRET: administrator?.client_secret ?? '',
    }
  }
  return {
    world,
    operator,
    acme: await tenantBy('acme'),
    rival: await tenantBy('rival'),
    close: () => world.close(),
  }
}

export const run = (environment: Environment, ...args: readonly string[]): Promise<Ended> =>
  runHere(args, environment)

/** Commands whose JSON was held to the API's document. */
export const heldToDocument = new Set<string>()

/** Runs it with --json, which must succeed, and holds what it prints to what the API documents. */
export async function json(environment: Environment, ...args: readonly string[]): Promise<Shown> {
  const { code, out, err } = await run(environment, ...args, '--json')
  if (code !== 0) throw new Error(`${args.join(' ')}: ${code}\n${err}`)
  const shown = JSON.parse(out) as Shown
  const command = API_COMMANDS.find(({ name }) => name === args.slice(0, name.split(' ').length).join(' '))
  const route = ROUTES.find(({ name }) => name === command?.route)
  if (command === undefined || route === undefined)
    throw new Error(`${args.join(' ')} is no command of the table`)
  heldToDocument.add(command.name)
  const path =
    (route.api === 'system' ? '/api/system' : '/api/admin/acme') + route.path.replaceAll(/\{(\w+)\}/g, '$1')
  const status = Number(Object.keys(route.answers)[0])
  documented(route.method.toLowerCase(), path, undefined, status, 'application/json', shown)
  return shown
}
