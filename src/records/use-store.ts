/** Rows of what credentials were used for, of all tenants of a database; and of one credential, for its tenant. */
import { sql } from 'kysely'
import type { ClientId, CredentialId, TenantId, WorkspaceId } from '../ids.ts'
import type { OperatorConnection, TenantConnection } from '../storage/transaction.ts'
import { printArray } from './issuance-batch.ts'

/** Of one credential. */
export type Uses = {
  readonly tenantId: TenantId
  readonly workspaceId: WorkspaceId
  readonly clientId: ClientId
  readonly credentialId: CredentialId
  /** The newest: milliseconds since 1970. */
  lastUsedAt: number
  /** Network address of who used it then. */
  lastUsedFrom: string
  uses: number
}

/** Of one client and day. */
export type Count = {
  readonly tenantId: TenantId
  readonly workspaceId: WorkspaceId
  readonly clientId: ClientId
  /** `2026-11-25`, in UTC. */
  readonly day: string
  issued: number
}

export function useStore({ db }: OperatorConnection) {
  return {
    /** By the database's clock. */
    async readClock(): Promise<Date> {
      const { rows } = await sql<{ now: Date }>`select clock_timestamp() as now`.execute(db)
      return rows[0]?.now ?? new Date(Number.NaN)
    },

    /** Adds to what is there. Of credentials that are gone, nothing is written. */
    async addUses(uses: readonly Uses[]): Promise<void> {
      const column = (of: (one: Uses) => string | number) => printArray(uses.map(of))
      await sql`
        insert into regent.credential_use (tenant_id, workspace_id, client_id, credential_id, last_used_at, last_used_from, uses)
        select tenant_id, workspace_id, client_id, credential_id, to_timestamp(last_used_at / 1000), last_used_from, uses
        from unnest(${column((one) => one.tenantId)}::uuid[], ${column((one) => one.workspaceId)}::uuid[],
          ${column((one) => one.clientId)}::text[], ${column((one) => one.credentialId)}::text[],
          ${column((one) => one.lastUsedAt)}::float8[], ${column((one) => one.lastUsedFrom)}::text[],
          ${column((one) => one.uses)}::bigint[])
          as noted (tenant_id, workspace_id, client_id, credential_id, last_used_at, last_used_from, uses)
        where exists (select from regent.credential c where c.tenant_id = noted.tenant_id
          and c.workspace_id = noted.workspace_id and c.client_id = noted.client_id and c.credential_id = noted.credential_id)
        on conflict (tenant_id, workspace_id, client_id, credential_id) do update set
          last_used_from = case when excluded.last_used_at >= credential_use.last_used_at
            then excluded.last_used_from else credential_use.last_used_from end,
          last_used_at = greatest(credential_use.last_used_at, excluded.last_used_at),
          uses = credential_use.uses + excluded.uses`.execute(db)
    },

    async addCounts(counts: readonly Count[]): Promise<void> {
      const column = (of: (one: Count) => string | number) => printArray(counts.map(of))
      await sql`
        insert into regent.issuance_count (tenant_id, workspace_id, client_id, day, issued)
        select * from unnest(${column((one) => one.tenantId)}::uuid[], ${column((one) => one.workspaceId)}::uuid[],
          ${column((one) => one.clientId)}::text[], ${column((one) => one.day)}::date[],
          ${column((one) => one.issued)}::bigint[])
        on conflict (tenant_id, workspace_id, client_id, day) do update set
          issued = issuance_count.issued + excluded.issued`.execute(db)
    },

    async deleteCountsBefore(days: number): Promise<void> {
      await db
        .deleteFrom('issuance_count')
        .where(sql<boolean>`day < (now() at time zone 'UTC')::date - ${days}::integer`)
        .execute()
    },
  }
}

export function tenantUseStore({ db, tenantId }: TenantConnection, workspaceId: WorkspaceId) {
  return {
    /** @returns when it was used last, and how often, as far as nodes have written it down */
    async findUse(
      clientId: ClientId,
      credentialId: CredentialId,
    ): Promise<{ readonly lastUsedAt: Date; readonly uses: number } | undefined> {
      const row = await db
        .selectFrom('credential_use')
        .select(['last_used_at', 'uses'])
        .where('tenant_id', '=', tenantId)
        .where('workspace_id', '=', workspaceId)
        .where('client_id', '=', clientId)
        .where('credential_id', '=', credentialId)
        .executeTakeFirst()
      return row && { lastUsedAt: row.last_used_at, uses: Number(row.uses) }
    },

    /**
     * Tokens of all its clients that may not have ended, by whole days: never too few, of those that are written down.
     * @param lifetime seconds that a token lives at most
     * @param from seconds since 1970 when the first one was issued
     * @param until the same of the last one; undefined: now
     */
    async countUnexpired(lifetime: number, from: number, until?: number): Promise<number> {
      const last = until === undefined ? sql`now()` : sql`to_timestamp(${until})`
      const { rows } = await sql<{ issued: string }>`
        select coalesce(sum(issued), 0) as issued from regent.issuance_count
        where tenant_id = ${tenantId} and workspace_id = ${workspaceId}
          and day >= (greatest(now() - make_interval(secs => ${lifetime}), to_timestamp(${from})) at time zone 'UTC')::date
          and day <= (${last} at time zone 'UTC')::date
          and ${last} > now() - make_interval(secs => ${lifetime})`.execute(db)
      return Number(rows[0]?.issued ?? 0)
    },

    /** Tokens that its clients got, by day: `2026-11-25`, in UTC. */
    async listCounts(
      clientId: ClientId,
    ): Promise<readonly { readonly day: string; readonly issued: number }[]> {
      const rows = await db
        .selectFrom('issuance_count')
        .select([sql<string>`to_char(day, 'YYYY-MM-DD')`.as('day'), 'issued'])
        .where('tenant_id', '=', tenantId)
        .where('workspace_id', '=', workspaceId)
        .where('client_id', '=', clientId)
        .orderBy('day')
        .execute()
      return rows.map(({ day, issued }) => ({ day, issued: Number(issued) }))
    },
  }
}
