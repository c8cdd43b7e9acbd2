/** Says where the audit trails of a region end, for whoever keeps the log: what is cut off later shows beside it. */
import type { Keyring } from '../keys/keyring.ts'
import type { Observe } from '../observe/observation.ts'
import type { Database } from '../storage/transaction.ts'
import type { Region } from '../tenancy/region.ts'
import { findAuditKey } from './append-audit-event.ts'
import { headMac, sameMac } from './audit-chain.ts'
import { auditHeadStore } from './audit-store.ts'
import { makeCheckpoint } from './verify-audit.ts'

const BATCH = 200

type Needs = {
  readonly region: Region
  readonly database: Database
  readonly keyring: Keyring
  readonly observe: Observe
}

/** Of those that have moved since the last time. A head that Regent did not write gets none, and an observation. */
export async function checkpointAudit({ region, database, keyring, observe }: Needs): Promise<void> {
  for (let more = true; more;) {
    const { key, heads } = await database.asOperator(async (connection) => ({
      key: await findAuditKey(connection, region, keyring),
      heads: await auditHeadStore(connection, region).takeMovedHeads(BATCH),
    }))
    more = heads.length === BATCH
    if (key === undefined) return
    const at = new Date().toISOString()
    for (const { tenantId, slug, headMac: stored, ...head } of heads) {
      const chain = { key, region, tenantId }
      if (sameMac(stored, headMac(chain, head)))
        observe({ type: 'audit_checkpoint', checkpoint: makeCheckpoint(chain, { region, slug }, head, at) })
      else observe({ type: 'audit_head_wrong', region, tenant: slug })
    }
  }
}
