/** Refuses to start beside private keys that the given master keys do not open: no token could be signed with them. */
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
    for (const { tenantId, workspaceId, ...key } of await database.asOperator((connection) =>
      keyStoreSamples(connection).listSamples(region),
    )) {
      try {
        keyring.open(key, { region, tenantId, workspaceId })
      } catch (cause) {
        throw new OperatorError(
          `${source} does not open the signing keys in the database of region ${region}, which were sealed with the master key '${key.masterKeyId}': give the key that was used then, under that id, beside the ones that you have.`,
          { cause },
        )
      }
    }
  }
}
