/** Which master keys a region needs and a process has not, or has wrongly: its signing keys and its audit key do not open. */
import { keyStoreSamples } from '../keys/key-samples-store.ts'
import type { Keyring } from '../keys/keyring.ts'
import type { Database } from '../storage/transaction.ts'
import type { Region } from '../tenancy/region.ts'
import { auditKeyNames } from './append-audit-event.ts'
import { auditKeyStore } from './audit-store.ts'

export type Unopened = { readonly masterKeyId: string; readonly cause: unknown }

/** @returns each once, of the keys that may sign and of the audit key; few statements however many there are */
export async function listUnopened(
  database: Database,
  region: Region,
  keyring: Keyring,
): Promise<readonly Unopened[]> {
  const { samples, auditKey } = await database.asOperator(async (connection) => ({
    samples: await keyStoreSamples(connection).listSamples(region),
    auditKey: await auditKeyStore(connection, region).findAuditKey(),
  }))
  const unopened = new Map<string, unknown>()
  const attempt = (masterKeyId: string, open: () => unknown) => {
    try {
      open()
    } catch (cause) {
      unopened.set(masterKeyId, cause)
    }
  }
  for (const { tenantId, workspaceId, ...key } of samples)
    attempt(key.masterKeyId, () => keyring.open(key, { region, tenantId, workspaceId }))
  if (auditKey !== undefined)
    attempt(auditKey.masterKeyId, () => keyring.openSecret(auditKey, auditKeyNames(region)))
  return [...unopened].map(([masterKeyId, cause]) => ({ masterKeyId, cause }))
}
