/**
 * Opens the databases of the regions for commands: those of the environment, or the embedded one, which all regions
 * share. With `migrate`, roles and schema are brought up to date first.
 */
import { Pool } from 'pg'
import type { Config } from '../config.ts'
import type { DatabaseTarget } from '../config/databases.ts'
import { openAdminSession } from '../storage/open-admin.ts'
import { openEmbedded } from '../storage/embedded.ts'
import { migrateUp } from '../storage/migrate.ts'
import { connectionTo } from '../storage/connection.ts'
import { openPostgres, surviveLostConnections } from '../storage/open-postgres.ts'
import { requirePreparedStatements } from '../storage/pooler.ts'
import { OperatorError } from '../storage/operator-error.ts'
import { requireSchema } from '../storage/requirements.ts'
import { createRoles, requireHarmlessLogin } from '../storage/roles.ts'
import { database, type Database } from '../storage/transaction.ts'
import type { ServedRegion } from '../server/served-region.ts'
import { REGIONS, type Region } from '../tenancy/region.ts'
import { report, withProgress } from './print.ts'

export type OpenDatabases = {
  /** For changes: patient enough for a replica that confirms commits. */
  readonly databases: ReadonlyMap<Region, Database>
  /** The same, as requests use them. */
  readonly served: ReadonlyMap<Region, ServedRegion>
  /** For people: where the data is. */
  readonly description: string
  close(): Promise<void>
}

/** A change holds the region's feed counter until it commits: whoever stalls is ended, so that others can go on. */
const LIMITS = { statement: 5000, lock: 3000, idle: 5000, deadline: 5000 }

export async function openMigratedEmbedded(folder: string): Promise<OpenDatabases> {
  const { pool, version, close } = await withProgress('opening the embedded database', () =>
    openEmbedded(folder, { onProgress: report }),
  )
  try {
    const client = await pool.connect()
    try {
      await createRoles(client, 'postgres')
      await migrateUp({ client }, REGIONS)
    } finally {
      client.release()
    }
    const one = database(pool, LIMITS)
    const served = { database: one, reads: database(pool, LIMITS, { readOnly: true }), connections: 1 }
    return {
      databases: new Map(REGIONS.map((region) => [region, one])),
      served: new Map(REGIONS.map((region) => [region, served])),
      description: `embedded PostgreSQL ${version} in ${folder}`,
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

type PostgresOptions = {
  /** Bring roles and schema up to date first. */
  readonly migrate: boolean
  /** Told of what should be mended, though it works. */
  readonly warn: (message: string) => void
  /** What else a region needs; refuses by an OperatorError. */
  readonly check?: (databases: ReadonlyMap<Region, Database>) => Promise<void>
}

/**
 * All databases that the configuration names, or none.
 * @throws OperatorError that says of each region that cannot be served why
 */
export async function openPostgresDatabases(
  config: Config,
  { migrate, warn, check }: PostgresOptions,
): Promise<OpenDatabases> {
  const databases = new Map<Region, Database>()
  const served = new Map<Region, ServedRegion>()
  const pools: Pool[] = []
  const close = async () => {
    for (const pool of pools) await pool.end()
  }
  const faults: string[] = []
  /** A fault that can be mended is kept until all are known. */
  const attempt = async (regions: readonly Region[], work: () => Promise<void>) => {
    try {
      await work()
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error
      faults.push(`${regions.join(', ')}: ${error.message}`)
    }
  }
  try {
    for (const { target, regions } of groupByUrl(config.databases)) {
      await attempt(regions, async () => {
        if (migrate) await migrateTarget(target, regions)
        const pool = await openPostgres({
          ...target,
          connections: config.databaseConnections,
          connectTimeout: config.databaseTimeout,
        })
        pools.push(pool)
        const one = await openOn(pool, target, regions, warn)
        if (config.prepareStatements) await requirePreparedStatements(pool, target.variable)
        const replica = target.replicaUrl === undefined ? undefined : openReplica(target, config)
        if (replica !== undefined) pools.push(replica)
        const here = servedBy(pool, replica, target, config)
        for (const region of regions) {
          databases.set(region, one)
          served.set(region, { ...here, changes: one })
        }
      })
    }
    for (const [region, one] of databases)
      await attempt([region], async () => check?.(new Map([[region, one]])))
    if (faults.length > 0) {
      throw new OperatorError(
        `Regent serves all of its regions or none, and cannot serve these:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`,
      )
    }
  } catch (error) {
    await close()
    throw error
  }
  return { databases, served, description: `PostgreSQL, ${[...databases.keys()].join(', ')}`, close }
}

/** What a request waits for: as long as REGENT_DB_TIMEOUT for a statement, and half as long again in all. */
function servedBy(
  pool: Pool,
  replica: Pool | undefined,
  { url, variable, directUrl, authorities }: DatabaseTarget,
  { databaseTimeout: timeout, databaseConnections: connections, prepareStatements: prepare }: Config,
): ServedRegion {
  const limits = { statement: timeout, lock: timeout, idle: timeout, deadline: timeout * 1.5 }
  // Nothing that is written while a token waits must survive the loss of power: no replica is waited for.
  const settings = { prepare, durable: false }
  const reading = { ...settings, readOnly: true }
  return {
    database: database(pool, limits, settings),
    reads: database(pool, limits, reading),
    ...(replica && { replica: database(replica, limits, reading) }),
    durable: database(pool, limits, { prepare }),
    listen: connectionTo(directUrl ?? url, variable, authorities),
    ...(directUrl === undefined && {
      directVariable: variable.replace('DATABASE_URL', 'DATABASE_DIRECT_URL'),
    }),
    connections,
  }
}

/** Need not be there at start, nor later: the primary answers in its place. */
function openReplica({ replicaUrl = '', variable, authorities }: DatabaseTarget, config: Config): Pool {
  const pool = new Pool({
    ...connectionTo(replicaUrl, variable, authorities),
    max: config.databaseConnections,
    connectionTimeoutMillis: config.databaseTimeout,
    application_name: 'regent replica',
  })
  surviveLostConnections(pool)
  return pool
}

async function openOn(
  pool: Pool,
  target: DatabaseTarget,
  regions: readonly Region[],
  warn: (message: string) => void,
): Promise<Database> {
  const client = await pool.connect()
  const warning = await requireHarmlessLogin(client).finally(() => client.release())
  if (warning !== undefined) warn(warning)
  const one = database(pool, LIMITS)
  await requireSchema(one, regions, target.variable)
  return one
}

/** Regions may share a database: it is then opened once. */
function groupByUrl(databases: Config['databases']): Iterable<{ target: DatabaseTarget; regions: Region[] }> {
  const groups = new Map<string, { target: DatabaseTarget; regions: Region[] }>()
  for (const [region, target] of databases) {
    const same = groups.get(target.url)
    if (same) same.regions.push(region)
    else groups.set(target.url, { target, regions: [region] })
  }
  return groups.values()
}

async function migrateTarget(target: DatabaseTarget, regions: readonly Region[]): Promise<void> {
  const session = await openAdminSession(target.adminUrl, target.adminVariable, target.authorities)
  try {
    await createRoles(session.client, decodeURIComponent(new URL(target.url).username))
    await migrateUp({ client: session.client, onStep: ({ name }) => report(`migrating: ${name}`) }, regions)
  } finally {
    await session.close()
  }
}
