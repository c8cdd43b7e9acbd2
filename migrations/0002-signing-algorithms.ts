/**
 * The resource server chooses how its tokens are signed, and which `typ` they carry: some gateways know RSA only, some
 * verifiers refuse `at+jwt`. Where it does not choose, its workspace does.
 */
import { sql, type Kysely } from 'kysely'

const ALGORITHMS = `('ES256', 'ES384', 'RS256', 'PS256', 'EdDSA')`

export async function up(db: Kysely<never>): Promise<void> {
  for (const statement of [
    `alter table regent.workspace add column signing_algorithm text not null default 'ES256'
      check (signing_algorithm in ${ALGORITHMS})`,
    `alter table regent.resource_server
      add column signing_algorithm text check (signing_algorithm in ${ALGORITHMS}),
      add column jwt_type text not null default 'at+jwt' check (jwt_type in ('at+jwt', 'JWT'))`,
    `alter table regent.signing_key drop constraint signing_key_algorithm_check`,
    `alter table regent.signing_key add constraint signing_key_algorithm_check check (algorithm in ${ALGORITHMS})`,
    `grant update (signing_algorithm) on regent.workspace to regent_runtime`,
    `grant update (signing_algorithm, jwt_type) on regent.resource_server to regent_runtime`,
  ]) {
    await sql.raw(statement).execute(db)
  }
}

/** Fails, and changes nothing, while a key of another algorithm than ES256 is there: it may be needed still. */
export async function down(db: Kysely<never>): Promise<void> {
  for (const statement of [
    `alter table regent.signing_key drop constraint signing_key_algorithm_check`,
    `alter table regent.signing_key add constraint signing_key_algorithm_check check (algorithm in ('ES256'))`,
    `alter table regent.resource_server drop column jwt_type, drop column signing_algorithm`,
    `alter table regent.workspace drop column signing_algorithm`,
  ]) {
    await sql.raw(statement).execute(db)
  }
}
