/**
 * The part of a change that stores hashes which came from elsewhere: their workspace learns how much work they take, so that an
 * attempt that fails costs the same whoever is found.
 */
import { mostWork, workOf } from '../clients/hash-forms.ts'
import type { WorkspaceId } from '../ids.ts'
import type { TenantConnection } from '../storage/transaction.ts'
import { workspaceSettingsStore } from '../tenancy/workspace-settings-store.ts'

/** @param hashes all that the change stores, in their stored form */
export async function raiseHashWork(
  connection: TenantConnection,
  workspaceId: WorkspaceId,
  hashes: readonly string[],
): Promise<void> {
  if (hashes.length === 0) return
  await workspaceSettingsStore(connection).raiseHashWork(workspaceId, mostWork(hashes.map(workOf)))
}
