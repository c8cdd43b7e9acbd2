/** Routes of resource servers, and of the scopes that they own. */
import { z } from 'zod'
import { chooseSigning } from '../../changes/choose-signing.ts'
import { createResourceServer } from '../../changes/create-resource-server.ts'
import {
  addScopes,
  deleteResourceServer,
  removeScope,
  renameResourceServer,
} from '../../changes/resource-server-changes.ts'
import { requireOrdinary } from '../../changes/workspace-changes.ts'
import type { ResourceServerId } from '../../ids.ts'
import type { ScopeToken } from '../../oauth/scope.ts'
import { notFound } from '../problem.ts'
import { route, type Context } from '../route.ts'
import { findServer, listServers, OWNED_SCOPES, SERVER, SIGNING } from '../shown/resource-server.ts'
import { DRY_RUN, page, PAGE, pageOf, readCursor, UUID } from '../shapes.ts'

const idOf = ({ params }: Pick<Context, 'params'>): ResourceServerId => {
  if (!UUID.test(params.server ?? '')) throw notFound()
  return params.server as ResourceServerId
}

/** A change of one that is there, which answers what it is then. */
async function changed(
  context: Context,
  make: (
    ...of: readonly [
      Parameters<typeof renameResourceServer>[0],
      Parameters<typeof renameResourceServer>[1],
      Parameters<typeof renameResourceServer>[2],
    ]
  ) => Promise<{ readonly feedNumber: number }>,
  gone = false,
) {
  const workspace = await context.workspace()
  requireOrdinary(workspace)
  const id = idOf(context)
  const { server } = await context.read((connection) => findServer(connection, workspace.id, id))
  return context.change({
    make: (needs) => make(needs, workspace, server),
    state: async (connection) => (await findServer(connection, workspace.id, id)).shown,
    show: async (connection) =>
      gone ? {} : { status: 200, body: (await findServer(connection, workspace.id, id)).shown },
  })
}

export const RESOURCE_SERVER_ROUTES = [
  route({
    name: 'resource_server.list',
    api: 'tenant',
    method: 'GET',
    path: '/workspaces/{workspace}/resource-servers',
    summary: 'The APIs that tokens of a workspace are for',
    query: z.strictObject({
      ...PAGE,
      scope: z.string().max(200).optional().meta({ description: 'the one that owns it' }),
    }),
    answers: { 200: pageOf(SERVER) },
    async run({ workspace, read, query: { limit, cursor, scope } }) {
      const { id } = await workspace()
      const [after] = readCursor(cursor, [UUID]) ?? []
      const all = await read((connection) =>
        listServers(connection, id, after, limit + 1, { ...(scope !== undefined && { scope }) }),
      )
      return {
        body: page(
          all,
          limit,
          ({ server }) => [server.id],
          ({ shown }) => shown,
        ),
      }
    },
  }),
  route({
    name: 'resource_server.create',
    api: 'tenant',
    method: 'POST',
    path: '/workspaces/{workspace}/resource-servers',
    summary: 'Makes a resource server with the scopes that it owns',
    query: z.strictObject(DRY_RUN),
    body: z.strictObject({
      identifier: z.string(),
      name: z.string(),
      scopes: OWNED_SCOPES.default({}),
      signing_algorithm: SIGNING.signing_algorithm.optional(),
      jwt_type: SIGNING.jwt_type.optional(),
    }),
    answers: { 201: SERVER },
    async run({ workspace, change, body }) {
      const found = await workspace()
      requireOrdinary(found)
      const { identifier, name, scopes, signing_algorithm: algorithm, jwt_type: jwtType } = body
      return change({
        make: (needs) =>
          createResourceServer(needs, found, {
            identifier,
            name,
            scopes,
            ...(typeof algorithm === 'string' && { signingAlgorithm: algorithm }),
            ...(jwtType !== undefined && { jwtType }),
          }),
        show: async (connection, { resourceServer: { id } }) => ({
          body: (await findServer(connection, found.id, id)).shown,
          location: `/workspaces/${found.slug}/resource-servers/${id}`,
        }),
      })
    },
  }),
  route({
    name: 'resource_server.show',
    api: 'tenant',
    method: 'GET',
    path: '/workspaces/{workspace}/resource-servers/{server}',
    summary: 'A resource server with its scopes',
    answers: { 200: SERVER },
    async run(context) {
      const { id } = await context.workspace()
      return { body: (await context.read((connection) => findServer(connection, id, idOf(context)))).shown }
    },
  }),
  route({
    name: 'resource_server.update',
    api: 'tenant',
    method: 'PATCH',
    path: '/workspaces/{workspace}/resource-servers/{server}',
    summary: 'Changes its name, or how its tokens are signed: one of the two at a time',
    query: z.strictObject(DRY_RUN),
    body: z.strictObject({ name: z.string(), ...SIGNING }).partial(),
    answers: { 200: SERVER },
    run: (context) =>
      changed(context, (needs, workspace, server) => {
        const { name, signing_algorithm: algorithm, jwt_type: jwtType } = context.body
        if (name !== undefined && algorithm === undefined && jwtType === undefined)
          return renameResourceServer(needs, workspace, server, name)
        const chosen = algorithm === undefined ? server.signingAlgorithm : (algorithm ?? undefined)
        return chooseSigning(needs, workspace, server, chosen, jwtType ?? server.jwtType, name)
      }),
  }),
  route({
    name: 'resource_server.delete',
    api: 'tenant',
    method: 'DELETE',
    path: '/workspaces/{workspace}/resource-servers/{server}',
    summary: 'Ends a resource server whose scopes nobody was granted; its identifier stays taken',
    query: z.strictObject(DRY_RUN),
    answers: { 204: undefined },
    run: (context) => changed(context, deleteResourceServer, true),
  }),
  route({
    name: 'scope.add',
    api: 'tenant',
    method: 'POST',
    path: '/workspaces/{workspace}/resource-servers/{server}/scopes',
    summary: 'Gives a resource server more scopes',
    query: z.strictObject(DRY_RUN),
    body: z.strictObject({ scopes: OWNED_SCOPES }),
    answers: { 200: SERVER },
    run: (context) =>
      changed(context, (needs, workspace, server) =>
        addScopes(needs, workspace, server, context.body.scopes),
      ),
  }),
  route({
    name: 'scope.remove',
    api: 'tenant',
    method: 'DELETE',
    path: '/workspaces/{workspace}/resource-servers/{server}/scopes',
    summary: 'Takes a scope away that nobody was granted',
    query: z.strictObject({ scope: z.string(), ...DRY_RUN }),
    answers: { 200: SERVER },
    run: (context) =>
      changed(context, (needs, workspace, server) =>
        removeScope(needs, workspace, server, context.query.scope as ScopeToken),
      ),
  }),
]
