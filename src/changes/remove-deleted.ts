/**
 * Takes away what deleted tenants and workspaces had: clients, credentials, grants, scopes, resource servers, keys, counts and
 * tombstones. What stays: the rows of tenant and workspace, which are the tombstones of their names; the audit trail; and the
 * issuance log, until its own days are over. In batches, each a short transaction: what a node that was killed left is
 * taken by whoever comes next. When nothing is left, the audit trail says so.
 */
import type { OperatorConnection } from '../storage/transaction.ts'
import { removalStore, type Deleted } from '../tenancy/removal-store.ts'
import { workspaceSettingsStore } from '../tenancy/workspace-settings-store.ts'
import { change, type Changed, type ChangeNeeds } from './change.ts'
import { ChangeRefusal } from './refusal.ts'

const AT_ONCE = 50

export type Removal = {
  /** Rows of a batch. */
  readonly batch?: number
  /** Transactions, at most: what is left is done the next time. */
  readonly most?: number
  /** One of them has nothing left. @param rows that were taken away this time */
  readonly onEmptied: (workspace: Deleted, rows: number) => void
}

/** @returns rows that were taken away */
export async function removeDeleted(
  needs: ChangeNeeds,
  { batch = 500, most = 2000, onEmptied }: Removal,
): Promise<number> {
  const asOperator = <T>(work: (store: ReturnType<typeof removalStore>) => Promise<T>) =>
    needs.database.asOperator((connection: OperatorConnection) =>
      work(removalStore(connection, needs.region)),
    )
  let taken = 0
  let left = most
  for (const workspace of await asOperator((store) => store.listDeleted(AT_ONCE))) {
    let rows = 0
    for (let removed: number | undefined; left > 0; left--) {
      const begun = performance.now()
      removed = await asOperator((store) =>
        store.removeRows(workspace.tenantId, workspace.workspaceId, batch),
      )
      if (removed === undefined) break
      if (removed === 0) {
        if (await isFirst(markEmptied(needs, workspace))) onEmptied(workspace, rows)
        break
      }
      rows += removed
      // As long as it took: who wants tokens goes before.
      await new Promise((resolve) => setTimeout(resolve, performance.now() - begun))
    }
    taken += rows
  }
  return taken
}

/** Nothing of it is left. @throws ChangeRefusal `state_conflict` where another node was first */
export function markEmptied(
  needs: ChangeNeeds,
  { tenantId, workspaceId, slug }: Pick<Deleted, 'tenantId' | 'workspaceId' | 'slug'>,
): Promise<Changed<object>> {
  return change(needs, tenantId, async (connection) => {
    if (!(await workspaceSettingsStore(connection).updateEmptied(workspaceId)))
      throw new ChangeRefusal('workspace', 'state_conflict', 'another node has emptied it')
    return { value: {}, event: { action: 'workspace_emptied', workspaceId, subject: slug } }
  })
}

/** @returns false where another node was first */
async function isFirst(marked: Promise<object>): Promise<boolean> {
  try {
    await marked
    return true
  } catch (error) {
    if (error instanceof ChangeRefusal) return false
    throw error
  }
}
