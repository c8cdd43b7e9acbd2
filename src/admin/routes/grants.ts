/** Routes of what a client was granted, and of what it got. */
import { z } from 'zod'
import { grantScopes, withdrawScopes } from '../../changes/scope-changes.ts'
import type { ScopeToken } from '../../oauth/scope.ts'
import { tenantUseStore } from '../../records/use-store.ts'
import { changeClient } from '../change-client.ts'
import { requireMayGrant } from '../rising.ts'
import { route } from '../route.ts'
import { DRY_RUN } from '../shapes.ts'
import { CLIENT, clientOf, findClient, SCOPES, TOKENS } from '../shown/client.ts'

export const GRANT_ROUTES = [
  route({
    name: 'client.grant',
    api: 'tenant',
    method: 'POST',
    path: '/workspaces/{workspace}/clients/{client}/scopes',
    summary: 'Grants scopes, or changes whether it gets them when it asks for none',
    query: z.strictObject(DRY_RUN),
    body: z.strictObject({ scopes: SCOPES, by_default: z.boolean().default(true) }),
    answers: { 200: CLIENT },
    async run(context) {
      const { scopes, by_default: byDefault } = context.body
      requireMayGrant(context.caller, await context.workspace(), scopes)
      return changeClient(
        context,
        (workspace, id) => (needs) => grantScopes(needs, workspace, id, scopes, byDefault),
      )
    },
  }),
  route({
    name: 'client.withdraw',
    api: 'tenant',
    method: 'DELETE',
    path: '/workspaces/{workspace}/clients/{client}/scopes',
    summary: 'Withdraws a scope: no token has it from now on',
    query: z.strictObject({ scope: z.string(), ...DRY_RUN }),
    answers: { 200: CLIENT },
    run: (context) =>
      changeClient(
        context,
        (workspace, id) => (needs) =>
          withdrawScopes(needs, workspace, id, [context.query.scope as ScopeToken]),
      ),
  }),
  route({
    name: 'usage.show',
    api: 'tenant',
    method: 'GET',
    path: '/workspaces/{workspace}/clients/{client}/usage',
    summary: 'How many tokens it got, by day (UTC)',
    answers: { 200: z.object({ days: z.array(TOKENS) }) },
    async run(context) {
      const workspace = await context.workspace()
      const id = clientOf(context)
      return context.read(async (connection) => {
        await findClient(connection, workspace, id)
        return { body: { days: [...(await tenantUseStore(connection, workspace.id).listCounts(id))] } }
      })
    },
  }),
]
