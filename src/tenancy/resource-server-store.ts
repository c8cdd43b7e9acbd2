/** Rows of resource servers and the scope tokens that they own, for one workspace. */
import { z } from 'zod'
import type { ResourceServerId, WorkspaceId } from '../ids.ts'
import type { ResourceIdentifier } from '../oauth/resource.ts'
import { isScopeToken, type ScopeToken } from '../oauth/scope.ts'
import type { Algorithm, JwtType } from '../oauth/signing.ts'
import { readRow } from '../storage/row.ts'
import type { TenantConnection } from '../storage/transaction.ts'
import type { OwnedScope, ResourceServer } from './resource-server.ts'

export type ServerFilter = {
  readonly id?: ResourceServerId
  /** It owns this one. */
  readonly scope?: string
}

export function resourceServerStore({ db, tenantId }: TenantConnection, workspaceId: WorkspaceId) {
  return {
    async findResourceServer(identifier: ResourceIdentifier): Promise<ResourceServer | undefined> {
      const row = await db
        .selectFrom('resource_server')
        .selectAll()
        .where('tenant_id', '=', tenantId)
        .where('workspace_id', '=', workspaceId)
        .where('identifier', '=', identifier)
        .executeTakeFirst()
      return row && readServer(row)
    },

    /** By identifier, in the order of their ids. @param after an id; undefined: from the first */
    async listResourceServers(
      after: string | undefined,
      most: number,
      { id, scope }: ServerFilter = {},
    ): Promise<readonly (ResourceServer & { readonly createdAt: Date })[]> {
      let query = db
        .selectFrom('resource_server')
        .select(['resource_server_id', 'identifier', 'name', 'signing_algorithm', 'jwt_type', 'created_at'])
        .where('tenant_id', '=', tenantId)
        .where('workspace_id', '=', workspaceId)
        .orderBy('resource_server_id')
        .limit(most)
      if (after !== undefined) query = query.where('resource_server_id', '>', after as ResourceServerId)
      if (id !== undefined) query = query.where('resource_server_id', '=', id)
      if (scope !== undefined)
        query = query.where((eb) =>
          eb(
            'resource_server_id',
            'in',
            eb
              .selectFrom('scope')
              .select('resource_server_id')
              .where('tenant_id', '=', tenantId)
              .where('workspace_id', '=', workspaceId)
              .where('scope_token', '=', scope),
          ),
        )
      const rows = await query.execute()
      return rows.map((row) => ({ ...readServer(row), createdAt: row.created_at }))
    },

    async listScopes(): Promise<readonly OwnedScope[]> {
      const rows = await db
        .selectFrom('scope')
        .select(['scope_token', 'resource_server_id', 'description'])
        .where('tenant_id', '=', tenantId)
        .where('workspace_id', '=', workspaceId)
        .orderBy('scope_token')
        .execute()
      return rows.map(readScope)
    },

    /** What resource servers have chosen; nothing of those that have not. */
    async listSigningAlgorithms(): Promise<readonly Algorithm[]> {
      const rows = await db
        .selectFrom('resource_server')
        .select('signing_algorithm')
        .distinct()
        .where('tenant_id', '=', tenantId)
        .where('workspace_id', '=', workspaceId)
        .where('signing_algorithm', 'is not', null)
        .execute()
      return rows.map((row) => row.signing_algorithm as Algorithm)
    },

    async insertResourceServer(server: ResourceServer): Promise<void> {
      await db
        .insertInto('resource_server')
        .values({
          tenant_id: tenantId,
          workspace_id: workspaceId,
          resource_server_id: server.id,
          identifier: server.identifier,
          name: server.name,
          signing_algorithm: server.signingAlgorithm ?? null,
          jwt_type: server.jwtType,
        })
        .execute()
    },

    async updateSigning(
      id: ResourceServerId,
      algorithm: Algorithm | undefined,
      jwtType: JwtType,
    ): Promise<boolean> {
      const { numUpdatedRows } = await db
        .updateTable('resource_server')
        .set({ signing_algorithm: algorithm ?? null, jwt_type: jwtType })
        .where('tenant_id', '=', tenantId)
        .where('workspace_id', '=', workspaceId)
        .where('resource_server_id', '=', id)
        .executeTakeFirst()
      return numUpdatedRows === 1n
    },

    async updateName(id: ResourceServerId, name: string): Promise<boolean> {
      const { numUpdatedRows } = await db
        .updateTable('resource_server')
        .set({ name })
        .where('tenant_id', '=', tenantId)
        .where('workspace_id', '=', workspaceId)
        .where('resource_server_id', '=', id)
        .executeTakeFirst()
      return numUpdatedRows === 1n
    },

    async deleteResourceServer(id: ResourceServerId): Promise<boolean> {
      const { numDeletedRows } = await db
        .deleteFrom('resource_server')
        .where('tenant_id', '=', tenantId)
        .where('workspace_id', '=', workspaceId)
        .where('resource_server_id', '=', id)
        .executeTakeFirst()
      return numDeletedRows === 1n
    },

    async deleteScope(id: ResourceServerId, token: ScopeToken): Promise<boolean> {
      const { numDeletedRows } = await db
        .deleteFrom('scope')
        .where('tenant_id', '=', tenantId)
        .where('workspace_id', '=', workspaceId)
        .where('resource_server_id', '=', id)
        .where('scope_token', '=', token)
        .executeTakeFirst()
      return numDeletedRows === 1n
    },

    async insertScope({ token, resourceServerId, description }: OwnedScope): Promise<void> {
      await db
        .insertInto('scope')
        .values({
          tenant_id: tenantId,
          workspace_id: workspaceId,
          scope_token: token,
          resource_server_id: resourceServerId,
          description,
        })
        .execute()
    },
  }
}

const SCOPE = z.object({
  scope_token: z.string().max(200).refine(isScopeToken),
  resource_server_id: z.uuid(),
  description: z.string().max(1000),
})

function readScope(scopeRow: unknown): OwnedScope {
  const row = readRow('scope', SCOPE, scopeRow)
  return {
    token: row.scope_token,
    resourceServerId: row.resource_server_id as ResourceServerId,
    description: row.description,
  }
}

function readServer(row: {
  resource_server_id: ResourceServerId
  identifier: string
  name: string
  signing_algorithm: string | null
  jwt_type: string
}): ResourceServer {
  return {
    id: row.resource_server_id,
    identifier: row.identifier as ResourceIdentifier,
    name: row.name,
    signingAlgorithm: (row.signing_algorithm ?? undefined) as Algorithm | undefined,
    jwtType: row.jwt_type as JwtType,
  }
}
