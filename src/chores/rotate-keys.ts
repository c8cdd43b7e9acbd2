/**
 * A chore: signing keys take turns where their time has come, and what waits is moved on. Workspaces are taken in batches, each by
 * one node for a while; a step is taken only from the state that it starts in, so that two nodes do no harm.
 */
import { maintainKeys, rotateKeys } from '../changes/key-changes.ts'
import type { ChangeNeeds } from '../changes/change.ts'
import { ChangeRefusal } from '../changes/refusal.ts'
import { scheduleRotation, takeDueWorkspaces } from '../changes/rotation-due.ts'
import type { Observe } from '../observe/observation.ts'

const BATCH = 50
/** Seconds until another node may try: whoever took them may have ended. */
const LEASE = 300

/** @returns how many have been seen to */
export async function rotateDueKeys(needs: ChangeNeeds, observe: Observe): Promise<number> {
  let seen = 0
  for (let more = true; more;) {
    const due = await takeDueWorkspaces(needs, BATCH, LEASE)
    more = due.length === BATCH
    for (const workspace of due) {
      seen += 1
      try {
        const { steps } = await rotateKeys(needs, workspace)
        observe({ type: 'keys_rotated', issuer: workspace.issuer, steps: steps.length })
        await scheduleRotation(needs, workspace)
      } catch (error) {
        if (!(error instanceof ChangeRefusal)) throw error
        // Verifiers may not have the next key yet: what is due besides is done, and it is tried again.
        await maintainKeys(needs, workspace)
      }
    }
  }
  return seen
}
