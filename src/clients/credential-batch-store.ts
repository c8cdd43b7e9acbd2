/**
 * Rows of the credentials of many clients, for one workspace: a statement for hundreds. Hashes are read here for those who may
 * take them along, and nowhere else but for requests. Reads and writes, nothing else.
 */
import { sql } from 'kysely'
import type { ClientId, CredentialId, WorkspaceId } from '../ids.ts'
import { wholeSeconds } from '../storage/row.ts'
import type { TenantConnection } from '../storage/transaction.ts'
import type { NewCredential } from './client.ts'

export type StoredCredential = {
  readonly clientId: ClientId
  readonly id: CredentialId
  readonly origin: 'generated' | 'chosen'
  readonly label: string
  readonly state: 'live' | 'revoked'
  /** One of five, of a live one. */
  readonly slot: number | undefined
  /** Seconds since 1970; undefined where there is no such bound. */
  readonly notBefore: number | undefined
  readonly expiresAt: number | undefined
}

export type CredentialName = { readonly clientId: ClientId; readonly id: CredentialId }

export function credentialBatchStore({ db, tenantId }: TenantConnection, workspaceId: WorkspaceId) {
  const stored = () =>
    db
      .selectFrom('credential')
      .select(['client_id', 'credential_id', 'origin', 'label', 'state', 'slot', 'not_before', 'expires_at'])
      .where('tenant_id', '=', tenantId)
      .where('workspace_id', '=', workspaceId)
      .orderBy('client_id')
      .orderBy('credential_id')

  return {
    /** Of all clients, revoked ones too: by client, then by id. */
    async listStoredCredentials(
      after: CredentialName | undefined,
      most: number,
    ): Promise<readonly StoredCredential[]> {
      const rows = await stored()
        .where(sql<boolean>`(client_id, credential_id) > (${after?.clientId ?? ''}, ${after?.id ?? ''})`)
        .limit(most)
        .execute()
      return rows.map(readStored)
    },

    /** Live ones of these clients. */
    async listLive(ids: readonly ClientId[]): Promise<readonly StoredCredential[]> {
      const rows = await stored()
        .where('client_id', '=', sql<ClientId>`any(${ids}::text[])`)
        .where('state', '=', 'live')
        .execute()
      return rows.map(readStored)
    },

    /** Live ones of these clients. */
    async listHashes(
      ids: readonly ClientId[],
    ): Promise<readonly (CredentialName & { readonly hash: string })[]> {
      const rows = await db
        .selectFrom('credential')
        .select(['client_id', 'credential_id', 'bcrypt_hash'])
        .where('tenant_id', '=', tenantId)
        .where('workspace_id', '=', workspaceId)
        .where('client_id', '=', sql<ClientId>`any(${ids}::text[])`)
        .where('state', '=', 'live')
        .execute()
      return rows.map((row) => ({ clientId: row.client_id, id: row.credential_id, hash: row.bcrypt_hash }))
    },

    /** Each live, in a slot that is free. */
    async insertCredentials(
      credentials: readonly (NewCredential & { readonly clientId: ClientId; readonly slot: number })[],
    ): Promise<void> {
      const rows = credentials.map((one) => ({
        client_id: one.clientId,
        credential_id: one.id,
        origin: one.origin,
        label: one.label,
        created_by: one.createdBy,
        hash: one.bcryptHash,
        slot: one.slot,
        not_before: one.notBefore,
        expires_at: one.expiresAt,
      }))
      await sql`
        insert into regent.credential (tenant_id, workspace_id, kind, state, client_id, credential_id, origin, label,
          created_by, bcrypt_hash, slot, not_before, expires_at)
        select ${tenantId}::uuid, ${workspaceId}::uuid, 'secret', 'live', client_id, credential_id, origin, label, created_by,
          hash, slot, to_timestamp(not_before), to_timestamp(expires_at)
        from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as sent(client_id text, credential_id text, origin text,
          label text, created_by text, hash text, slot smallint, not_before bigint, expires_at bigint)`.execute(
        db,
      )
    },

    /** Of live ones. @property expiresAt undefined: it has no end */
    async updateCredentials(
      credentials: readonly (CredentialName & Pick<StoredCredential, 'label' | 'expiresAt'>)[],
    ): Promise<void> {
      await sql`
        update regent.credential set label = sent.label, expires_at = to_timestamp(sent."expiresAt")
        from jsonb_to_recordset(${JSON.stringify(credentials)}::jsonb)
          as sent("clientId" text, id text, label text, "expiresAt" bigint)
        where credential.tenant_id = ${tenantId} and credential.workspace_id = ${workspaceId}
          and credential.client_id = sent."clientId" and credential.credential_id = sent.id
          and credential.state = 'live'`.execute(db)
    },

    async revokeCredentials(credentials: readonly CredentialName[]): Promise<void> {
      await sql`
        update regent.credential set state = 'revoked', slot = null
        from jsonb_to_recordset(${JSON.stringify(credentials)}::jsonb) as sent("clientId" text, id text)
        where credential.tenant_id = ${tenantId} and credential.workspace_id = ${workspaceId}
          and credential.client_id = sent."clientId" and credential.credential_id = sent.id
          and credential.state = 'live'`.execute(db)
    },
  }
}

function readStored(row: {
  client_id: ClientId
  credential_id: CredentialId
  origin: 'generated' | 'chosen'
  label: string
  state: 'live' | 'revoked'
  slot: number | null
  not_before: Date | null
  expires_at: Date | null
}): StoredCredential {
  return {
    clientId: row.client_id,
    id: row.credential_id,
    origin: row.origin,
    label: row.label,
    state: row.state,
    slot: row.slot ?? undefined,
    notBefore: wholeSeconds(row.not_before),
    expiresAt: wholeSeconds(row.expires_at),
  }
}
