/** Routes of clients, and of what they were granted. */
import { z } from 'zod'
import { createClient, deleteClient, setClientState, updateClient } from '../../changes/client-changes.ts'
import { clientListStore } from '../../clients/client-list-store.ts'
import type { ResourceServerId } from '../../ids.ts'
import { changeClient } from '../change-client.ts'
import { Problem } from '../problem.ts'
import { requireMayGrant } from '../rising.ts'
import { route } from '../route.ts'
import {
  CLIENT,
  CLIENT_SETTINGS,
  clientSettingsOf,
  SCOPES,
  showClient,
  clientOf,
  findClient,
} from '../shown/client.ts'
import { cursorOf, DRY_RUN, MOMENT, page, PAGE, pageOf, readCursor, TEXT } from '../shapes.ts'

/** Clients that one page goes through, at most. */
const LOOKED_AT = 10_000

export const CLIENT_ROUTES = [
  route({
    name: 'client.list',
    api: 'tenant',
    method: 'GET',
    path: '/workspaces/{workspace}/clients',
    summary: 'Clients of a workspace, by id',
    query: z.strictObject({
      ...PAGE,
      state: z.enum(['enabled', 'disabled']).optional(),
      scope: z.string().max(200).optional().meta({ description: 'that were granted this one' }),
      unused_since: MOMENT.optional().meta({
        description:
          'made before, and not known to have been used since; a page may then have fewer than limit, even none, and goes on while there is next_cursor',
      }),
      expires_before: MOMENT.optional().meta({ description: 'with a secret that ends before' }),
    }),
    answers: { 200: pageOf(CLIENT) },
    async run({ workspace, read, query }) {
      const { id } = await workspace()
      const [after] = readCursor(query.cursor, [TEXT]) ?? []
      const filter = {
        ...(query.state !== undefined && { state: query.state }),
        ...(query.scope !== undefined && { scope: query.scope }),
        ...(query.unused_since !== undefined && { unusedSince: new Date(query.unused_since) }),
        ...(query.expires_before !== undefined && { expiresBefore: new Date(query.expires_before) }),
      }
      const { all, upTo } = await read(async (connection) => {
        const store = clientListStore(connection, id)
        // Who was not used is found by going through those who were: so many at a time.
        const end = query.unused_since === undefined ? undefined : await store.findWindowEnd(after, LOOKED_AT)
        const window = end === undefined ? filter : { ...filter, upTo: end }
        return { all: await store.listClients(window, after, query.limit + 1), upTo: end }
      })
      const shown = page(all, query.limit, (client) => [client.id], showClient)
      return { body: upTo === undefined ? shown : { next_cursor: cursorOf([upTo]), ...shown } }
    },
  }),
  route({
    name: 'client.create',
    api: 'tenant',
    method: 'POST',
    path: '/workspaces/{workspace}/clients',
    summary: 'Makes a client, with the scopes that it gets when it asks for none; it has no secret yet',
    query: z.strictObject(DRY_RUN),
    body: z.strictObject({
      id: z.string(),
      scopes: SCOPES.default([]),
      ...z.object(CLIENT_SETTINGS).partial().shape,
      name: z.string(),
    }),
    answers: { 201: CLIENT },
    async run({ workspace, caller, change, body }) {
      const found = await workspace()
      requireMayGrant(caller, found, body.scopes)
      const { id, scopes, default_resource_server_id: server, ...settings } = body
      return change({
        make: (needs) =>
          createClient(needs, found, {
            id,
            scopes,
            ...clientSettingsOf(settings),
            name: settings.name,
            ...(typeof server === 'string' && { defaultResourceServerId: server as ResourceServerId }),
          }),
        show: async (connection, { client }) => ({
          body: await findClient(connection, found, client.id),
          location: `/workspaces/${found.slug}/clients/${client.id}`,
        }),
      })
    },
  }),
  route({
    name: 'client.show',
    api: 'tenant',
    method: 'GET',
    path: '/workspaces/{workspace}/clients/{client}',
    summary: 'A client with what it was granted',
    answers: { 200: CLIENT },
    async run(context) {
      const workspace = await context.workspace()
      return {
        body: await context.read((connection) => findClient(connection, workspace, clientOf(context))),
      }
    },
  }),
  route({
    name: 'client.update',
    api: 'tenant',
    method: 'PATCH',
    path: '/workspaces/{workspace}/clients/{client}',
    summary: 'Changes what is named of its settings; or enables or disables it; or sets its limit',
    query: z.strictObject(DRY_RUN),
    body: z
      .strictObject({
        ...CLIENT_SETTINGS,
        state: z.enum(['enabled', 'disabled']),
        tokens_per_minute: z.int().min(1).max(1_000_000_000).nullable(),
      })
      .partial(),
    answers: { 200: CLIENT },
    run: (context) => {
      const {
        state,
        tokens_per_minute: limit,
        default_resource_server_id: server,
        ...settings
      } = context.body
      const others = Object.keys(context.body).length
      if (state !== undefined && others > 1)
        throw new Problem(
          422,
          'state_alone',
          'send state alone: enabling and disabling are changes of their own',
          {
            errors: [{ pointer: '/state', detail: 'send it alone' }],
          },
        )
      return changeClient(
        context,
        (workspace, id) => (needs) =>
          state === undefined
            ? updateClient(needs, workspace, id, {
                ...clientSettingsOf(settings),
                ...(limit !== undefined && { tokensPerMinute: limit }),
                ...(server !== undefined && { defaultResourceServerId: server as ResourceServerId | null }),
              })
            : setClientState(needs, workspace, id, state),
      )
    },
  }),
  route({
    name: 'client.delete',
    api: 'tenant',
    method: 'DELETE',
    path: '/workspaces/{workspace}/clients/{client}',
    summary: 'Ends a client with its secrets, for ever; its id stays taken',
    query: z.strictObject(DRY_RUN),
    answers: { 204: undefined },
    run: (context) =>
      changeClient(context, (workspace, id) => (needs) => deleteClient(needs, workspace, id), true),
  }),
]
