/**
 * A chore: what lies under an older master key is sealed anew with the one that all nodes seal with, and what this node cannot
 * open is told of. A node checks that at its start; afterwards others may have sealed with a key that it lacks, while it was away.
 */
import type { ChangeNeeds } from '../changes/change.ts'
import { reseal } from '../changes/reseal.ts'
import { listUnopened } from '../changes/unopened.ts'
import { resealingKey } from '../keys/sealing-key.ts'
import type { Observe } from '../observe/observation.ts'

type Needs = Pick<ChangeNeeds, 'region' | 'database' | 'keyring'> & { readonly observe: Observe }

export async function watchMasterKeys({ region, database, keyring, observe }: Needs): Promise<void> {
  const unopened = await listUnopened(database, region, keyring)
  const masterKeyIds = unopened.map(({ masterKeyId }) => masterKeyId)
  observe({ type: 'master_keys_compared', region, missing: masterKeyIds })
}

/** A node that knows one key has nothing that it could seal anew. */
export async function resealOlder(needs: Needs): Promise<void> {
  const { region, database, keyring, observe } = needs
  if (keyring.masterKeyIds.length === 1) return
  const to = await database.asOperator((connection) => resealingKey(connection, region, keyring))
  if (to === undefined) return
  const { signingKeys, auditKeys, answers, failed } = await reseal(needs, to)
  if (signingKeys + auditKeys + answers + failed === 0) return
  observe({ type: 'values_resealed', region, masterKeyId: to, signingKeys, auditKeys, answers, failed })
}
