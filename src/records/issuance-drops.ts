/** What the issuance log lacks, by workspace, until a row of the log itself says so. Knows no database. */
import { newRandomId, type TenantId, type WorkspaceId } from '../ids.ts'
import type { Dropped } from './issuance-batch.ts'

export type IssuanceDrops = ReturnType<typeof issuanceDrops>

/** @param wallClock milliseconds since 1970 */
export function issuanceDrops(wallClock: () => number) {
  const lacking = new Map<WorkspaceId, Dropped>()
  /** Being written, and perhaps written: with the same ids until that is known. */
  let reporting: readonly Dropped[] = []

  return {
    add({ tenantId, workspaceId }: { tenantId: TenantId; workspaceId: WorkspaceId }): void {
      const known = lacking.get(workspaceId)
      if (known !== undefined) known.events += 1
      else lacking.set(workspaceId, { tenantId, workspaceId, id: newRandomId(), at: wallClock(), events: 1 })
    },

    isEmpty: () => lacking.size === 0 && reporting.length === 0,

    /** What is to be written now; the same again until it is done. */
    report(): readonly Dropped[] {
      if (reporting.length === 0) {
        reporting = [...lacking.values()]
        lacking.clear()
      }
      return reporting
    },

    reported(): void {
      reporting = []
    },
  }
}
