/**
 * Waits until every live node of a region has read a change: its answer can then be relied on (RFC 7240 §4.3, `Prefer:
 * wait`). A node that is alive and does not confirm is named; one that is dead for three seconds is not waited for.
 */
import type { NodeId } from '../ids.ts'
import type { Database } from '../storage/transaction.ts'
import type { Region } from '../tenancy/region.ts'
import { nodeStore } from './node-store.ts'

export type Confirmation = {
  readonly confirmed: readonly NodeId[]
  /** Alive, and not known to have read it when the time was over. */
  readonly missing: readonly NodeId[]
}

const INTERVAL = 50

/**
 * @param feedNumber of the change
 * @param wait seconds at the most
 */
export async function awaitConfirmation(
  database: Database,
  region: Region,
  feedNumber: number,
  wait: number,
): Promise<Confirmation> {
  const deadline = performance.now() + wait * 1000
  for (;;) {
    const nodes = await database.asOperator((connection) => nodeStore(connection, region).listLiveNodes())
    const behind = nodes.filter((node) => node.feedNumber < feedNumber).map(({ id }) => id)
    if (behind.length === 0 || performance.now() >= deadline) {
      return { confirmed: nodes.map(({ id }) => id).filter((id) => !behind.includes(id)), missing: behind }
    }
    await new Promise((resolve) => setTimeout(resolve, INTERVAL))
  }
}
