/** Writes rows of clients, their credentials and grants, for one workspace. Requests read `known-client-store.ts`. */
import { sql, type RawBuilder } from 'kysely'
import type { ClientId, CredentialId, WorkspaceId } from '../ids.ts'
import type { ScopeToken } from '../oauth/scope.ts'
import type { TenantConnection } from '../storage/transaction.ts'
import type { Client, NewCredential } from './client.ts'

export function clientStore({ db, tenantId }: TenantConnection, workspaceId: WorkspaceId) {
  const here = { tenant_id: tenantId, workspace_id: workspaceId }
  const live = (clientId: ClientId, id: CredentialId) =>
    ({ ...here, client_id: clientId, credential_id: id, state: 'live' }) as const

  return {
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
          ...settingsOf(client),
          state: client.state,
          grant_types: [...client.grantTypes],
        })
        .execute()
    },

    /** But for its name, which it is called by for ever, and its state. */
    async updateClient({ id, ...client }: Omit<Client, 'state'>): Promise<void> {
      await db
        .updateTable('client')
        .set(settingsOf(client))
        .where((eb) => eb.and({ ...here, client_id: id }))
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
    async insertCredential(clientId: ClientId, slot: number, credential: NewCredential): Promise<void> {
      await db
        .insertInto('credential')
        .values({
          ...here,
          client_id: clientId,
          credential_id: credential.id,
          kind: 'secret',
          origin: credential.origin,
          label: credential.label,
          created_by: credential.createdBy,
          ...(credential.replacement && { ...credential.replacement, awaits_use: true }),
          bcrypt_hash: credential.bcryptHash,
          digest: credential.digest?.bytes ?? null,
          digest_key_id: credential.digest?.keyId ?? null,
          slot,
          state: credential.state,
          not_before: databaseDate(credential.notBefore),
          expires_at: databaseDate(credential.expiresAt),
        })
        .execute()
    },

    /** @param expiresAt undefined: it has no end. @returns whether there is such a live one */
    async updateCredential(
      clientId: ClientId,
      id: CredentialId,
      { label, expiresAt }: Pick<NewCredential, 'label' | 'expiresAt'>,
    ): Promise<boolean> {
      const { numUpdatedRows } = await db
        .updateTable('credential')
        .set({ label, expires_at: databaseDate(expiresAt), expiry_told: unless(databaseDate(expiresAt)) })
        .where((eb) => eb.and(live(clientId, id)))
        .executeTakeFirst()
      return numUpdatedRows === 1n
    },

    /**
     * It was used: it has no end any more, and the one that it replaces gets its own, unless that comes sooner.
     * @returns what it replaces; undefined: it did not await its first use
     */
    async confirmReplacement(
      clientId: ClientId,
      id: CredentialId,
    ): Promise<{ readonly replaces: CredentialId; readonly overlap: number } | undefined> {
      const row = await db
        .updateTable('credential')
        .set({ awaits_use: false, expires_at: null })
        .where((eb) => eb.and({ ...live(clientId, id), awaits_use: true }))
        .returning(['replaces', 'overlap'])
        .executeTakeFirst()
      if (row === undefined || row.replaces === null || row.overlap === null) return undefined
      const { overlap } = row
      // Nodes know whole seconds: the next one, so that it ends no sooner than it was told.
      const end = sql<Date>`least(expires_at, to_timestamp(ceil(extract(epoch from now()) + ${overlap}::int)))`
      await db
        .updateTable('credential')
        .set({ expires_at: end, expiry_told: unless(end) })
        .where((eb) => eb.and(live(clientId, row.replaces as CredentialId)))
        .execute()
      return { replaces: row.replaces as CredentialId, overlap }
    },

    async revokeCredential(clientId: ClientId, id: CredentialId): Promise<boolean> {
      const { numUpdatedRows } = await db
        .updateTable('credential')
        .set({ state: 'revoked', slot: null })
        .where((eb) => eb.and(live(clientId, id)))
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

/** What was said of its end is said of another end anew. */
const unless = (end: Date | RawBuilder<Date> | null) =>
  sql<number | null>`case when expires_at = ${end} then expiry_told end`

function databaseDate(seconds: number | undefined): Date | null {
  return seconds === undefined ? null : new Date(seconds * 1000)
}

/** Columns of what may change of it. */
function settingsOf(client: Omit<Client, 'id' | 'state' | 'grantTypes'>) {
  return {
    name: client.name,
    token_endpoint_auth_method: client.tokenEndpointAuthMethod,
    strict_auth_method: client.strictAuthMethod,
    default_resource_server_id: client.defaultResourceServerId ?? null,
    several_resources: client.severalResources,
    allowed_networks: [...client.allowedNetworks],
  }
}
