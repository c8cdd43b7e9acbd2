/** Changes as an administrator makes them, by the functions of src/changes/, with the limits that the server has too. */
import type { ChangeNeeds } from '../../../src/changes/change.ts'
import { keyring } from '../../../src/keys/keyring.ts'
import { deriveKeys } from '../../../src/sealing/derive.ts'
import { parseMasterKeys } from '../../../src/sealing/master-keys.ts'
import { sealing } from '../../../src/sealing/seal.ts'
import { openPostgres } from '../../../src/storage/open-postgres.ts'
import { database, isUnavailable, sqlState } from '../../../src/storage/transaction.ts'
import { parseOrigin } from '../../../src/tenancy/origin.ts'
import type { Region } from '../../../src/tenancy/region.ts'

export const ORIGIN = 'https://token.example'
export const MASTER_KEYS = `faults:${Buffer.alloc(32, 11).toString('base64')}`
export const BCRYPT_COST = 4
const LIMITS = { statement: 5000, lock: 3000, idle: 5000, deadline: 5000 }
/** For what must be there before anything is broken, however busy the machine is. */
export const PATIENT = { statement: 60_000, lock: 60_000, idle: 60_000, deadline: 120_000 }

/** How a change ended. `unknown`: whether it was made cannot be said, and it is not acknowledged. */
export type Outcome = 'made' | 'unavailable' | 'unknown' | `error ${string}`

export async function openChanges(url: string, region: Region, connections = 4, limits = LIMITS) {
  const origin = parseOrigin(ORIGIN)
  const masterKeys = parseMasterKeys(MASTER_KEYS)
  if (origin === undefined || typeof masterKeys === 'string') throw new Error('the changes are out of joint')
  const pool = await openPostgres({
    url,
    variable: 'DATABASE_URL',
    connections,
    connectTimeout: limits.statement / 5,
  })
  const needs: ChangeNeeds = {
    region,
    database: database(pool, limits),
    origin,
    keyring: keyring(sealing(masterKeys)),
    digestKeys: deriveKeys(masterKeys, 'credential digest'),
    bcryptCost: BCRYPT_COST,
    maxStale: 3600,
    actor: 'faults',
  }
  return { needs, close: () => pool.end() }
}

export async function outcomeOf(change: Promise<unknown>): Promise<Outcome> {
  try {
    await change
    return 'made'
  } catch (error) {
    if (sqlState(error) === 'ETIMEDOUT' && /is not known/.test(String(error))) return 'unknown'
    return isUnavailable(error) ? 'unavailable' : `error ${sqlState(error) ?? String(error)}`
  }
}
