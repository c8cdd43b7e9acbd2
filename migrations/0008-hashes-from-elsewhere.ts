/**
 * Secrets that were hashed elsewhere: with PBKDF2 as Hydra does it, until they are used and hashed anew. A workspace says
 * whether they are, and keeps the most work that such a hash takes, for attempts that fail cost as much whoever is found.
 *
 * Nodes of the version before cannot read a client that has a PBKDF2 hash: none is imported until all are of this one.
 */
import { sql, type Kysely } from 'kysely'

const BCRYPT = `bcrypt_hash ~ '^[$]2b[$][0-9]{2}[$].{53}$'`
const PBKDF2 = `bcrypt_hash ~ '^[$]pbkdf2-sha256[$]i=[1-9][0-9]{0,5},l=32[$][A-Za-z0-9+/]{11,86}[$][A-Za-z0-9+/]{43}$'`

export async function up(db: Kysely<never>): Promise<void> {
  for (const statement of [
    `alter table regent.workspace
      add column rehash boolean not null default true,
      add column imported_bcrypt_cost smallint not null default 0 check (imported_bcrypt_cost between 0 and 15),
      add column imported_iterations integer not null default 0 check (imported_iterations between 0 and 600000)`,
    // Not checked again for the rows that are there, which the narrower rule has let in: a million would be read under a lock.
    `alter table regent.credential drop constraint credential_bcrypt_hash_check,
      add constraint credential_bcrypt_hash_check check (${BCRYPT} or ${PBKDF2}) not valid`,
    `grant update (rehash, imported_bcrypt_cost, imported_iterations) on regent.workspace to regent_runtime`,
  ]) {
    await sql.raw(statement).execute(db)
  }
}

/** Refused by the database while there is a hash of PBKDF2. */
export async function down(db: Kysely<never>): Promise<void> {
  for (const statement of [
    `alter table regent.credential drop constraint credential_bcrypt_hash_check,
      add constraint credential_bcrypt_hash_check check (${BCRYPT})`,
    `alter table regent.workspace drop column imported_iterations, drop column imported_bcrypt_cost, drop column rehash`,
  ]) {
    await sql.raw(statement).execute(db)
  }
}
