/** Rows of clients, their credentials and grants, for one workspace. Reads and writes, nothing else. */
import type { ClientId, CredentialId, WorkspaceId } from '../ids.ts'
import type { ResourceIdentifier } from '../oauth/resource.ts'
import type { ScopeToken } from '../oauth/scope.ts'
import type { Algorithm, JwtType } from '../oauth/signing.ts'
import type { TenantConnection } from '../storage/transaction.ts'
import type { Client, Credential, KnownClient, ScopeGrant } from './client.ts'

export function clientStore({ db, tenantId }: TenantConnection, workspaceId: WorkspaceId) {
  const here = { tenant_id: tenantId, workspace_id: workspaceId }

  return {
    async findClient(id: ClientId): Promise<KnownClient | undefined> {
      const row = await db
        .selectFrom('client')
        .selectAll()
        .where((eb) => eb.and({ ...here, client_id: id }))
        .executeTakeFirst()
      if (row === undefined) return undefined
      const credentials = await this.listCredentials(id)
      const grants = await this.listGrants(id)
      return {
        id: row.client_id,
        name: row.name,
        state: row.state,
        tokenEndpointAuthMethod: row.token_endpoint_auth_method,
        strictAuthMethod: row.strict_auth_method,
        grantTypes: row.grant_types,
        defaultResourceServerId: row.default_resource_server_id ?? undefined,
        severalResources: row.several_resources,
        credentials,
        grants,
      }
    },

    async listCredentials(clientId: ClientId): Promise<readonly Credential[]> {
      const rows = await db
        .selectFrom('credential')
        .selectAll()
        .where((eb) => eb.and({ ...here, client_id: clientId }))
        .orderBy('created_at')
        .execute()
      return rows.map((row) => ({
        id: row.credential_id,
        origin: row.origin,
        label: row.label,
        bcryptHash: row.bcrypt_hash,
        state: row.state,
        notBefore: numericDate(row.not_before),
        expiresAt: numericDate(row.expires_at),
      }))
    },

    async listGrants(clientId: ClientId): Promise<readonly ScopeGrant[]> {
      const rows = await db
        .selectFrom('scope_grant as granted')
        .innerJoin('scope', (join) =>
          join
            .onRef('scope.tenant_id', '=', 'granted.tenant_id')
            .onRef('scope.workspace_id', '=', 'granted.workspace_id')
            .onRef('scope.scope_token', '=', 'granted.scope_token'),
        )
        .innerJoin('resource_server as owner', (join) =>
          join
            .onRef('owner.tenant_id', '=', 'scope.tenant_id')
            .onRef('owner.workspace_id', '=', 'scope.workspace_id')
            .onRef('owner.resource_server_id', '=', 'scope.resource_server_id'),
        )
        .select(['granted.scope_token', 'granted.by_default', 'owner.resource_server_id', 'owner.identifier'])
        .select(['owner.signing_algorithm', 'owner.jwt_type'])
        .where('granted.tenant_id', '=', tenantId)
        .where('granted.workspace_id', '=', workspaceId)
        .where('granted.client_id', '=', clientId)
        .orderBy('granted.scope_token')
        .execute()
      return rows.map((row) => ({
        scopeToken: row.scope_token as ScopeToken,
        byDefault: row.by_default,
        resourceServerId: row.resource_server_id,
        resource: row.identifier as ResourceIdentifier,
        signingAlgorithm: (row.signing_algorithm ?? undefined) as Algorithm | undefined,
        jwtType: row.jwt_type as JwtType,
      }))
    },

    /** Nobody else changes this client until the transaction ends. @returns whether there is such a client */
    async lockClient(id: ClientId): Promise<boolean> {
      const row = await db
        .selectFrom('client')
        .select('client_id')
        .where((eb) => eb.and({ ...here, client_id: id }))
        .forUpdate()
        .executeTakeFirst()
      return row !== undefined
    },

    async insertClient(client: Client): Promise<void> {
      await db
        .insertInto('client')
        .values({
          ...here,
          client_id: client.id,
          name: client.name,
          state: client.state,
          token_endpoint_auth_method: client.tokenEndpointAuthMethod,
          strict_auth_method: client.strictAuthMethod,
          grant_types: [...client.grantTypes],
          default_resource_server_id: client.defaultResourceServerId ?? null,
          several_resources: client.severalResources,
        })
        .execute()
    },

    async updateClientState(id: ClientId, state: Client['state']): Promise<boolean> {
      const { numUpdatedRows } = await db
        .updateTable('client')
        .set({ state })
        .where((eb) => eb.and({ ...here, client_id: id }))
        .executeTakeFirst()
      return numUpdatedRows === 1n
    },

    /** @param limit tokens a minute; undefined: as many as are asked for */
    async updateClientLimit(id: ClientId, limit: number | undefined): Promise<boolean> {
      const { numUpdatedRows } = await db
        .updateTable('client')
        .set({ tokens_per_minute: limit ?? null })
        .where((eb) => eb.and({ ...here, client_id: id }))
        .executeTakeFirst()
      return numUpdatedRows === 1n
    },

    async deleteClient(id: ClientId): Promise<boolean> {
      const { numDeletedRows } = await db
        .deleteFrom('client')
        .where((eb) => eb.and({ ...here, client_id: id }))
        .executeTakeFirst()
      return numDeletedRows === 1n
    },

    /** @param slot one of five that a live credential holds */
    async insertCredential(clientId: ClientId, slot: number, credential: Credential): Promise<void> {
      await db
        .insertInto('credential')
        .values({
          ...here,
          client_id: clientId,
          credential_id: credential.id,
          kind: 'secret',
          origin: credential.origin,
          label: credential.label,
          bcrypt_hash: credential.bcryptHash,
          slot,
          state: credential.state,
          not_before: databaseDate(credential.notBefore),
          expires_at: databaseDate(credential.expiresAt),
        })
        .execute()
    },

    async listTakenSlots(clientId: ClientId): Promise<readonly number[]> {
      const rows = await db
        .selectFrom('credential')
        .select('slot')
        .where((eb) => eb.and({ ...here, client_id: clientId }))
        .where('slot', 'is not', null)
        .execute()
      return rows.flatMap(({ slot }) => slot ?? [])
    },

    async revokeCredential(clientId: ClientId, id: CredentialId): Promise<boolean> {
      const { numUpdatedRows } = await db
        .updateTable('credential')
        .set({ state: 'revoked', slot: null })
        .where((eb) => eb.and({ ...here, client_id: clientId, credential_id: id, state: 'live' }))
        .executeTakeFirst()
      return numUpdatedRows === 1n
    },

    async upsertGrant(clientId: ClientId, scopeToken: ScopeToken, byDefault: boolean): Promise<void> {
      await db
        .insertInto('scope_grant')
        .values({ ...here, client_id: clientId, scope_token: scopeToken, by_default: byDefault })
        .onConflict((conflict) =>
          conflict
            .columns(['tenant_id', 'workspace_id', 'client_id', 'scope_token'])
            .doUpdateSet({ by_default: byDefault }),
        )
        .execute()
    },

    async deleteGrant(clientId: ClientId, scopeToken: ScopeToken): Promise<boolean> {
      const { numDeletedRows } = await db
        .deleteFrom('scope_grant')
        .where((eb) => eb.and({ ...here, client_id: clientId, scope_token: scopeToken }))
        .executeTakeFirst()
      return numDeletedRows === 1n
    },
  }
}

function numericDate(date: Date | null): number | undefined {
  return date === null ? undefined : Math.floor(date.getTime() / 1000)
}

function databaseDate(seconds: number | undefined): Date | null {
  return seconds === undefined ? null : new Date(seconds * 1000)
}
