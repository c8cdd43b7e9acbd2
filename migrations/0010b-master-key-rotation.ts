/**
 * What the rotation of master keys needs. Whoever seals asks which master keys the nodes of the region know; operators' chores
 * seal signing keys anew in batches that span tenants, found by the index whatever their number; and operators count the
 * digests that are under each. Retired keys are in the index from now on: they still verify.
 */
import { sql, type Kysely } from 'kysely'

const STATEMENTS = [
  `drop index regent.signing_key_by_master_key`,
  `create index signing_key_by_master_key on regent.signing_key (master_key_id, tenant_id, workspace_id, kid)
    where state in ('published', 'active', 'retired')`,
  `create policy regent_runtime on regent.node to regent_runtime using (true) with check (true)`,
  `grant select (region, node_id, master_key_ids, seen_at, max_stale) on regent.node to regent_runtime`,
  `grant update (sealed_private_key, master_key_id) on regent.signing_key to regent_operator`,
  `grant select (digest_key_id) on regent.credential to regent_operator`,
]

export async function up(db: Kysely<never>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db)
}

export async function down(db: Kysely<never>): Promise<void> {
  for (const statement of [
    `revoke select (digest_key_id) on regent.credential from regent_operator`,
    `revoke update (sealed_private_key, master_key_id) on regent.signing_key from regent_operator`,
    `revoke select (region, node_id, master_key_ids, seen_at, max_stale) on regent.node from regent_runtime`,
    `drop policy regent_runtime on regent.node`,
    `drop index regent.signing_key_by_master_key`,
    `create index signing_key_by_master_key on regent.signing_key (master_key_id)
      where state in ('published', 'active')`,
  ]) {
    await sql.raw(statement).execute(db)
  }
}
