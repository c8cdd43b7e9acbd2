/**
 * Follows the region's change feed: asks twice a second, and whenever something hints at a change, for all that came after
 * the last entry that it knows, that entry included. If it is not there any more, or is another one, or a number is
 * missing, then this is not the feed that was read before (a fail-over, a restored backup): memory is emptied.
 */
import type { Observe } from '../observe/observation.ts'
import { isUnavailable, type Database } from '../storage/transaction.ts'
import type { Region } from '../tenancy/region.ts'
import { changeFeedReader, feedPosition, type FeedEntry } from './change-feed-store.ts'
import { concernOf } from './concern.ts'
import type { Freshness } from './freshness.ts'
import type { Concern } from './memory.ts'

export type ChangeFeedNeeds = {
  readonly region: Region
  readonly database: Database
  readonly fresh: Freshness
  readonly observe: Observe
  /** Milliseconds. */
  readonly monotonic: () => number
  readonly random: () => number
  /** Before the feed's position moves past it. */
  readonly onChange: (concern: Concern, number: number) => void
  /** Memory is to be emptied. */
  readonly onEmpty: () => void
  /** After the position has moved. */
  readonly onAdvance: () => void
}

export type ChangeFeed = ReturnType<typeof changeFeed>

const POLL_INTERVAL = 500
const MOST_ENTRIES = 1000

/** `id` is unknown before the first change of a region. */
type Position = { readonly number: number; readonly id: string | undefined }

export function changeFeed(needs: ChangeFeedNeeds) {
  const { region, database, fresh, observe, monotonic, random, onChange, onEmpty, onAdvance } = needs
  let position: Position | undefined
  let running: Promise<void> | undefined
  let next: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  let stopped = false

  const read = (from: number) =>
    database.asOperator(async (connection) => {
      const number = await feedPosition(connection, region).readNumber()
      const entries = await changeFeedReader(connection, region).listEntriesFrom(from, MOST_ENTRIES)
      return { number, entries }
    })

  /** Takes the feed as it is for the point to start from. What was loaded before that point, no entry will ever concern. */
  const begin = async () => {
    const { number } = await read(Number.MAX_SAFE_INTEGER)
    const { entries } = await read(number)
    const newest = entries.at(-1)
    const start = { number: newest?.number ?? number, id: newest?.id }
    onChange({ of: 'region' }, start.number)
    position = start
  }

  const once = async () => {
    const begunAt = monotonic()
    if (position === undefined) await begin()
    else {
      const known = position
      const { number, entries } = await read(known.number)
      const after = entriesAfter(known, number, entries)
      if (after === undefined) {
        position = undefined
        onEmpty()
        observe({ type: 'memory_emptied', region, feedNumber: known.number })
        await begin()
      } else {
        for (const entry of after) onChange(concernOf(entry), entry.number)
        const newest = after.at(-1)
        if (newest !== undefined) {
          position = newest
          onAdvance()
        }
        if (entries.length === MOST_ENTRIES) await once()
      }
    }
    fresh.read(begunAt)
  }

  /** Returns when a reading that began after the call has ended. */
  const poll = (): Promise<void> => {
    if (running === undefined) {
      running = once().finally(() => {
        running = undefined
      })
      return running
    }
    next ??= running
      .catch(() => {})
      .then(() => {
        next = undefined
        return poll()
      })
    return next
  }

  /** A database that is away is seen by the breaker, and by the age of what is known; whatever else fails, here only. */
  const failed = (error: unknown) => {
    if (!stopped && !isUnavailable(error)) {
      observe({ type: 'server_error', requestId: `change feed of ${region}`, error })
    }
  }

  const pollAgain = () => {
    timer = setTimeout(
      () => {
        void poll()
          .catch(failed)
          .finally(() => stopped || pollAgain())
      },
      POLL_INTERVAL * (0.8 + 0.2 * random()),
    )
    timer.unref()
  }

  return {
    poll,
    /** How far it has been read; -1 before the first reading. */
    number: () => position?.number ?? -1,

    /** Reads it for the first time, and goes on by itself. Rejects when the database cannot be asked. */
    async start(): Promise<void> {
      await poll()
      if (!stopped) pollAgain()
    },

    /** A hint that something changed; may be wrong. */
    hint(): void {
      if (!stopped) void poll().catch(failed)
    },

    async stop(): Promise<void> {
      stopped = true
      clearTimeout(timer)
      await (next ?? running)?.catch(() => {})
    },
  }
}

/** @returns undefined when this is not the feed that the position is of */
function entriesAfter(
  { number: last, id }: Position,
  counter: number,
  entries: readonly FeedEntry[],
): readonly FeedEntry[] | undefined {
  if (counter < last) return undefined
  const [first, ...others] = entries
  if (id !== undefined && (first?.number !== last || first.id !== id)) return undefined
  const after = id === undefined ? entries.filter(({ number }) => number > last) : others
  return after.every(({ number }, index) => number === last + 1 + index) ? after : undefined
}
