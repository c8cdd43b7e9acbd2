/** Routes of a tenant as its people see it, and of its workspaces. */
import { z } from 'zod'
import { createWorkspace } from '../../changes/create-workspace.ts'
import { setWorkspaceState, updateWorkspace } from '../../changes/workspace-changes.ts'
import { isWorkspaceSlug, type WorkspaceSlug } from '../../tenancy/slug.ts'
import { quotaStore } from '../../tenancy/quota-store.ts'
import { workspaceStore } from '../../tenancy/tenancy-store.ts'
import type { Quotas } from '../../tenancy/tenant.ts'
import { notFound } from '../problem.ts'
import { route, type Connection, type Context } from '../route.ts'
import { DRY_RUN, page, PAGE, pageOf, readCursor, TEXT } from '../shapes.ts'
import {
  PATCH,
  showWorkspace,
  SUMMARY,
  TENANT,
  WORKSPACE,
  WORKSPACE_SETTINGS,
  workspaceSettingsOf,
} from '../shown/workspace.ts'
import type { TenantConnection } from '../../storage/transaction.ts'

const show = async (connection: Connection, slug: WorkspaceSlug) => {
  const found = await workspaceStore(connection as TenantConnection).findWorkspace(slug)
  if (found === undefined) throw notFound()
  return showWorkspace(found)
}

async function showTenant({ tenant, read }: Context): Promise<z.input<typeof TENANT>> {
  const quota = (of: keyof Quotas) =>
    read(async (connection) => {
      const store = quotaStore(connection)
      return { most: (await store.findQuotas())[of] ?? null, count: await store.count(of) }
    })
  return {
    slug: tenant.slug,
    region: tenant.region,
    state: tenant.suspended === true ? 'suspended' : 'live',
    tokens_per_minute: tenant.tokensPerMinute ?? null,
    workspaces: await quota('workspaces'),
    resource_servers: await quota('resourceServers'),
    clients: await quota('clients'),
    scopes: await quota('scopes'),
  }
}

export const WORKSPACE_ROUTES = [
  route({
    name: 'tenant.show',
    api: 'tenant',
    method: 'GET',
    path: '',
    summary: 'The tenant, and how many of each it has and may have',
    answers: { 200: TENANT },
    run: async (context) => ({ body: await showTenant(context) }),
  }),
  route({
    name: 'workspace.list',
    api: 'tenant',
    method: 'GET',
    path: '/workspaces',
    summary: 'Its workspaces, by name',
    query: z.strictObject({ ...PAGE, state: z.enum(['enabled', 'disabled']).optional() }),
    answers: { 200: pageOf(SUMMARY) },
    async run({ read, query: { limit, cursor, state } }) {
      const [after] = readCursor(cursor, [TEXT]) ?? []
      const all = await read((connection) =>
        workspaceStore(connection).listWorkspaces(after, limit + 1, state),
      )
      return {
        body: page(
          all,
          limit,
          ({ slug }) => [slug],
          ({ slug, issuer }) => ({ slug, issuer }),
        ),
      }
    },
  }),
  route({
    name: 'workspace.create',
    api: 'tenant',
    method: 'POST',
    path: '/workspaces',
    summary: 'Makes a workspace: its issuer, for ever, and its first keys',
    query: z.strictObject(DRY_RUN),
    body: z.strictObject({ slug: z.string(), ...z.object(WORKSPACE_SETTINGS).partial().shape }),
    answers: { 201: WORKSPACE },
    run: ({ tenant, change, body: { slug, ...settings } }) =>
      change({
        make: (needs) => createWorkspace(needs, tenant, { slug, settings: workspaceSettingsOf(settings) }),
        show: async (connection) => ({
          body: await show(connection, slug as WorkspaceSlug),
          location: `/workspaces/${slug}`,
        }),
      }),
  }),
  route({
    name: 'workspace.show',
    api: 'tenant',
    method: 'GET',
    path: '/workspaces/{workspace}',
    summary: 'A workspace with its settings',
    answers: { 200: WORKSPACE },
    run: async ({ workspace }) => ({ body: showWorkspace(await workspace()) }),
  }),
  route({
    name: 'workspace.update',
    api: 'tenant',
    method: 'PATCH',
    path: '/workspaces/{workspace}',
    summary: 'Changes what is named of its settings, or enables or disables it',
    query: z.strictObject(DRY_RUN),
    body: PATCH,
    answers: { 200: WORKSPACE },
    async run({ workspace, change, params, body }) {
      const found = await workspace()
      const { state } = body
      const slug = slugOf(params.workspace)
      return change({
        make: (needs) =>
          state !== undefined && Object.keys(body).length === 1
            ? setWorkspaceState(needs, found, state)
            : updateWorkspace(needs, found, {
                ...workspaceSettingsOf(body),
                ...(state && { disabled: state === 'disabled' }),
              }),
        state: (connection) => show(connection, slug),
        show: async (connection) => ({ body: await show(connection, slug) }),
      })
    },
  }),
  route({
    name: 'workspace.delete',
    api: 'tenant',
    method: 'DELETE',
    path: '/workspaces/{workspace}',
    summary: 'Ends a workspace and its documents, at once and for ever; its name stays taken',
    query: z.strictObject(DRY_RUN),
    answers: { 204: undefined },
    async run({ workspace, change, params }) {
      const found = await workspace()
      return change({
        make: (needs) => setWorkspaceState(needs, found, 'deleted'),
        state: (connection) => show(connection, slugOf(params.workspace)),
        show: async () => ({}),
      })
    },
  }),
]

function slugOf(text: string | undefined): WorkspaceSlug {
  if (text === undefined || !isWorkspaceSlug(text)) throw notFound()
  return text
}
