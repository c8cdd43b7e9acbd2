/**
 * Whether a credential was used since some moment, as far as anybody can know: before an old secret is revoked, say. Nodes
 * write uses down each minute, so a 'no' is one up to a moment that it names; and where a node ended without writing its
 * last uses, the answer is that it is not known.
 */
import type { ClientId, CredentialId } from '../ids.ts'
import type { Database } from '../storage/transaction.ts'
import type { Workspace } from '../tenancy/tenant.ts'
import { useGapStore } from './node-store.ts'
import { tenantUseStore } from './use-store.ts'

export type UseVerdict =
  | { readonly verdict: 'used'; readonly lastUsedAt: Date }
  /** Not between the moment that was asked about and this one. */
  | { readonly verdict: 'unused'; readonly until: Date }
  | {
      readonly verdict: 'unknown'
      /** Ask again in a minute; or: a node took its last uses with it. */
      readonly because: 'not_written_yet' | 'some_uses_lost'
    }

/** Milliseconds that the clock of a node which issues tokens may be behind the database's: see heartbeat.ts. */
const MAX_SKEW = 5000

/** @param since a moment by the database's clock: of a rotation, say */
export async function judgeUse(
  database: Database,
  workspace: Workspace,
  clientId: ClientId,
  credentialId: CredentialId,
  since: Date,
): Promise<UseVerdict> {
  const { tenant, id } = workspace
  // Before the rows: what is written in between makes them say more, never less.
  const { until, gap } = await database.asOperator((connection) =>
    useGapStore(connection, tenant.region).findKnownUntil(since),
  )
  const use = await database.inTenant(tenant.id, (connection) =>
    tenantUseStore(connection, id).findUse(clientId, credentialId),
  )
  // In doubt it was used: by a node whose clock is behind.
  if (use !== undefined && use.lastUsedAt.getTime() >= since.getTime() - MAX_SKEW) {
    return { verdict: 'used', lastUsedAt: use.lastUsedAt }
  }
  if (gap) return { verdict: 'unknown', because: 'some_uses_lost' }
  if (until <= since) return { verdict: 'unknown', because: 'not_written_yet' }
  return { verdict: 'unused', until }
}
