/**
 * The first tables. Two kinds:
 * - a tenant's tables: the primary key begins with `tenant_id`, every reference carries it, and row-level security
 *   shows a row to `regent_runtime` only while `regent.tenant` names its tenant;
 * - the few tables of a region (tombstone, change_counter, change_feed, database_region, breaking_migration), which
 *   hold ids and names only.
 *
 * Security is forced, so the owner needs a policy too; without one a later backfill would silently touch nothing.
 */
import { sql, type Kysely } from 'kysely'

const TENANT_TABLES = [
  'tenant',
  'workspace',
  'resource_server',
  'scope',
  'client',
  'credential',
  'scope_grant',
  'signing_key',
  'audit_event',
] as const

const REGION_TABLES = [
  'tombstone',
  'change_counter',
  'change_feed',
  'database_region',
  'breaking_migration',
] as const

const STATEMENTS = [
  `create table regent.tenant (
    tenant_id uuid primary key,
    region text not null check (region in ('none', 'au', 'eu', 'us')),
    slug text not null check (slug ~ '^[a-z0-9-]{1,63}$'),
    created_at timestamptz not null default now(),
    unique (region, slug)
  )`,

  // The issuer may not be updated by anybody who serves requests: see the column grants below.
  `create table regent.workspace (
    tenant_id uuid not null references regent.tenant,
    workspace_id uuid not null,
    slug text not null check (slug ~ '^[a-z0-9-]{1,63}$'),
    issuer text not null check (issuer ~ '^https?://[^?#]+[^/?#]$'),
    access_token_lifetime integer not null check (access_token_lifetime between 60 and 86400),
    jwks_max_age integer not null check (jwks_max_age between 60 and 86400),
    signing_lead integer not null check (signing_lead between 0 and 2592000),
    chosen_secrets boolean not null,
    audience_parameter boolean not null,
    created_at timestamptz not null default now(),
    primary key (tenant_id, workspace_id),
    unique (tenant_id, slug),
    unique (tenant_id, issuer),
    check (signing_lead >= 2 * jwks_max_age)
  )`,

  `create table regent.resource_server (
    tenant_id uuid not null,
    workspace_id uuid not null,
    resource_server_id uuid not null,
    identifier text not null check (length(identifier) between 1 and 512),
    name text not null check (length(name) between 1 and 200),
    created_at timestamptz not null default now(),
    primary key (tenant_id, workspace_id, resource_server_id),
    unique (tenant_id, workspace_id, identifier),
    foreign key (tenant_id, workspace_id) references regent.workspace
  )`,

  // A scope token belongs to exactly one resource server of a workspace.
  `create table regent.scope (
    tenant_id uuid not null,
    workspace_id uuid not null,
    scope_token text not null check (length(scope_token) between 1 and 200),
    resource_server_id uuid not null,
    description text not null check (length(description) <= 1000),
    created_at timestamptz not null default now(),
    primary key (tenant_id, workspace_id, scope_token),
    foreign key (tenant_id, workspace_id, resource_server_id) references regent.resource_server
  )`,

  `create table regent.client (
    tenant_id uuid not null,
    workspace_id uuid not null,
    client_id text not null check (client_id ~ '^[A-Za-z0-9._~-]{1,128}$'),
    name text not null check (length(name) between 1 and 200),
    client_type text not null default 'confidential' check (client_type = 'confidential'),
    state text not null default 'enabled' check (state in ('enabled', 'disabled')),
    token_endpoint_auth_method text not null
      check (token_endpoint_auth_method in ('client_secret_basic', 'client_secret_post')),
    strict_auth_method boolean not null,
    grant_types text[] not null check (array_position(grant_types, null) is null),
    default_resource_server_id uuid,
    several_resources boolean not null,
    created_at timestamptz not null default now(),
    primary key (tenant_id, workspace_id, client_id),
    foreign key (tenant_id, workspace_id) references regent.workspace,
    foreign key (tenant_id, workspace_id, default_resource_server_id) references regent.resource_server
  )`,

  // A live credential holds one of five slots, so that a sixth cannot exist whoever inserts it.
  `create table regent.credential (
    tenant_id uuid not null,
    workspace_id uuid not null,
    client_id text not null,
    credential_id text not null check (credential_id ~ '^[A-Za-z0-9_-]{16}$'),
    kind text not null check (kind in ('secret')),
    origin text not null check (origin in ('generated', 'chosen')),
    label text not null check (length(label) <= 200),
    bcrypt_hash text not null check (bcrypt_hash ~ '^[$]2b[$][0-9]{2}[$].{53}$'),
    slot smallint check (slot between 1 and 5),
    state text not null default 'live' check (state in ('live', 'revoked')),
    created_at timestamptz not null default now(),
    not_before timestamptz,
    expires_at timestamptz check (expires_at > not_before),
    primary key (tenant_id, workspace_id, client_id, credential_id),
    unique (tenant_id, workspace_id, client_id, slot),
    foreign key (tenant_id, workspace_id, client_id) references regent.client on delete cascade,
    check ((state = 'live') = (slot is not null))
  )`,
  `create unique index credential_one_chosen_secret on regent.credential (tenant_id, workspace_id, client_id)
    where origin = 'chosen' and state = 'live'`,

  `create table regent.scope_grant (
    tenant_id uuid not null,
    workspace_id uuid not null,
    client_id text not null,
    scope_token text not null,
    by_default boolean not null,
    created_at timestamptz not null default now(),
    primary key (tenant_id, workspace_id, client_id, scope_token),
    foreign key (tenant_id, workspace_id, client_id) references regent.client on delete cascade,
    foreign key (tenant_id, workspace_id, scope_token) references regent.scope
  )`,

  // A rule 'if p then q' is written '(p) <= (q)': false sorts before true.
  // kid is the RFC 7638 thumbprint; a key's past stays in its row, so a kid is never used again. The maxima are
  // those in force while the key could still be depended on; see src/keys/life-cycle.ts for what they hold up.
  `create table regent.signing_key (
    tenant_id uuid not null,
    workspace_id uuid not null,
    kid text not null check (kid ~ '^[A-Za-z0-9_-]{43}$'),
    algorithm text not null check (algorithm in ('ES256')),
    state text not null check (state in ('published', 'active', 'retired', 'gone', 'revoked')),
    public_jwk jsonb not null,
    sealed_private_key bytea not null,
    master_key_id text not null check (master_key_id ~ '^[A-Za-z0-9._-]{1,64}$'),
    may_sign_at timestamptz not null,
    max_token_lifetime integer not null check (max_token_lifetime between 0 and 86400),
    max_jwks_age integer not null check (max_jwks_age between 60 and 86400),
    max_stale integer not null check (max_stale between 0 and 604800),
    published_at timestamptz not null,
    activated_at timestamptz,
    retired_at timestamptz,
    revoked_at timestamptz,
    gone_at timestamptz,
    primary key (tenant_id, workspace_id, kid),
    foreign key (tenant_id, workspace_id) references regent.workspace,
    check (may_sign_at >= published_at),
    check (activated_at >= may_sign_at),
    check ((state in ('active', 'retired')) <= (activated_at is not null)),
    check ((state in ('retired', 'gone')) <= (retired_at is not null)),
    check ((state = 'revoked') = (revoked_at is not null)),
    check ((state = 'gone') = (gone_at is not null)),
    check (gone_at >= retired_at + make_interval(secs => max_stale + max_token_lifetime + max_jwks_age + 60))
  )`,
  `create unique index signing_key_one_active on regent.signing_key (tenant_id, workspace_id, algorithm)
    where state = 'active'`,
  `create unique index signing_key_one_published on regent.signing_key (tenant_id, workspace_id, algorithm)
    where state = 'published'`,

  `create table regent.audit_event (
    tenant_id uuid not null references regent.tenant,
    event_id uuid not null,
    workspace_id uuid,
    action text not null,
    subject text not null,
    actor text not null,
    request_id text,
    details jsonb not null,
    occurred_at timestamptz not null default now(),
    primary key (tenant_id, event_id)
  )`,
  `create index audit_event_by_time on regent.audit_event (tenant_id, occurred_at)`,

  // A name that was given out is never given out again in its scope. A tenant's name has the zero tenant_id.
  `create table regent.tombstone (
    region text not null,
    tenant_id uuid not null,
    workspace_id uuid not null,
    kind text not null check (kind in ('tenant', 'workspace', 'resource_server', 'client')),
    name text not null,
    deleted_at timestamptz not null default now(),
    primary key (tenant_id, workspace_id, kind, name, region)
  )`,

  // One counter row a region, locked as the last thing before commit: the order of numbers is the order of commits.
  `create table regent.change_counter (
    region text primary key check (region in ('none', 'au', 'eu', 'us')),
    number bigint not null check (number >= 0)
  )`,
  `insert into regent.change_counter (region, number) values ('none', 0), ('au', 0), ('eu', 0), ('us', 0)`,
  `create table regent.change_feed (
    region text not null references regent.change_counter,
    number bigint not null check (number > 0),
    entry_id uuid not null unique,
    kind text not null,
    tenant_id uuid not null,
    workspace_id uuid,
    subject text,
    changed_at timestamptz not null default now(),
    primary key (region, number)
  )`,

  // The regions whose data this database may hold; written by 'regent migrate up --regions'.
  `create table regent.database_region (
    region text primary key check (region in ('none', 'au', 'eu', 'us')),
    stamped_at timestamptz not null default now()
  )`,

  // Migrations that a server which does not know them must not run beside.
  `create table regent.breaking_migration (name text primary key)`,

  // The one question that is asked before the tenant is known. It answers an id and nothing else.
  `create function regent.find_tenant(wanted_region text, wanted_slug text) returns uuid
    language sql stable security definer set search_path = pg_catalog, pg_temp
    as 'select tenant_id from regent.tenant where region = wanted_region and slug = wanted_slug'`,
  `revoke execute on function regent.find_tenant from public`,
  `grant execute on function regent.find_tenant to regent_runtime, regent_operator`,

  `grant usage on schema regent to regent_runtime, regent_operator`,
  `grant select on regent.tenant, regent.workspace, regent.resource_server, regent.scope, regent.client,
    regent.credential, regent.scope_grant, regent.signing_key, regent.audit_event, regent.tombstone,
    regent.change_counter, regent.database_region to regent_runtime`,
  `grant insert on regent.workspace, regent.resource_server, regent.scope, regent.client, regent.credential,
    regent.scope_grant, regent.signing_key, regent.audit_event, regent.tombstone, regent.change_feed
    to regent_runtime`,
  `grant update (access_token_lifetime, jwks_max_age, signing_lead, chosen_secrets, audience_parameter)
    on regent.workspace to regent_runtime`,
  `grant update (name, state, token_endpoint_auth_method, strict_auth_method, grant_types,
    default_resource_server_id, several_resources) on regent.client to regent_runtime`,
  `grant update (label, bcrypt_hash, slot, state, expires_at) on regent.credential to regent_runtime`,
  `grant update (by_default) on regent.scope_grant to regent_runtime`,
  `grant update (state, sealed_private_key, master_key_id, max_token_lifetime, max_jwks_age, max_stale,
    activated_at, retired_at, revoked_at, gone_at) on regent.signing_key to regent_runtime`,
  `grant delete on regent.client, regent.scope_grant to regent_runtime`,
  `grant update (number) on regent.change_counter to regent_runtime`,

  `grant select on regent.tenant, regent.workspace, regent.signing_key, regent.audit_event, regent.tombstone,
    regent.change_counter, regent.change_feed, regent.database_region, regent.breaking_migration,
    regent.migration to regent_operator`,
  `grant insert on regent.tenant, regent.audit_event, regent.tombstone, regent.change_feed to regent_operator`,
  `grant update (number) on regent.change_counter to regent_operator`,
]

