/** Routes of operators: tenants of a region, their life and their quotas, and the nodes that serve them. */
import { z } from 'zod'
import { addTenantAdministrator } from '../../changes/add-administrator.ts'
import { createTenant } from '../../changes/create-tenant.ts'
import { setIssuanceLimit } from '../../changes/limit-changes.ts'
import { setQuotas } from '../../changes/tenant-changes.ts'
import { nodeStore } from '../../records/node-store.ts'
import { tenantListStore } from '../../tenancy/tenant-list-store.ts'
import { changeTenant } from '../change-tenant.ts'
import { Problem } from '../problem.ts'
import { route } from '../route.ts'
import { DRY_RUN, page, PAGE, pageOf, readCursor, TEXT } from '../shapes.ts'
import {
  ADMINISTRATOR,
  administratorOf,
  findTenant,
  NODE,
  showTenant,
  TENANT,
  TENANT_SETTINGS,
} from '../shown/tenant.ts'

export const SYSTEM_ROUTES = [
  route({
    name: 'system.tenant.list',
    api: 'system',
    method: 'GET',
    path: '/tenants',
    summary: 'Tenants of the region, by name; deleted ones too, until they are gone',
    query: z.strictObject({ ...PAGE, state: z.enum(['live', 'suspended', 'deleted']).optional() }),
    answers: { 200: pageOf(TENANT) },
    async run({ region, readAsOperator, query }) {
      const [after] = readCursor(query.cursor, [TEXT]) ?? []
      const all = await readAsOperator((connection) =>
        tenantListStore(connection, region).listTenants(after, query.limit + 1, undefined, query.state),
      )
      return { body: page(all, query.limit, ({ slug }) => [slug], showTenant) }
    },
  }),
  route({
    name: 'system.tenant.create',
    api: 'system',
    method: 'POST',
    path: '/tenants',
    summary: 'Makes a tenant, with its first administrator, whose secret is shown once',
    query: z.strictObject(DRY_RUN),
    body: z.strictObject({ slug: z.string() }),
    answers: { 201: TENANT.extend({ administrator: ADMINISTRATOR }) },
    run: (context) =>
      context.change({
        make: (needs) => createTenant(needs, context.body),
        show: async (connection, { tenant, administrator }) => ({
          body: {
            ...showTenant(await findTenant(connection, context.region, tenant.slug)),
            administrator: administratorOf(context, tenant.slug, administrator),
          },
          location: `/tenants/${tenant.slug}`,
          holdsSecret: true,
        }),
      }),
  }),
  route({
    name: 'system.tenant.show',
    api: 'system',
    method: 'GET',
    path: '/tenants/{tenant}',
    summary: 'A tenant with its state and its quotas',
    answers: { 200: TENANT },
    run: async ({ region, params, readAsOperator }) => ({
      body: showTenant(await readAsOperator((connection) => findTenant(connection, region, params.tenant))),
    }),
  }),
  route({
    name: 'system.tenant.update',
    api: 'system',
    method: 'PATCH',
    path: '/tenants/{tenant}',
    summary: 'Sets its quotas, or its limit of tokens a minute: one of the two at a time; null: none',
    query: z.strictObject(DRY_RUN),
    body: z.strictObject(TENANT_SETTINGS).partial(),
    answers: { 200: TENANT },
    run: (context) => {
      const { tokens_per_minute: limit, ...quotas } = context.body
      if (limit !== undefined && Object.keys(quotas).length > 0)
        throw new Problem(
          422,
          'limit_alone',
          'send tokens_per_minute alone: quotas are a change of their own',
          {
            errors: [{ pointer: '/tokens_per_minute', detail: 'send it alone' }],
          },
        )
      return changeTenant(
        context,
        (tenant) => (needs) =>
          limit === undefined
            ? setQuotas(needs, tenant, {
                workspaces: most(quotas.max_workspaces, tenant.quotas.workspaces),
                resourceServers: most(quotas.max_resource_servers, tenant.quotas.resourceServers),
                clients: most(quotas.max_clients, tenant.quotas.clients),
                scopes: most(quotas.max_scopes, tenant.quotas.scopes),
              })
            : setIssuanceLimit(needs, { tenant }, limit ?? undefined),
      )
    },
  }),
  route({
    name: 'system.administrator.create',
    api: 'system',
    method: 'POST',
    path: '/tenants/{tenant}/administrators',
    summary: 'Gives a tenant another administrator, whose secret is shown once: when all are lost',
    query: z.strictObject(DRY_RUN),
    body: z.strictObject({}),
    answers: { 201: ADMINISTRATOR },
    async run(context) {
      const { region, params } = context
      const tenant = await context.readAsOperator((connection) =>
        findTenant(connection, region, params.tenant),
      )
      return context.change({
        make: (needs) => addTenantAdministrator(needs, tenant),
        show: async (_connection, administrator) => ({
          body: administratorOf(context, tenant.slug, administrator),
          holdsSecret: true,
        }),
      })
    },
  }),
  route({
    name: 'system.node.list',
    api: 'system',
    method: 'GET',
    path: '/nodes',
    summary: 'Live nodes of the region, and how far each has read the changes',
    answers: { 200: z.object({ items: z.array(NODE) }) },
    run: async ({ region, readAsOperator }) => {
      const nodes = await readAsOperator((connection) => nodeStore(connection, region).listLiveNodes())
      return {
        body: {
          items: nodes.map((node) => ({
            id: node.id,
            version: node.version,
            feed_number: node.feedNumber,
            connections: node.connections,
            master_key_ids: [...node.masterKeyIds],
          })),
        },
      }
    },
  }),
]

/** Left out: as it is; null: as many as are made. */
function most(sent: number | null | undefined, now: number | undefined): number | undefined {
  return sent === undefined ? now : (sent ?? undefined)
}
