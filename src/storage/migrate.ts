/**
 * Brings a database's schema up or down, one migration a transaction, as `regent_owner`. Kysely's Migrator keeps
 * the list of what was run and the lock against two migrators at once, which is one of the session: it cannot be
 * held through a pooler that hands each transaction another session.
 */
import { Migrator, sql, type Kysely } from 'kysely'
import type { PoolClient } from 'pg'
import { migrations, type RegentMigration } from '../../migrations/index.ts'
import { kyselyOn } from './kysely-on.ts'
import { OperatorError } from './operator-error.ts'
import { sqlState } from './transaction.ts'

/** What a migration waits for a lock, in milliseconds, before it lets others through and tries again. */
export const MIGRATION_LOCK_TIMEOUT = 3000
const LOCK_ATTEMPTS = 10
const LOCK_NOT_AVAILABLE = '55P03'

export type MigrationStatus = {
  readonly applied: readonly string[]
  readonly pending: readonly string[]
  /** Applied by a newer Regent. */
  readonly unknown: readonly string[]
  /** The regions that this database may hold. */
  readonly regions: readonly string[]
}

export type MigrationRun = { readonly name: string; readonly direction: 'up' | 'down' }

type Needs = {
  /** A session of its own: see `open-admin.ts`. */
  readonly client: PoolClient
  /** Called before each step, with what it will do. */
  readonly onStep?: (run: MigrationRun) => void
  readonly migrations?: Readonly<Record<string, RegentMigration>>
}

export async function migrationStatus({
  client,
  migrations: known = migrations,
}: Needs): Promise<MigrationStatus> {
  return asOwner(client, (db) => readStatus(db, known))
}

async function readStatus(db: Kysely<never>, known: object): Promise<MigrationStatus> {
  const tables = await sql<{ name: string }>`
    select relname as name from pg_class where relnamespace = to_regnamespace('regent') and relkind = 'r'`.execute(
    db,
  )
  const has = (table: string) => tables.rows.some(({ name }) => name === table)
  const applied = has('migration')
    ? (await sql<{ name: string }>`select name from regent.migration order by name`.execute(db)).rows
    : []
  const regions = has('database_region')
    ? (await sql<{ region: string }>`select region from regent.database_region order by region`.execute(db))
        .rows
    : []
  const names = applied.map(({ name }) => name)
  return {
    applied: names,
    pending: Object.keys(known).filter((name) => !names.includes(name)),
    unknown: names.filter((name) => !(name in known)),
    regions: regions.map(({ region }) => region),
  }
}

/** Runs what is pending, then stamps the database with the regions that it may hold. Safe to repeat. */
export async function migrateUp(needs: Needs, regions: readonly string[]): Promise<readonly MigrationRun[]> {
  await createSchema(needs.client)
  return asOwner(needs.client, async (db) => {
    const runs: MigrationRun[] = []
    const { pending, unknown } = await readStatus(db, needs.migrations ?? migrations)
    if (pending.length > 0) requireKnown(unknown)
    for (const name of pending) needs.onStep?.({ name, direction: 'up' })
    // Beside a newer schema nothing is pending, and Kysely would refuse even to look.
    while (unknown.length === 0) {
      const run = await step(db, needs, 'up')
      if (run === undefined) break
      runs.push(run)
    }
    for (const region of regions) {
      await sql`insert into regent.database_region (region) values (${region}) on conflict do nothing`.execute(
        db,
      )
    }
    return runs
  })
}

/** The order of migrations is fixed: none goes before or under what a newer Regent has run. */
function requireKnown([newer]: readonly string[]): void {
  if (newer === undefined) return
  throw new OperatorError(
    `The database was migrated by a newer Regent (${newer}), which this one does not know: use the newer Regent.`,
  )
}

/** Undoes the newest migration. */
export async function migrateDown(needs: Needs): Promise<readonly MigrationRun[]> {
  return asOwner(needs.client, async (db) => {
    const { applied, unknown } = await readStatus(db, needs.migrations ?? migrations)
    const newest = applied.at(-1)
    if (newest === undefined) return []
    requireKnown(unknown)
    needs.onStep?.({ name: newest, direction: 'down' })
    const run = await step(db, needs, 'down')
    return run === undefined ? [] : [run]
  })
}

async function step(
  db: Kysely<never>,
  needs: Needs,
  direction: 'up' | 'down',
): Promise<MigrationRun | undefined> {
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => recordBreaking(needs.migrations ?? migrations) },
    migrationTableSchema: 'regent',
    migrationTableName: 'migration',
    migrationLockTableName: 'migration_lock',
  })
  for (let attempt = 1; ; attempt++) {
    const { error, results } = await (direction === 'up' ? migrator.migrateUp() : migrator.migrateDown())
    if (error === undefined) return results?.[0] && { name: results[0].migrationName, direction }
    if (sqlState(error) !== LOCK_NOT_AVAILABLE) throw error
    if (attempt === LOCK_ATTEMPTS) {
      throw new OperatorError(
        `A migration found its tables locked ${LOCK_ATTEMPTS} times: end the long transaction that holds them and run it again. Nothing was changed by it.`,
        { cause: error },
      )
    }
  }
}

/** A migration marked `breaking` leaves a row, in its own transaction, for servers that do not know it. */
function recordBreaking(known: Readonly<Record<string, RegentMigration>>): Record<string, RegentMigration> {
  const entries = Object.entries(known).map(([name, { up, down, breaking }]): [string, RegentMigration] => [
    name,
    {
      async up(db) {
        await up(db)
        if (breaking) await sql`insert into regent.breaking_migration (name) values (${name})`.execute(db)
      },
      ...(down && {
        async down(db) {
          if (breaking) await sql`delete from regent.breaking_migration where name = ${name}`.execute(db)
          await down(db)
        },
      }),
    },
  ])
  return Object.fromEntries(entries)
}

/** The schema is made by the login, for its owner to be `regent_owner`; two migrators may meet here. */
async function createSchema(client: PoolClient): Promise<void> {
  const exists = async () =>
    (await client.query(`select from pg_namespace where nspname = 'regent'`)).rowCount !== 0
  if (await exists()) return
  try {
    await client.query('create schema regent authorization regent_owner')
  } catch (error) {
    if (await exists()) return
    const state = sqlState(error)
    if (state === '42704') {
      throw new OperatorError(`The role regent_owner does not exist yet: run 'regent migrate roles' first.`)
    }
    if (state === '42501') {
      throw new OperatorError(
        `The login of DATABASE_ADMIN_URL may not create the schema 'regent' for regent_owner: run 'regent migrate roles', and let the login own the database or have CREATE on it.`,
        { cause: error },
      )
    }
    throw error
  }
}

/** Acts as the owner and then as the login again, since the embedded database has no other session. */
async function asOwner<T>(client: PoolClient, work: (db: Kysely<never>) => Promise<T>): Promise<T> {
  try {
    await client.query('set role regent_owner')
  } catch (cause) {
    throw new OperatorError(
      `The database login may not act as regent_owner: run 'regent migrate roles' first.`,
      { cause },
    )
  }
  try {
    return await work(kyselyOn<never>(client))
  } finally {
    await client.query('reset role')
  }
}
