/** A chore: what deleted tenants and workspaces had is taken away, while others work. */
import type { ChangeNeeds } from '../changes/change.ts'
import { removeDeleted } from '../changes/remove-deleted.ts'
import type { Observe } from '../observe/observation.ts'

export async function removeWhatWasDeleted(needs: ChangeNeeds, observe: Observe): Promise<void> {
  await removeDeleted(needs, {
    onEmptied: ({ issuer }, rows) => observe({ type: 'workspace_emptied', issuer, rows }),
  })
}
