/**
 * A no is never answered from memory: before it, the primary is asked, by a reading that begins after the question came.
 * At most once a second for each client id, in which whoever fails meanwhile has a part. When a turn is due depends on when
 * failing questions came and on nothing else, and each of them costs one turn and one reading: neither tells who exists.
 */
import { LRUCache } from 'lru-cache'
import type { KnownClient } from '../clients/client.ts'
import type { ClientId } from '../ids.ts'
import type { Region } from '../tenancy/region.ts'
import type { Workspace } from '../tenancy/tenant.ts'
import type { Found } from './found.ts'
import { clientKey, workspaceKey, type MemoryKey } from './memory.ts'
import { tooManyWait } from './too-many-wait.ts'

type Slot = {
  /** When the latest turn was due, in milliseconds of the monotonic clock. */
  last: number
  /** The turn that waits; whoever fails before it begins has a part in it. */
  next: Promise<Found<KnownClient>> | undefined
}

type Needs = {
  readonly region: Region
  /** A reading by the primary that begins after the call. */
  readonly load: (workspace: Workspace, id: ClientId) => Promise<Found<KnownClient>>
  /** Milliseconds between two turns of one client id; 0: nobody waits. */
  readonly interval: number
  readonly monotonic: () => number
}

const MAX_SLOTS = 50_000
/** Milliseconds for which a question may be on its way here: its turn is due by when it came. */
const LONGEST_QUESTION = 60_000
/** Failing attempts at one workspace that may wait for a turn; more get 429. */
const MAX_WAITING = 1000

export type PacedConfirmations = ReturnType<typeof pacedConfirmations>

export function pacedConfirmations({ region, load, interval, monotonic }: Needs) {
  const slots = new LRUCache<MemoryKey, Slot>({ max: MAX_SLOTS })
  const waiting = new Map<MemoryKey, number>()

  /** Two for each that comes: memory is that of the last minute's failures, and no flood outruns it. */
  const dropOld = () => {
    for (let count = 0; count < 2; count += 1) {
      const [oldest] = slots.rkeys()
      const slot = oldest === undefined ? undefined : slots.peek(oldest)
      if (oldest === undefined || slot === undefined || slot.next !== undefined) return
      if (monotonic() - slot.last < interval + LONGEST_QUESTION) return
      slots.delete(oldest)
    }
  }

  const beginTurn = (slot: Slot, due: number, workspace: Workspace, id: ClientId) => {
    slot.next = sleep(due - monotonic()).then(() => {
      slot.last = Math.max(slot.last, due)
      slot.next = undefined
      return load(workspace, id)
    })
    return slot.next
  }

  return {
    /**
     * What the primary says of a client, as of a moment after the question came.
     * @param arrived when it came, by the monotonic clock. That decides when the turn is due: when a question is found to
     *   fail depends on what had to be read before
     * @param found what it has met already; where nobody has to wait, it is returned if it is what is wanted
     */
    async confirm(
      workspace: Workspace,
      id: ClientId,
      arrived: number,
      found: Found<KnownClient>,
    ): Promise<Found<KnownClient>> {
      dropOld()
      const key = clientKey(region, workspace, id)
      const slot = slots.get(key) ?? { last: Number.NEGATIVE_INFINITY, next: undefined }
      slots.set(key, slot)
      const due = slot.last + interval
      if (arrived >= due) {
        slot.last = arrived
        return found.fromPrimary && found.asOf >= arrived ? found : load(workspace, id)
      }
      const place = workspaceKey(region, { tenant: workspace.tenant.slug, workspace: workspace.slug })
      const count = waiting.get(place) ?? 0
      if (count >= MAX_WAITING) throw tooManyWait('too_many_failing')
      waiting.set(place, count + 1)
      try {
        return await (slot.next ?? beginTurn(slot, due, workspace, id))
      } finally {
        const left = (waiting.get(place) ?? 1) - 1
        if (left === 0) waiting.delete(place)
        else waiting.set(place, left)
      }
    },

    /** Whether this id failed within the last turn: what memory does not hold then waits for the next one. */
    isPaced(workspace: Workspace, id: ClientId): boolean {
      const slot = slots.get(clientKey(region, workspace, id))
      return slot !== undefined && (slot.next !== undefined || monotonic() - slot.last < interval)
    },

    /** Client ids that failed within the last minute, as remembered. */
    size: () => slots.size,
  }
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, milliseconds)))
}
