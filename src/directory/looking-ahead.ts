/**
 * Soon after a start, whoever asks next is likely to be unknown too: behind the back of a client that has proved itself, those
 * of its workspace that were in use lately are read together. Decides where that begins; knows time, and asks nobody.
 */
import type { ClientId, WorkspaceId } from '../ids.ts'
import type { Workspace } from '../tenancy/tenant.ts'
import type { Found } from './found.ts'

/** Milliseconds. */
const COLD = 10 * 60_000
const BEFORE_ALL = '' as ClientId

/** @param isFull another client would take somebody's place */
export function lookingAhead(monotonic: () => number, isFull: () => boolean) {
  const looked = new Set<WorkspaceId>()
  let coldSince = monotonic()
  return {
    /** @returns the id behind which to read; undefined where it is not worth it, or the client came from memory */
    beginning({ id: workspaceId }: Workspace, id: ClientId, { asOf }: Found<unknown>): ClientId | undefined {
      if (!Number.isFinite(asOf) || monotonic() - coldSince > COLD || isFull()) return undefined
      const first = !looked.has(workspaceId)
      looked.add(workspaceId)
      return first ? BEFORE_ALL : id
    },

    /** Everything is forgotten. */
    beginAnew(): void {
      coldSince = monotonic()
      looked.clear()
    },
  }
}
