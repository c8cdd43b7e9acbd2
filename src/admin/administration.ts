/**
 * Administration of a region by its operators and of a tenant by its own people: JSON over HTTP, each API a resource server
 * of Regent itself. Owns the one pipeline that every route runs in: who asks, whether it may, how often, under which
 * conditions, and what it is answered. Does not decide what may change: changes/ does. Knows no sockets and no Express.
 */
import type { ChangeParts } from '../changes/change.ts'
import type { Clock } from '../clock.ts'
import type { Reply } from '../exchange.ts'
import type { ClientId, TenantId } from '../ids.ts'
import type { Observe } from '../observe/observation.ts'
import { ADMIN_WORKSPACE, administrationOf } from '../tenancy/administration.ts'
import type { Region } from '../tenancy/region.ts'
import { isGone } from '../tenancy/tenant.ts'
import { requireCaller, requirePermission } from './caller.ts'
import { readJson, readPreferences, readQuery } from './input.ts'
import { readConditions } from './conditions.ts'
import { openContext } from './open-context.ts'
import type { AdminQuestion, AdminRegion } from './question.ts'
import { reply } from './reply.ts'
import { openApi } from './openapi.ts'
import { PERMISSIONS } from './permissions.ts'
import { notFound, Problem, problemReply } from './problem.ts'
import type { AdminRoute, Context, Shown } from './route.ts'
import { ROUTES } from './routes/index.ts'
import { turns, type InTurn } from './turns.ts'

type Needs = {
  readonly regions: ReadonlyMap<Region, AdminRegion>
  readonly changes: ChangeParts
  readonly clock: Clock
  /** Milliseconds of a clock that nobody sets. */
  readonly monotonic: () => number
  readonly observe: Observe
  /** Counts a call of this client. @returns seconds to wait, where it has called too often */
  readonly countCall: (region: Region, tenantId: TenantId, clientId: ClientId) => number | undefined
  /** Administers at a time, of each region. */
  readonly atOnce: number
}

export type Administration = ReturnType<typeof administration>

const PREFIX = { tenant: (tenant: string) => `/api/admin/${tenant}`, system: () => '/api/system' } as const

export function administration(needs: Needs) {
  const { regions, clock, monotonic, observe } = needs
  const inTurn = new Map([...regions.keys()].map((region) => [region, turns(needs.atOnce)]))
  // Made when somebody asks for it: a start does not wait for it.
  let made: object | undefined
  let printed: string | undefined
  const document = () => (made ??= openApi(ROUTES))

  const answerRoute = async (
    route: AdminRoute,
    params: Readonly<Record<string, string>>,
    question: AdminQuestion,
    onClient: (clientId: ClientId) => void,
  ): Promise<Reply> => {
    const { address, headers, peer } = question
    const { region, tenant: slug } = address
    const here = regions.get(region)
    if (here === undefined)
      throw new Problem(421, 'region_not_served', 'this server does not serve the region of this host')
    const arrived = monotonic()
    const workspace = await here.directory.locate({
      region,
      tenant: slug,
      workspace: ADMIN_WORKSPACE,
      mtls: false,
      path: '',
    })
    if (workspace === undefined || isGone(workspace.tenant, clock.now())) throw notFound()
    const { tenant } = workspace
    const audience = administrationOf(needs.changes.origin, tenant)
    const authorization = headers('authorization')
    const { directory } = here
    const asked = { authorization, peer, workspace, directory, audience, clock, arrived, onClient }
    const caller = await requireCaller(asked)
    const retryAfter = needs.countCall(region, tenant.id, caller.clientId)
    if (retryAfter !== undefined)
      throw new Problem(429, 'too_many_calls', 'ask again after the seconds that Retry-After names', {
        headers: { 'Retry-After': String(retryAfter) },
      })
    requirePermission(caller, PERMISSIONS[route.name], audience)
    if (tenant.suspended === true && route.method !== 'GET')
      throw new Problem(403, 'tenant_suspended', 'this tenant is suspended: its administration reads only')
    const query = readQuery(question.query, route.query)
    const body = route.body ? readJson(question.body, headers('content-type'), route.body) : {}
    const prefer = readPreferences(headers('prefer'))
    const conditions = readConditions(question, route, query, tenant.id, caller.clientId)
    const own = { region, tenant, caller, route, params, query, body, conditions, question }
    const { context, feedNumber } = openContext({ ...needs, ...own, here, wait: prefer.wait })
    const run = () => route.run(context as Context<never, never>)
    const shown = await inItsTurn(inTurn.get(region), run)
    const confirmed = shown.stream === undefined ? await context.confirmed() : {}
    const prefix = PREFIX[route.api](slug)
    return reply(route, shown, prefix, prefer.minimal && feedNumber() !== undefined, confirmed)
  }

  return {
    routes: ROUTES,
    /** OpenAPI 3.1. */
    document,

    /** Never rejects. @param route undefined: none of this path; `allow` then has the methods that there are, if any */
    async answer(
      found: { readonly route?: AdminRoute; readonly allow?: readonly string[] },
      params: Readonly<Record<string, string>>,
      question: AdminQuestion,
    ): Promise<Reply> {
      const { route, allow = [] } = found
      let asking: ClientId | undefined
      try {
        if (question.address.api === 'document' && question.method === 'GET')
          return {
            status: 200,
            headers: { 'Content-Type': 'application/json', 'Cache-Control': 'public, max-age=300' },
            body: (printed ??= JSON.stringify(document())),
          }
        if (route === undefined) throw allow.length === 0 ? notFound() : notAllowed(allow)
        return await answerRoute(route, params, question, (known) => (asking = known))
      } catch (error) {
        const actor = asking && `client ${asking}`
        return problemReply(error, question, observe, route?.name ?? 'administration', actor)
      }
    },
  }
}

/** An answer that comes while it is still worked on begins at once; its turn ends with the work. */
function inItsTurn(inTurn: InTurn | undefined, run: () => Promise<Shown>): Promise<Shown> {
  if (inTurn === undefined) return run()
  return new Promise((resolve, reject) => {
    inTurn(async () => {
      const shown = await run()
      resolve(shown)
      await shown.stream?.worked
    }).catch(reject)
  })
}

function notAllowed(allow: readonly string[]): Problem {
  const methods = allow.join(', ')
  return new Problem(405, 'method_not_allowed', `this URL takes ${methods} only`, {
    headers: { Allow: methods },
  })
}
