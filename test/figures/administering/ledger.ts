/** What was acknowledged while servers were killed, held against what is there. */
import type { Body } from '../../admin/api.ts'
import { askForToken, inLanes } from './administrators.ts'
import { allPages, done, type Tenant } from './place.ts'

const KINDS = ['client_created', 'secret_created', 'scopes_granted', 'client_changed'] as const
const CLIENTS = '/workspaces/shop/clients'

/** One that is acknowledged as a whole. */
export type Written = {
  readonly tenant: Tenant
  readonly id: string
  readonly secret: string
  readonly credentialId: string
}
/** @returns what is not there as it was acknowledged, or not once */
export async function compare(
  tenant: Tenant,
  port: number,
  written: readonly Written[],
  eventsBefore: number,
): Promise<readonly string[]> {
  const wrong: string[] = []
  const clients = new Map((await allPages(tenant, port, CLIENTS)).map((one: Body) => [one.id as string, one]))
  if (clients.size !== written.length)
    wrong.push(`${written.length} clients were acknowledged, and ${clients.size} are there`)
  const credentials = await allPages(tenant, port, '/workspaces/shop/credentials')
  const kept = new Map(credentials.map((one: Body) => [one.id as string, one.client_id as string]))
  if (kept.size !== written.length)
    wrong.push(`${written.length} secrets were acknowledged, and ${kept.size} are there`)
  const events = (await tenant.events()).slice(eventsBefore)
  const times = new Map<string, number>()
  for (const { action, subject } of events) {
    const what = `${action} ${subject}`
    times.set(what, (times.get(what) ?? 0) + 1)
  }
  for (const { id, credentialId } of written) {
    const client = clients.get(id)
    if (client?.tokens_per_minute !== Number(id.slice(6)) || client.scopes.length !== 2)
      wrong.push(`${id} is not as it was acknowledged`)
    if (kept.get(credentialId) !== id) wrong.push(`the secret of ${id} is not there`)
    for (const kind of KINDS)
      if (times.get(`${kind} ${id}`) !== 1)
        wrong.push(`${kind} ${id}: ${times.get(`${kind} ${id}`) ?? 0} times`)
  }
  if (events.length !== written.length * KINDS.length) wrong.push(`the trail has ${events.length} events`)
  const verdict = done(await tenant.ask(port, 'get', '/audit-events/verification'))
  if (verdict.faults.length > 0) wrong.push(`the trail: ${JSON.stringify(verdict.faults)}`)
  return wrong
}

/** A secret that was shown works, whoever showed it. */
export async function tryTokens(port: number, written: readonly Written[]): Promise<readonly string[]> {
  const wrong: string[] = []
  await inLanes(4, written, async ({ tenant, id, secret }) => {
    const tokenEndpoint = `${new URL(tenant.url).origin}/${tenant.slug}/shop/oauth2/token`
    const { status } = await askForToken(port, tokenEndpoint, id, secret)
    if (status !== 200) wrong.push(`${id} got no token: ${status}`)
  })
  return wrong
}
