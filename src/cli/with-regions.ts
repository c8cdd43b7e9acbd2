/** For commands that speak to the databases themselves: opens those of the environment, and closes them at the end. */
import type { ChangeNeeds } from '../changes/change.ts'
import { readConfig, readServerConfig } from '../config.ts'
import { keyring } from '../keys/keyring.ts'
import { deriveKeys } from '../sealing/derive.ts'
import { sealing } from '../sealing/seal.ts'
import { OperatorError } from '../storage/operator-error.ts'
import type { Database } from '../storage/transaction.ts'
import { isRegion, REGIONS, type Region } from '../tenancy/region.ts'
import { openPostgresDatabases } from './open-databases.ts'
import { report } from './print.ts'
import { requireMasterKeys } from './require-master-keys.ts'

/**
 * @param actor who changes something, for the audit trail
 * @param remedy what to do where there is only the embedded database
 */
export async function withRegions<T>(
  actor: string,
  remedy: string,
  work: (regions: ReadonlyMap<Region, ChangeNeeds>) => Promise<T>,
): Promise<T> {
  const config = readServerConfig()
  const { masterKeys, origin, bcryptCost, maxStale } = config
  const keys = keyring(sealing(masterKeys))
  if (config.databases.size === 0) throw new OperatorError(`DATABASE_URL is not set: ${remedy}`)
  const store = await openPostgresDatabases(config, {
    migrate: false,
    warn: report,
    check: (databases) => requireMasterKeys(databases, keys, 'REGENT_MASTER_KEYS'),
  })
  try {
    const digestKeys = deriveKeys(masterKeys, 'credential digest')
    const own = { origin, keyring: keys, bcryptCost, digestKeys, maxStale, actor }
    return await work(
      new Map([...store.databases].map(([region, database]) => [region, { region, database, ...own }])),
    )
  } finally {
    await store.close()
  }
}

/** For what needs no master keys, and is to be had when they are wrong. @param remedy as above */
export async function withDatabases<T>(
  remedy: string,
  work: (databases: ReadonlyMap<Region, Database>) => Promise<T>,
): Promise<T> {
  const config = readConfig()
  if (config.databases.size === 0) throw new OperatorError(`DATABASE_URL is not set: ${remedy}`)
  const store = await openPostgresDatabases(config, { migrate: false, warn: report })
  try {
    return await work(store.databases)
  } finally {
    await store.close()
  }
}

/** @throws OperatorError when it is no region, or one that no database is configured for */
export function requireRegion<Value>(regions: ReadonlyMap<Region, Value>, name: string): Value {
  if (!isRegion(name)) throw new OperatorError(`--region takes one of ${REGIONS.join(', ')}.`)
  const found = regions.get(name)
  if (found === undefined) {
    throw new OperatorError(
      `No database is configured for region ${name}: set DATABASE_URL${name === 'none' ? '' : `_${name.toUpperCase()}`}.`,
    )
  }
  return found
}
