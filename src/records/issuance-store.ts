/** Rows of the issuance log, of all tenants of a database. Reads and writes, nothing else. */
import { sql } from 'kysely'
import type { OperatorConnection } from '../storage/transaction.ts'
import type { ClientId, CredentialId } from '../ids.ts'
import type { Dropped, IssuanceColumns } from './issuance-batch.ts'

/** Of a client that had proved itself: what it asked for, and why it did not get it. */
export type Refused = Dropped & {
  readonly clientId: ClientId
  readonly credentialId: CredentialId
  readonly scope: string
  readonly audience: string
  readonly peer: string
  readonly requestId: string
  readonly reason: string
}

/** Rows of the default partition that are moved at a time: some 200 ms. */
const MOVED_AT_A_TIME = 20_000

export function issuanceStore({ db }: OperatorConnection) {
  return {
    async insertIssued(columns: IssuanceColumns): Promise<void> {
      await insertIssued(columns, sql``).execute(db)
    },

    /** When it is not known whether the same rows were written before. */
    async insertIssuedAgain(columns: IssuanceColumns): Promise<void> {
      await insertIssued(columns, sql`on conflict do nothing`).execute(db)
    },

    /** Those that were written before are not written again. */
    async insertRefused(refused: readonly Refused[]): Promise<void> {
      if (refused.length === 0) return
      await db
        .insertInto('issuance')
        .values(
          refused.map((row) => ({
            tenant_id: row.tenantId,
            workspace_id: row.workspaceId,
            issued_at: new Date(row.at),
            events: row.events,
            token_id: row.id,
            client_id: row.clientId,
            credential_id: row.credentialId,
            scope: row.scope,
            audience: row.audience,
            peer: row.peer,
            request_id: row.requestId,
            outcome: row.reason,
          })),
        )
        .onConflict((conflict) => conflict.doNothing())
        .execute()
    },

    /** A row for each workspace that lacks some: of tokens, or of refusals. */
    async insertDropped(
      dropped: readonly Dropped[],
      outcome: 'dropped' | 'refusals_dropped' = 'dropped',
    ): Promise<void> {
      if (dropped.length === 0) return
      await db
        .insertInto('issuance')
        .values(
          dropped.map(({ tenantId, workspaceId, id, events, at }) => ({
            tenant_id: tenantId,
            workspace_id: workspaceId,
            issued_at: new Date(at),
            events,
            token_id: id,
            client_id: '',
            credential_id: '',
            scope: '',
            audience: '',
            peer: '',
            request_id: '',
            outcome,
          })),
        )
        // It may have been written before.
        .onConflict((conflict) => conflict.doNothing())
        .execute()
    },

    /** Makes days ahead. @returns rows that lie in no day's partition, and whether there is more to do */
    async attachDays(): Promise<{ readonly strays: number; readonly more: boolean }> {
      const { rows } = await sql<{ strays: string; more: boolean }>`
        select strays, more from regent.attach_issuance_days(${MOVED_AT_A_TIME})`.execute(db)
      return { strays: Number(rows[0]?.strays), more: rows[0]?.more === true }
    },

    /** Takes days off the log that are older. @returns undefined when there was no moment in which nobody held it */
    async detachDays(keepDays: number): Promise<number | undefined> {
      const { rows } = await sql<{ days: number | null }>`
        select regent.detach_issuance_days(${keepDays}) as days`.execute(db)
      return rows[0]?.days ?? undefined
    },

    /** Drops days that are off the log: in a transaction of its own. */
    async dropDays(keepDays: number): Promise<number> {
      const { rows } = await sql<{ days: number }>`
        select regent.drop_issuance_days(${keepDays}) as days`.execute(db)
      return rows[0]?.days ?? 0
    },
  }
}

function insertIssued(columns: IssuanceColumns, onConflict: ReturnType<typeof sql>) {
  return sql`
    insert into regent.issuance (tenant_id, workspace_id, issued_at, token_id, client_id, credential_id, scope, audience,
      peer, request_id, outcome)
    select tenant_id, workspace_id, to_timestamp(issued_at / 1000), token_id, client_id, credential_id, scope, audience,
      peer, request_id, 'issued'
    from unnest(${columns.tenantId}::uuid[], ${columns.workspaceId}::uuid[], ${columns.issuedAt}::float8[],
      ${columns.tokenId}::text[], ${columns.clientId}::text[], ${columns.credentialId}::text[], ${columns.scope}::text[],
      ${columns.audience}::text[], ${columns.peer}::text[], ${columns.requestId}::text[])
      as row (tenant_id, workspace_id, issued_at, token_id, client_id, credential_id, scope, audience, peer, request_id)
    ${onConflict}`
}
