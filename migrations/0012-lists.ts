/**
 * Indexes for the lists of administration: clients by a scope that few have, those that are disabled, credentials that were
 * revoked, and those that end. What is seldom is found without going through all of a workspace.
 */
import { sql, type Kysely } from 'kysely'

export async function up(db: Kysely<never>): Promise<void> {
  for (const statement of [
    `create index scope_grant_by_scope on regent.scope_grant (tenant_id, workspace_id, scope_token, client_id)`,
    `create index client_disabled on regent.client (tenant_id, workspace_id, client_id) where state = 'disabled'`,
    `create index credential_revoked on regent.credential (tenant_id, workspace_id, client_id, credential_id)
       where state = 'revoked'`,
    // In place of one of live credentials only: the list has others, too.
    `create index credential_by_end on regent.credential (tenant_id, workspace_id, expires_at, client_id, credential_id)
       where expires_at is not null`,
    `drop index regent.credential_by_expiry`,
  ])
    await sql.raw(statement).execute(db)
}

export async function down(db: Kysely<never>): Promise<void> {
  for (const statement of [
    `create index credential_by_expiry on regent.credential (tenant_id, workspace_id, expires_at) where state = 'live'`,
    `drop index regent.credential_by_end`,
    `drop index regent.credential_revoked`,
    `drop index regent.client_disabled`,
    `drop index regent.scope_grant_by_scope`,
  ])
    await sql.raw(statement).execute(db)
}
