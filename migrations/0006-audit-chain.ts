/**
 * The audit trail as a chain: each event of a tenant carries its number and a MAC over itself and the one before, under
 * an audit key of the region that is kept sealed; the head says where the chain ends. Events from before this have neither.
 */
import { sql, type Kysely } from 'kysely'

const OF_TENANT = `tenant_id = nullif(current_setting('regent.tenant', true), '')::uuid`

const STATEMENTS = [
  `alter table regent.audit_event
    add column sequence bigint check (sequence > 0),
    add column mac bytea check (octet_length(mac) = 32),
    add column peer text,
    add check ((sequence is null) = (mac is null))`,
  `create unique index audit_event_in_sequence on regent.audit_event (tenant_id, sequence)`,

  // Locked just before the feed counter, so that events have one order. head_mac is over the rest: whoever cuts the end off
  // cannot make the head that it would have.
  `create table regent.audit_head (
    tenant_id uuid primary key references regent.tenant,
    sequence bigint not null check (sequence >= 0),
    mac bytea not null,
    head_mac bytea not null,
    checkpointed bigint not null default 0 check (checkpointed >= 0)
  )`,
  `create table regent.audit_key (
    region text primary key check (region in ('none', 'au', 'eu', 'us')),
    sealed_key bytea not null,
    master_key_id text not null check (master_key_id ~ '^[A-Za-z0-9._-]{1,64}$'),
    created_at timestamptz not null default now()
  )`,
  ...['audit_head', 'audit_key'].flatMap((table) => [
    `alter table regent.${table} enable row level security`,
    `alter table regent.${table} force row level security`,
    `create policy regent_owner on regent.${table} to regent_owner using (true) with check (true)`,
    `create policy regent_operator on regent.${table} to regent_operator using (true) with check (true)`,
  ]),
  `create policy regent_runtime on regent.audit_head to regent_runtime using (${OF_TENANT}) with check (${OF_TENANT})`,
  `create policy regent_runtime on regent.audit_key to regent_runtime using (true) with check (true)`,

  `grant select, insert on regent.audit_head to regent_runtime`,
  `grant update (sequence, mac, head_mac) on regent.audit_head to regent_runtime`,
  `grant select on regent.audit_head to regent_operator`,
  `grant update (checkpointed) on regent.audit_head to regent_operator`,
  `grant select, insert on regent.audit_key to regent_runtime`,
  `grant select on regent.audit_key to regent_operator`,
  `grant update (sealed_key, master_key_id) on regent.audit_key to regent_operator`,
]

export async function up(db: Kysely<never>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db)
}

export async function down(db: Kysely<never>): Promise<void> {
  for (const statement of [
    `drop table regent.audit_key, regent.audit_head`,
    `alter table regent.audit_event drop column peer, drop column mac, drop column sequence`,
  ]) {
    await sql.raw(statement).execute(db)
  }
}
