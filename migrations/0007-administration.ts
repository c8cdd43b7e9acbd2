/**
 * What administration needs: tenants that can be suspended and deleted, with quotas; workspaces that can be disabled, that
 * rotate their keys by a schedule, and one that is built in; clients that may come from some networks only; credentials that
 * say who made them and which one they replace; and answers that are kept for whoever repeats a request (Idempotency-Key).
 */
import { sql, type Kysely } from 'kysely'

const OF_TENANT = `tenant_id = nullif(current_setting('regent.tenant', true), '')::uuid`

const STATEMENTS = [
  `alter table regent.tenant
    add column state text not null default 'live' check (state in ('live', 'suspended', 'deleted')),
    add column gone_at timestamptz,
    add column max_workspaces integer check (max_workspaces > 0),
    add column max_resource_servers integer check (max_resource_servers > 0),
    add column max_clients integer check (max_clients > 0),
    add check ((state = 'deleted') = (gone_at is not null))`,
  // A deleted workspace stays: its row is the tombstone of its name.
  `alter table regent.workspace
    add column state text not null default 'enabled' check (state in ('enabled', 'disabled', 'deleted')),
    add column built_in boolean not null default false,
    add column self_rotation boolean not null default false,
    add column key_rotation text check (length(key_rotation) between 1 and 100),
    add column rotation_due_at timestamptz`,
  `create index workspace_by_rotation on regent.workspace (rotation_due_at) where rotation_due_at is not null`,
  `alter table regent.client add column allowed_networks text[] not null default '{}'
    check (array_position(allowed_networks, null) is null)`,
  // One that replaces another: it awaits its first use, and the other one then ends after the overlap, in seconds.
  `alter table regent.credential
    add column created_by text,
    add column replaces text,
    add column overlap integer check (overlap between 0 and 31536000),
    add column awaits_use boolean not null default false,
    add check ((replaces is null) = (overlap is null)),
    add check (awaits_use <= (replaces is not null))`,
  `create index credential_by_expiry on regent.credential (tenant_id, workspace_id, expires_at) where state = 'live'`,
  `create index credential_ending on regent.credential (expires_at) where state = 'live' and expires_at is not null`,
  `grant select (state, expires_at) on regent.credential to regent_operator`,
  `alter table regent.credential_use add column last_used_from text`,

  // The answer is sealed, since it may hold a secret.
  `create table regent.idempotency_record (
    tenant_id uuid not null references regent.tenant,
    actor text not null,
    method text not null,
    route text not null,
    key text not null check (length(key) between 1 and 255),
    request_digest bytea not null,
    sealed_answer bytea,
    master_key_id text check (master_key_id ~ '^[A-Za-z0-9._-]{1,64}$'),
    answer_until timestamptz not null,
    expires_at timestamptz not null,
    primary key (tenant_id, actor, method, route, key)
  )`,
  `create index idempotency_record_by_expiry on regent.idempotency_record (expires_at)`,
  `alter table regent.idempotency_record enable row level security`,
  `alter table regent.idempotency_record force row level security`,
  `create policy regent_owner on regent.idempotency_record to regent_owner using (true) with check (true)`,
  `create policy regent_operator on regent.idempotency_record to regent_operator using (true) with check (true)`,
  `create policy regent_runtime on regent.idempotency_record to regent_runtime using (${OF_TENANT}) with check (${OF_TENANT})`,

  // A tenant whose time to be restored is over has no name any more, though nobody else gets it.
  `create or replace function regent.find_tenant(wanted_region text, wanted_slug text) returns uuid
    language sql stable security definer set search_path = pg_catalog, pg_temp
    as 'select tenant_id from regent.tenant where region = wanted_region and slug = wanted_slug
      and (gone_at is null or gone_at > now())'`,

  `grant update (state, self_rotation, key_rotation, rotation_due_at) on regent.workspace to regent_runtime`,
  `grant update (name) on regent.resource_server to regent_runtime`,
  `grant update (description) on regent.scope to regent_runtime`,
  `grant update (allowed_networks) on regent.client to regent_runtime`,
  `grant update (awaits_use) on regent.credential to regent_runtime`,
  `grant delete on regent.resource_server, regent.scope to regent_runtime`,
  `grant update (state, gone_at, max_workspaces, max_resource_servers, max_clients) on regent.tenant to regent_operator`,
  `grant update (rotation_due_at) on regent.workspace to regent_operator`,
  `grant update (last_used_from) on regent.credential_use to regent_operator`,
  ...['regent_runtime', 'regent_operator'].flatMap((role) => [
    `grant select, insert, delete on regent.idempotency_record to ${role}`,
    `grant update (sealed_answer, master_key_id, answer_until) on regent.idempotency_record to ${role}`,
  ]),
]

export async function up(db: Kysely<never>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db)
}

export async function down(db: Kysely<never>): Promise<void> {
  for (const statement of [
    `revoke delete on regent.resource_server, regent.scope from regent_runtime`,
    `create or replace function regent.find_tenant(wanted_region text, wanted_slug text) returns uuid
      language sql stable security definer set search_path = pg_catalog, pg_temp
      as 'select tenant_id from regent.tenant where region = wanted_region and slug = wanted_slug'`,
    `revoke update (name) on regent.resource_server from regent_runtime`,
    `revoke update (description) on regent.scope from regent_runtime`,
    `drop table regent.idempotency_record`,
    `alter table regent.credential_use drop column last_used_from`,
    `alter table regent.credential drop column awaits_use, drop column overlap, drop column replaces, drop column created_by`,
    `revoke select (state, expires_at) on regent.credential from regent_operator`,
    `drop index regent.credential_ending`,
    `drop index regent.credential_by_expiry`,
    `alter table regent.client drop column allowed_networks`,
    `alter table regent.workspace drop column rotation_due_at, drop column key_rotation, drop column self_rotation,
      drop column built_in, drop column state`,
    `alter table regent.tenant drop column max_clients, drop column max_resource_servers, drop column max_workspaces,
      drop column gone_at, drop column state`,
  ]) {
    await sql.raw(statement).execute(db)
  }
}
