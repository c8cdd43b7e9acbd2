/** Refuses to start beside keys that the given master keys do not open: no token could be signed with them, nothing changed. */
import { listUnopened } from '../changes/unopened.ts'
import { keyStoreSamples } from '../keys/key-samples-store.ts'
import type { Keyring } from '../keys/keyring.ts'
import { OperatorError } from '../storage/operator-error.ts'
import type { Database } from '../storage/transaction.ts'
import type { Region } from '../tenancy/region.ts'

/** @returns whether private keys are there that some master key must open */
export async function holdsSealedKeys(databases: ReadonlyMap<Region, Database>): Promise<boolean> {
  for (const [region, database] of databases) {
    const samples = await database.asOperator((connection) => keyStoreSamples(connection).listSamples(region))
    if (samples.length > 0) return true
  }
  return false
}

/** @param source where the master keys came from, as its reader knows it */
export async function requireMasterKeys(
  databases: ReadonlyMap<Region, Database>,
  keyring: Keyring,
  source: string,
): Promise<void> {
  for (const [region, database] of databases) {
    const unopened = await listUnopened(database, region, keyring)
    const [first] = unopened
    if (first === undefined) continue
    const ids = unopened.map(({ masterKeyId }) => `'${masterKeyId}'`)
    const [keys, those, under] =
      ids.length === 1
        ? ['the master key', 'the key that was used then', 'that id']
        : ['the master keys', 'the keys that were used then', 'those ids']
    throw new OperatorError(
      `${source} does not open the signing keys in the database of region ${region}, which were sealed with ${keys} ${ids.join(', ')}: give ${those}, under ${under}, beside the ones that you have.`,
      { cause: first.cause },
    )
  }
}
