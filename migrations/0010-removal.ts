/**
 * What a deleted tenant or workspace had is taken away, in batches, by a function of the owner that looks for itself whether
 * it may; the rows of the tenant and the workspace stay, as tombstones of their names. Of each credential is known who made
 * it; and of what was said of its end, so that it is said once. A quota of scopes.
 */
import { sql, type Kysely } from 'kysely'

const STATEMENTS = [
  `alter table regent.tenant add column max_scopes integer check (max_scopes > 0)`,
  `alter table regent.workspace add column deleted_at timestamptz, add column emptied_at timestamptz`,
  `update regent.workspace set deleted_at = now() where state = 'deleted'`,
  `alter table regent.workspace
    add check ((state = 'deleted') = (deleted_at is not null)),
    add check (emptied_at is null or emptied_at >= deleted_at or deleted_at is null)`,
  `create index workspace_to_empty on regent.workspace (deleted_at) where deleted_at is not null and emptied_at is null`,
  `create index tenant_by_end on regent.tenant (gone_at) where gone_at is not null`,

  // From before it was noted the audit trail knows it, of most.
  `update regent.credential set created_by = coalesce((
      select actor from regent.audit_event made where made.tenant_id = credential.tenant_id
        and made.workspace_id = credential.workspace_id and made.action = 'secret_created'
        and made.subject = credential.client_id and made.details ->> 'id' = credential.credential_id
      order by occurred_at limit 1), 'unknown') where created_by is null`,
  `alter table regent.credential alter column created_by set not null,
    add column expiry_told smallint check (expiry_told in (1, 7, 30))`,

  // An hour, in which whatever was under way when it ended is over: no row comes after its neighbours were taken away.
  // Null: it is not to be emptied, or somebody else does it at this moment.
  `create function regent.remove_rows(of_tenant uuid, of_workspace uuid, most integer) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
    declare
      name text;
      removed integer;
    begin
      perform from regent.workspace w join regent.tenant t using (tenant_id)
        where w.tenant_id = of_tenant and w.workspace_id = of_workspace
          and (w.deleted_at < now() - interval '1 hour' or t.gone_at < now() - interval '1 hour')
        for no key update of w skip locked;
      if not found then return null; end if;
      foreach name in array array['credential', 'scope_grant', 'client', 'scope', 'resource_server', 'signing_key',
          'issuance_count', 'tombstone'] loop
        execute format('delete from regent.%1$I where ctid = any (array(
          select ctid from regent.%1$I where tenant_id = $1 and workspace_id = $2 limit $3))', name)
          using of_tenant, of_workspace, most;
        get diagnostics removed = row_count;
        if removed > 0 then return removed; end if;
      end loop;
      return 0;
    end $$`,
  `revoke execute on function regent.remove_rows(uuid, uuid, integer) from public`,
  `grant execute on function regent.remove_rows(uuid, uuid, integer) to regent_operator`,

  `grant update (max_scopes) on regent.tenant to regent_operator`,
  `grant update (deleted_at, emptied_at) on regent.workspace to regent_runtime`,
  `grant select (awaits_use, expiry_told) on regent.credential to regent_operator`,
  `grant update (expiry_told) on regent.credential to regent_operator, regent_runtime`,
]

export async function up(db: Kysely<never>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db)
}

export async function down(db: Kysely<never>): Promise<void> {
  for (const statement of [
    `revoke select (awaits_use) on regent.credential from regent_operator`,
    `drop function regent.remove_rows`,
    `alter table regent.credential drop column expiry_told, alter column created_by drop not null`,
    `drop index regent.tenant_by_end`,
    `alter table regent.workspace drop column emptied_at, drop column deleted_at`,
    `alter table regent.tenant drop column max_scopes`,
  ]) {
    await sql.raw(statement).execute(db)
  }
}
