/**
 * Built-in workspaces that there are get the scope `credentials:import`, for administrators who are made from now on. Nobody is
 * granted it: an operator gives a tenant an administrator who has it.
 */
import { sql, type Kysely } from 'kysely'

export async function up(db: Kysely<never>): Promise<void> {
  await sql`
    insert into regent.scope (tenant_id, workspace_id, scope_token, resource_server_id, description)
    select tenant_id, workspace_id, 'credentials:import', resource_server_id,
      'take secrets along as hashes: apply them, and export them'
    from regent.scope join regent.workspace using (tenant_id, workspace_id)
    where workspace.built_in and scope.scope_token = 'credentials:write'
    on conflict do nothing`.execute(db)
}

export async function down(db: Kysely<never>): Promise<void> {
  const ofBuiltIn = sql`scope_token = 'credentials:import' and (tenant_id, workspace_id) in
    (select tenant_id, workspace_id from regent.workspace where built_in)`
  await sql`delete from regent.scope_grant where ${ofBuiltIn}`.execute(db)
  await sql`delete from regent.scope where ${ofBuiltIn}`.execute(db)
}
