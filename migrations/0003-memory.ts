/**
 * What lets a node work from memory: a keyed digest beside each bcrypt hash, so that a right secret costs a microsecond;
 * rows by which live nodes say how far they have read the change feed; limits of issuance; and the right to prune what
 * nobody reads any more.
 */
import { sql, type Kysely } from 'kysely'

const STATEMENTS = [
  // Named by the master key that its key is derived from.
  `alter table regent.credential
    add column digest bytea check (octet_length(digest) = 32),
    add column digest_key_id text check (digest_key_id ~ '^[A-Za-z0-9._-]{1,64}$'),
    add check ((digest is null) = (digest_key_id is null))`,
  `alter table regent.workspace
    add column chosen_digests boolean not null default true,
    add column tokens_per_minute integer check (tokens_per_minute > 0)`,
  `alter table regent.client add column tokens_per_minute integer check (tokens_per_minute > 0)`,
  `alter table regent.tenant add column tokens_per_minute integer check (tokens_per_minute > 0)`,

  // Heartbeats of live nodes. The number is how far the node has read the region's feed.
  `create table regent.node (
    region text not null check (region in ('none', 'au', 'eu', 'us')),
    node_id uuid not null,
    feed_number bigint not null check (feed_number >= 0),
    connections integer not null check (connections >= 0),
    master_key_ids text[] not null,
    version text not null,
    started_at timestamptz not null default now(),
    seen_at timestamptz not null default now(),
    primary key (region, node_id)
  )`,
  `alter table regent.node enable row level security`,
  `alter table regent.node force row level security`,
  `create policy regent_owner on regent.node to regent_owner using (true) with check (true)`,
  `create policy regent_operator on regent.node to regent_operator using (true) with check (true)`,

  `grant update (digest, digest_key_id) on regent.credential to regent_runtime`,
  `grant update (chosen_digests, tokens_per_minute) on regent.workspace to regent_runtime`,
  `grant update (tokens_per_minute) on regent.client to regent_runtime`,
  `grant update (tokens_per_minute) on regent.tenant to regent_operator`,
  `grant select, insert, delete on regent.node to regent_operator`,
  `grant update (feed_number, connections, master_key_ids, version, seen_at) on regent.node to regent_operator`,
  `grant delete on regent.change_feed to regent_operator`,
]

export async function up(db: Kysely<never>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db)
}

export async function down(db: Kysely<never>): Promise<void> {
  for (const statement of [
    `revoke delete on regent.change_feed from regent_operator`,
    `drop table regent.node`,
    `alter table regent.tenant drop column tokens_per_minute`,
    `alter table regent.client drop column tokens_per_minute`,
    `alter table regent.workspace drop column tokens_per_minute, drop column chosen_digests`,
    `alter table regent.credential drop column digest_key_id, drop column digest`,
  ]) {
    await sql.raw(statement).execute(db)
  }
}
