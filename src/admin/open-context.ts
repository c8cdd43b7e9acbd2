/** What a route of administration works with, once it is known who asks: the tenant's rows, and a way to change them. */
import type { ChangeParts } from '../changes/change.ts'
import type { Observe } from '../observe/observation.ts'
import { awaitConfirmation } from '../records/confirmation.ts'
import type { Region } from '../tenancy/region.ts'
import { isWorkspaceSlug } from '../tenancy/slug.ts'
import { workspaceStore } from '../tenancy/tenancy-store.ts'
import type { Tenant, Workspace } from '../tenancy/tenant.ts'
import type { AdminQuestion, AdminRegion } from './question.ts'
import type { Caller } from './caller.ts'
import { makeChange, type Conditions } from './make-change.ts'
import { notFound, problemReply } from './problem.ts'
import type { AdminRoute, ChangePlan, Context, Shown } from './route.ts'
import { changeMade } from './tell-change.ts'

type Opening = {
  readonly changes: ChangeParts
  readonly observe: Observe
  readonly here: AdminRegion
  readonly region: Region
  readonly tenant: Tenant
  readonly caller: Caller
  readonly route: AdminRoute
  readonly params: Readonly<Record<string, string>>
  readonly query: object
  readonly body: object
  readonly conditions: Conditions
  readonly question: AdminQuestion
  /** Seconds: Prefer: wait. */
  readonly wait: number | undefined
}

/** @returns beside it the number of the change that was made, once it was */
export function openContext(opening: Opening): {
  readonly context: Context
  readonly feedNumber: () => number | undefined
} {
  const { here, region, tenant, caller, route, params, query, body, question, changes, observe } = opening
  const { database } = here
  const { requestId, peer, headers } = question
  const actor = `client ${caller.clientId}`
  let feedNumber: number | undefined
  const context: Context = {
    caller,
    region,
    tenant,
    params,
    query,
    body,
    arriving: question.arriving ?? once(question.body),
    contentTypes: headers('content-type'),
    database,
    keyring: changes.keyring,
    origin: changes.origin,
    read: (work) => database.inTenant(tenant.id, work),
    readAsOperator: (work) => database.asOperator(work),
    async workspace() {
      const found = await database.inTenant(tenant.id, (connection) =>
        findWorkspace(connection, params.workspace),
      )
      if (found === undefined) throw notFound()
      return found
    },
    async change<Value extends object>(plan: ChangePlan<Value>): Promise<Shown> {
      const own = { region, database, actor, requestId, peer }
      const made = await makeChange({ ...changes, ...own }, opening.conditions, plan)
      ;({ feedNumber } = made)
      for (const event of made.events ?? [])
        observe(changeMade({ ...own, event, tenant: tenant.slug, route, params }))
      return made.shown
    },
    confirmed: async () => (feedNumber === undefined ? {} : confirm(here, region, feedNumber, opening.wait)),
    problem: (error) => {
      const { body: problem } = problemReply(error, question, observe, route.name, actor)
      return JSON.parse(problem.toString()) as object
    },
  }
  return { context, feedNumber: () => feedNumber }
}

async function* once(body: Buffer): AsyncGenerator<Buffer> {
  yield body
}

/** Until all live nodes know of it (RFC 7240 §4.3); who does not say so in time is named. */
async function confirm(
  { database, directory }: AdminRegion,
  region: Region,
  feedNumber: number,
  wait: number | undefined,
): Promise<Readonly<Record<string, string>>> {
  // This node's own memory first: who reads what it has just changed finds it so. It is done all the same.
  await directory.feed.poll().catch(() => {})
  if (wait === undefined) return {}
  const found = await awaitConfirmation(database, region, feedNumber, wait).catch(() => undefined)
  // Nobody could be asked who knows of it: the preference was not applied.
  if (found === undefined) return {}
  const { missing } = found
  return {
    'Preference-Applied': `wait=${wait}`,
    ...(missing.length > 0 && { 'Regent-Unconfirmed-Nodes': missing.join(', ') }),
  }
}

async function findWorkspace(
  connection: Parameters<typeof workspaceStore>[0],
  slug: string | undefined,
): Promise<Workspace | undefined> {
  return slug !== undefined && isWorkspaceSlug(slug)
    ? workspaceStore(connection).findWorkspace(slug)
    : undefined
}