export async function up(db: Kysely<never>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db)
  for (const table of [...TENANT_TABLES, ...REGION_TABLES]) {
    await sql.raw(`alter table regent.${table} enable row level security`).execute(db)
    await sql.raw(`alter table regent.${table} force row level security`).execute(db)
    await allow(db, table, 'regent_owner', 'true')
    await allow(db, table, 'regent_operator', 'true')
  }
  // An unset or empty regent.tenant is null, and null equals nothing: without a tenant no row is seen.
  const ofTenant = `tenant_id = nullif(current_setting('regent.tenant', true), '')::uuid`
  for (const table of [...TENANT_TABLES, 'tombstone', 'change_feed']) {
    await allow(db, table, 'regent_runtime', ofTenant)
  }
  for (const table of ['change_counter', 'database_region']) await allow(db, table, 'regent_runtime', 'true')
}

export async function down(db: Kysely<never>): Promise<void> {
  await sql`drop function regent.find_tenant`.execute(db)
  for (const table of [...TENANT_TABLES, ...REGION_TABLES].toReversed()) {
    await sql.raw(`drop table regent.${table} cascade`).execute(db)
  }
}

async function allow(db: Kysely<never>, table: string, role: string, condition: string) {
  await sql
    .raw(`create policy ${role} on regent.${table} to ${role} using (${condition}) with check (${condition})`)
    .execute(db)
}
