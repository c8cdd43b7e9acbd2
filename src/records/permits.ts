/**
 * Counts permits by the minute, key by key, without ever waiting. A node alone counts for itself. Where the nodes of a
 * region count together, each may use up a lease, a twentieth of the limit, before the region's count has answered for it;
 * it reports what it used within 100 ms, at once when half a lease is used, and takes the answer for the truth.
 *
 * So nodes together issue, in one minute of the region's count, fewer than the limit and a lease for each node: what is not
 * in the count yet when it reaches the limit is at most a lease of each. A node that finds its lease used up refuses for a
 * second. While the count does not answer, each node has the limit for itself.
 */
import { LRUCache } from 'lru-cache'
import type { PermitKey, RegionCount } from './region-count.ts'

export type Available = {
  readonly permits: number
  /** Until there may be others. */
  readonly seconds: number
}

export type Permits = {
  available(key: PermitKey, limit: number): Available
  /** Uses one that is available. */
  use(key: PermitKey, limit: number): void
  close(): void
}

type Window = {
  /** By the monotonic clock. */
  endsAt: number
  /** As far as is known here, of all nodes. */
  total: number
  /** Of `total`: used here and not reported, and reported and not answered. */
  unreported: number
  underWay: number
  answered: boolean
  lease: number
}

type Needs = {
  readonly monotonic: () => number
  /** Undefined: there is one node, or each has the limit for itself. */
  readonly count: RegionCount | undefined
  readonly maxKeys: number
}

/** Seconds. */
export const WINDOW = 60
const INTERVAL = 100
const LEASES_A_LIMIT = 20

export const leaseOf = (limit: number) => Math.ceil(limit / LEASES_A_LIMIT)

export function permits({ monotonic, count, maxKeys }: Needs): Permits {
  // Keys exist for whoever has authenticated and has a limit. One that is driven out begins anew.
  const windows = new LRUCache<PermitKey, Window>({
    max: maxKeys,
    dispose: (_window, key) => due.delete(key),
  })
  /** To be reported at the end of the interval. */
  const due = new Set<PermitKey>()
  let timer: NodeJS.Timeout | undefined

  function present(key: PermitKey): Window {
    const now = monotonic()
    const known = windows.get(key)
    if (known !== undefined && now < known.endsAt) return known
    const fresh = { endsAt: now + WINDOW * 1000, total: 0, unreported: 0, answered: false }
    if (known !== undefined) return Object.assign(known, fresh)
    const window = { ...fresh, underWay: 0, lease: 1 }
    windows.set(key, window)
    return window
  }

  async function report(key: PermitKey, window: Window): Promise<void> {
    if (count === undefined || window.underWay > 0 || window.unreported === 0) return
    const { unreported } = window
    Object.assign(window, { unreported: 0, underWay: unreported })
    const counted = await count.add(key, unreported)
    window.underWay = 0
    if (counted === undefined) return
    const endsAt = monotonic() + counted.rest
    Object.assign(window, { total: counted.total + window.unreported, endsAt, answered: true })
    if (window.unreported * 2 >= window.lease) void report(key, window)
    else if (window.unreported > 0) reportLater(key)
  }

  function reportLater(key: PermitKey): void {
    due.add(key)
    timer ??= setTimeout(reportDue, INTERVAL).unref()
  }

  function reportDue(): void {
    timer = undefined
    for (const key of due) {
      const window = windows.peek(key)
      if (window !== undefined) void report(key, window)
    }
    due.clear()
  }

  return {
    available(key, limit) {
      const { endsAt, total, unreported, underWay } = present(key)
      const seconds = Math.max(1, Math.ceil((endsAt - monotonic()) / 1000))
      if (count?.isShared() && total < limit && unreported + underWay >= leaseOf(limit)) {
        return { permits: 0, seconds: 1 }
      }
      return { permits: Math.max(0, limit - total), seconds }
    },

    use(key, limit) {
      const window = present(key)
      window.total += 1
      window.unreported += 1
      window.lease = leaseOf(limit)
      if (count?.isShared() !== true) return
      if (!window.answered || window.unreported * 2 >= window.lease) void report(key, window)
      else reportLater(key)
    },

    close() {
      clearTimeout(timer)
      count?.close()
    },
  }
}
