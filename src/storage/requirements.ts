/** What a server asks of a database before it serves from it: a schema it knows, and the regions it is to hold. */
import { migrations } from '../../migrations/index.ts'
import { OperatorError } from './operator-error.ts'
import { sqlState, type Database } from './transaction.ts'

/**
 * @param variable name of the environment variable that the database came from
 * @throws OperatorError when a migration is missing, when a newer Regent made a breaking one, or when the database
 *   is not stamped for one of the regions
 */
export async function requireSchema(
  database: Database,
  regions: readonly string[],
  variable: string,
): Promise<void> {
  const { applied, breaking, stamped } = await database
    .asOperator(async ({ db }) => ({
      applied: (await db.selectFrom('migration').select('name').execute()).map(({ name }) => name),
      breaking: (await db.selectFrom('breaking_migration').select('name').execute()).map(({ name }) => name),
      stamped: (await db.selectFrom('database_region').select('region').orderBy('region').execute()).map(
        ({ region }) => region,
      ),
    }))
    .catch((error: unknown) => {
      // 42P01 and 3F000: no table, no schema; 42501 and 22023: no rights on it, no such role.
      if (!['42P01', '3F000', '42501', '22023'].includes(sqlState(error) ?? '')) throw error
      throw new OperatorError(
        `The database of ${variable} has no schema of Regent's, or not one for this login: run 'regent migrate roles' and 'regent migrate up'.`,
        { cause: error },
      )
    })
  const missing = Object.keys(migrations).filter((name) => !applied.includes(name))
  if (missing.length > 0) {
    throw new OperatorError(
      `The schema in the database of ${variable} is older than this Regent (${missing.join(', ')} is missing): run 'regent migrate up'.`,
    )
  }
  const newer = breaking.find((name) => !(name in migrations))
  if (newer !== undefined) {
    throw new OperatorError(
      `The database of ${variable} was migrated by a newer Regent, and this one must not run beside its migration ${newer}: start the newer Regent.`,
    )
  }
  const foreign = regions.filter((region) => !stamped.includes(region))
  if (foreign.length > 0) {
    throw new OperatorError(
      `The database of ${variable} is not stamped for region ${foreign.join(', ')} but for ${stamped.join(', ') || 'none at all'}: if it may hold that region's data, run 'regent migrate up --regions ${foreign.join(',')}'; otherwise name the right database.`,
    )
  }
}
