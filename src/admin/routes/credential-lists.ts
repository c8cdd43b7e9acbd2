/** Lists of credentials: of one client, and of all clients of a workspace. */
import { z } from 'zod'
import { credentialListStore, type ListedCredential } from '../../clients/credential-list-store.ts'
import type { ClientId } from '../../ids.ts'
import type { Workspace } from '../../tenancy/tenant.ts'
import { route, type Context, type Shown } from '../route.ts'
import { clientOf, findClient } from '../shown/client.ts'
import { CREDENTIAL, showCredential } from '../shown/credential.ts'
import { DIGITS, MOMENT, page, PAGE, pageOf, readCursor, TEXT } from '../shapes.ts'

const LIST = z.strictObject({
  ...PAGE,
  state: z.enum(['live', 'revoked']).optional(),
  expires_before: MOMENT.optional(),
  unused_since: MOMENT.optional().meta({
    description: 'made before, and not known to have been used since',
  }),
  sort: z.enum(['id', 'expires_at']).default('id').meta({
    description:
      'expires_at: the first to end first, without those that have no end; id: by client, then by id',
  }),
})

async function listCredentials(
  { read, query }: Context<z.output<typeof LIST>>,
  workspace: Workspace,
  clientId?: ClientId,
): Promise<Shown> {
  const byEnd = query.sort === 'expires_at'
  const after = readCursor(query.cursor, byEnd ? [DIGITS, TEXT, TEXT] : [TEXT, TEXT])
  const filter = {
    byEnd,
    ...(clientId !== undefined && { clientId }),
    ...(query.state !== undefined && { state: query.state }),
    ...(query.expires_before !== undefined && { expiresBefore: new Date(query.expires_before) }),
    ...(query.unused_since !== undefined && { unusedSince: new Date(query.unused_since) }),
  }
  const all = await read((connection) =>
    credentialListStore(connection, workspace.id).listCredentials(filter, after, query.limit + 1),
  )
  const keyOf = ({ end = '', ...one }: ListedCredential) => [...(byEnd ? [end] : []), one.clientId, one.id]
  return { body: page(all, query.limit, keyOf, showCredential) }
}

export const CREDENTIAL_LIST_ROUTES = [
  route({
    name: 'credential.list',
    api: 'tenant',
    method: 'GET',
    path: '/workspaces/{workspace}/clients/{client}/credentials',
    summary: 'Secrets of a client',
    query: LIST,
    answers: { 200: pageOf(CREDENTIAL) },
    async run(context) {
      const workspace = await context.workspace()
      const clientId = clientOf(context)
      await context.read((connection) => findClient(connection, workspace, clientId))
      return listCredentials(context, workspace, clientId)
    },
  }),
  route({
    name: 'credential.list_all',
    api: 'tenant',
    method: 'GET',
    path: '/workspaces/{workspace}/credentials',
    summary: 'Secrets of all clients of a workspace: those that end soon, for one',
    query: LIST,
    answers: { 200: pageOf(CREDENTIAL) },
    run: async (context) => listCredentials(context, await context.workspace()),
  }),
]
