/** Rows of credentials as administrators see them, with their last uses; never a hash. Reads only. */
import { sql } from 'kysely'
import type { ClientId, CredentialId, WorkspaceId } from '../ids.ts'
import type { TenantConnection } from '../storage/transaction.ts'

const END = sql<string | null>`(extract(epoch from c.expires_at) * 1000000)::bigint::text`

export type ListedCredential = {
  readonly clientId: ClientId
  readonly id: CredentialId
  readonly kind: 'secret'
  readonly origin: 'generated' | 'chosen'
  readonly label: string
  readonly state: 'live' | 'revoked'
  readonly createdAt: Date
  readonly createdBy: string
  readonly notBefore: Date | undefined
  readonly expiresAt: Date | undefined
  /** The same, exactly: microseconds since 1970, in digits. */
  readonly end: string | undefined
  /** The one that ends when this one is used. */
  readonly replaces: CredentialId | undefined
  readonly awaitsUse: boolean
  readonly lastUsedAt: Date | undefined
  readonly lastUsedFrom: string | undefined
  readonly useCount: number
}

export type CredentialFilter = {
  readonly clientId?: ClientId
  readonly id?: CredentialId
  readonly state?: ListedCredential['state']
  readonly expiresBefore?: Date
  /** Made before, and not known to have been used since. */
  readonly unusedSince?: Date
  /** The first to end first, without those that have no end. Otherwise by client, then by id. */
  readonly byEnd?: boolean
}

export function credentialListStore({ db, tenantId }: TenantConnection, workspaceId: WorkspaceId) {
  return {
    /** @param after where the page before ended: client id and credential id, behind its end where they are by that */
    async listCredentials(
      filter: CredentialFilter,
      after: readonly string[] | undefined,
      most: number,
    ): Promise<readonly ListedCredential[]> {
      let query = db
        .selectFrom('credential as c')
        .leftJoin('credential_use as u', (join) =>
          join
            .onRef('u.tenant_id', '=', 'c.tenant_id')
            .onRef('u.workspace_id', '=', 'c.workspace_id')
            .onRef('u.client_id', '=', 'c.client_id')
            .onRef('u.credential_id', '=', 'c.credential_id'),
        )
        .select([
          'c.client_id',
          'c.credential_id',
          'c.kind',
          'c.origin',
          'c.label',
          'c.state',
          'c.created_at',
        ])
        .select(['c.created_by', 'c.not_before', 'c.expires_at', 'c.replaces', 'c.awaits_use'])
        .select(['u.last_used_at', 'u.last_used_from', 'u.uses'])
        .where('c.tenant_id', '=', tenantId)
        .where('c.workspace_id', '=', workspaceId)
        .select(END.as('end'))
        .limit(most)
      if (filter.clientId !== undefined) query = query.where('c.client_id', '=', filter.clientId)
      if (filter.id !== undefined) query = query.where('c.credential_id', '=', filter.id)
      if (filter.state !== undefined) query = query.where('c.state', '=', filter.state)
      if (filter.expiresBefore !== undefined) query = query.where('c.expires_at', '<', filter.expiresBefore)
      if (filter.unusedSince !== undefined)
        query = query
          .where('c.created_at', '<', filter.unusedSince)
          .where((eb) =>
            eb.or([eb('u.last_used_at', 'is', null), eb('u.last_used_at', '<', filter.unusedSince ?? null)]),
          )
      if (filter.byEnd === true) query = query.where('c.expires_at', 'is not', null).orderBy('c.expires_at')
      query = query.orderBy('c.client_id').orderBy('c.credential_id')
      if (after !== undefined)
        query = query.where(
          filter.byEnd === true
            ? sql<boolean>`(c.expires_at, c.client_id, c.credential_id) > (
                timestamptz 'epoch' + ${after[0]}::bigint * interval '1 microsecond', ${after[1]}, ${after[2]})`
            : sql<boolean>`(c.client_id, c.credential_id) > (${after[0]}, ${after[1]})`,
        )
      const rows = await query.execute()
      return rows.map((row) => ({
        clientId: row.client_id,
        id: row.credential_id,
        kind: row.kind,
        origin: row.origin,
        label: row.label,
        state: row.state,
        createdAt: row.created_at,
        createdBy: row.created_by,
        notBefore: row.not_before ?? undefined,
        expiresAt: row.expires_at ?? undefined,
        end: row.end ?? undefined,
        replaces: (row.replaces ?? undefined) as CredentialId | undefined,
        awaitsUse: row.awaits_use,
        lastUsedAt: row.last_used_at ?? undefined,
        lastUsedFrom: row.last_used_from ?? undefined,
        useCount: Number(row.uses ?? 0),
      }))
    },
  }
}

/** Of a workspace's built-in kind: who could still look after it. */
export function administratorStore({ db, tenantId }: TenantConnection, workspaceId: WorkspaceId) {
  return {
    /** Credentials that live now, of enabled clients that may make clients and credentials. */
    async countLiveAdministrators(): Promise<number> {
      const { rows } = await sql<{ count: string }>`
        select count(*) from regent.credential c
        join regent.client using (tenant_id, workspace_id, client_id)
        where c.tenant_id = ${tenantId} and c.workspace_id = ${workspaceId}
          and c.state = 'live' and client.state = 'enabled'
          and (c.not_before is null or c.not_before <= now()) and c.expires_at is null
          and (select count(*) from regent.scope_grant g where g.tenant_id = c.tenant_id and g.workspace_id = c.workspace_id
            and g.client_id = c.client_id and g.scope_token in ('clients:write', 'credentials:write')) = 2`.execute(
        db,
      )
      return Number(rows[0]?.count ?? 0)
    },
  }
}
