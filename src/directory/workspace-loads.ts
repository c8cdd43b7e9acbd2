/**
 * Loads workspaces by their address: one reading at a time for each, few at a time in all. That nothing is at an address is
 * the primary's word, asked after the question came, at most once a second for each address.
 */
import { LRUCache } from 'lru-cache'
import type { WorkspaceAddress } from '../tenancy/address.ts'
import type { Region } from '../tenancy/region.ts'
import type { Found } from './found.ts'
import type { KnownWorkspace } from './known-workspace.ts'
import { workspaceKey, type Concern, type MemoryKey } from './memory.ts'
import { tooManyWait } from './too-many-wait.ts'

type Names = Pick<WorkspaceAddress, 'tenant' | 'workspace'>

type Needs = {
  readonly region: Region
  readonly readWorkspace: (address: Names, fromPrimaryOnly: boolean) => Promise<Found<KnownWorkspace>>
  /** Readings at a time. */
  readonly concurrency: number
  /** Milliseconds between two readings of an address that is not there; 0: nobody waits. */
  readonly interval: number
  readonly monotonic: () => number
}

const MAX_ABSENT = 50_000
const MAX_WAITING = 5000

export function workspaceLoads({ region, readWorkspace, concurrency, interval, monotonic }: Needs) {
  const flying = new Map<MemoryKey, Promise<Found<KnownWorkspace>>>()
  /** When an address was last found empty. */
  const absent = new LRUCache<MemoryKey, { readonly at: number }>({ max: MAX_ABSENT })
  const queue: (() => void)[] = []
  let running = 0

  const inTurn = async <Value>(work: () => Promise<Value>): Promise<Value> => {
    if (running < concurrency) running += 1
    else {
      if (queue.length >= MAX_WAITING) throw tooManyWait('too_many_waiting')
      await new Promise<void>((resolve) => queue.push(resolve))
    }
    try {
      return await work()
    } finally {
      // Whoever waits has the place at once: nobody who comes meanwhile takes it as well.
      const next = queue.shift()
      if (next === undefined) running -= 1
      else next()
    }
  }

  const begin = (address: Names, fromPrimaryOnly: boolean): Promise<Found<KnownWorkspace>> => {
    const key = workspaceKey(region, address)
    const wait = (absent.get(key)?.at ?? Number.NEGATIVE_INFINITY) + interval - monotonic()
    const flight = (wait > 0 ? sleep(wait) : Promise.resolve())
      .then(() => inTurn(() => readWorkspace(address, fromPrimaryOnly)))
      .finally(() => {
        if (flying.get(key) === flight) flying.delete(key)
      })
    flying.set(key, flight)
    return flight
  }

  return {
    async load(address: Names): Promise<KnownWorkspace | undefined> {
      const key = workspaceKey(region, address)
      const arrived = monotonic()
      for (let fromPrimaryOnly = false; ; fromPrimaryOnly = true) {
        if (flying.size >= MAX_WAITING) throw tooManyWait('too_many_waiting')
        const { value, asOf, fromPrimary } = await (flying.get(key) ?? begin(address, fromPrimaryOnly))
        if (value !== undefined) return value
        if (interval > 0) absent.set(key, { at: asOf })
        // What was read before the question came, or from a replica, cannot say no to it.
        if (fromPrimary && asOf >= arrived) return undefined
      }
    },

    /** Workspaces whose reading has not begun. */
    waiting: (): number => queue.length,

    /** A change was read: whoever comes from now on does not join what began before it. */
    forget(concern: Concern): void {
      if (concern.of !== 'client') flying.clear()
    },
  }
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}
