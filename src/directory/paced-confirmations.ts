/**
 * A no is never answered from memory: before it, the primary is asked, by a reading that begins after the question came.
 * At most once a second for each client id, in which whoever fails meanwhile has a part. A failing attempt waits for its
 * turn whether there is anything to read or not, so that the time it takes tells nothing of who exists.
 */
import { LRUCache } from 'lru-cache'
import type { KnownClient } from '../clients/client.ts'
import type { ClientId } from '../ids.ts'
import type { Region } from '../tenancy/region.ts'
import type { Workspace } from '../tenancy/tenant.ts'
import type { Found } from './found.ts'
import { clientKey, type MemoryKey } from './memory.ts'
import { tooManyWait } from './too-many-wait.ts'

type Turn = { readonly promise: Promise<Found<KnownClient> | undefined>; wanted: boolean }
type Slot = { last: number; next: Turn | undefined }

type Needs = {
  readonly region: Region
  /** A reading by the primary that begins after the call. */
  readonly load: (workspace: Workspace, id: ClientId) => Promise<Found<KnownClient>>
  /** Milliseconds between two turns of one client id; 0: nobody waits. */
  readonly interval: number
  readonly monotonic: () => number
}

const MAX_SLOTS = 50_000
/** Failing attempts at one workspace that may wait for a turn; more get 429. */
const MAX_WAITING = 1000

export type PacedConfirmations = ReturnType<typeof pacedConfirmations>

export function pacedConfirmations({ region, load, interval, monotonic }: Needs) {
  const slots = new LRUCache<MemoryKey, Slot>({ max: MAX_SLOTS })
  const waiting = new Map<Workspace['id'], number>()

  const takeTurn = (slot: Slot, workspace: Workspace, id: ClientId): Turn => {
    const wait = slot.last + interval - monotonic()
    const promise = (wait > 0 ? sleep(wait) : Promise.resolve()).then(() => {
      slot.last = monotonic()
      slot.next = undefined
      return turn.wanted ? load(workspace, id) : undefined
    })
    const turn: Turn = { promise, wanted: false }
    slot.next = turn
    return turn
  }

  const waitFor = async (workspace: Workspace, id: ClientId, wanted: boolean) => {
    const count = waiting.get(workspace.id) ?? 0
    if (count >= MAX_WAITING) throw tooManyWait('too_many_failing')
    const key = clientKey(region, workspace, id)
    const slot = slots.get(key) ?? { last: Number.NEGATIVE_INFINITY, next: undefined }
    slots.set(key, slot)
    const turn = slot.next ?? takeTurn(slot, workspace, id)
    turn.wanted ||= wanted
    waiting.set(workspace.id, count + 1)
    try {
      return await turn.promise
    } finally {
      const left = (waiting.get(workspace.id) ?? 1) - 1
      if (left === 0) waiting.delete(workspace.id)
      else waiting.set(workspace.id, left)
    }
  }

  return {
    /** What the primary says of a client, as of a moment after this call. */
    async confirm(workspace: Workspace, id: ClientId): Promise<Found<KnownClient>> {
      const found = (await waitFor(workspace, id, true)) ?? (await load(workspace, id))
      return { ...found, paced: true }
    },

    /** Takes a turn and asks nothing. */
    async pace(workspace: Workspace, id: ClientId): Promise<void> {
      await waitFor(workspace, id, false)
    },

    /** Whether this id failed within the last turn: what memory does not hold then waits for the next one. */
    isPaced(workspace: Workspace, id: ClientId): boolean {
      const slot = slots.get(clientKey(region, workspace, id))
      return slot !== undefined && (slot.next !== undefined || monotonic() - slot.last < interval)
    },
  }
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}
