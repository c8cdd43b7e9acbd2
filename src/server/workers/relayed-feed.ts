/**
 * A worker's change feed: the primary reads the region's feed for all workers, and each applies what it hears as if it had
 * read it, in the same order. How old it is counts from when the primary began to read, by the clock that they share.
 */
import type { ChangeFeed, ChangeFeedNeeds } from '../../directory/change-feed.ts'
import type { FeedNews } from './messages.ts'

export type RelayedFeed = ChangeFeed & {
  hear(news: FeedNews): void
  /** The primary could not read it. */
  pollFailed(): void
}

type Relay = {
  readonly ask: (what: 'poll' | 'hint') => void
  /** Applied up to here. */
  readonly applied: (number: number) => void
}
type Waiting = {
  readonly since: number
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

export function relayedFeed(
  { fresh, monotonic, onChange, onEmpty, onAdvance }: ChangeFeedNeeds,
  { ask, applied }: Relay,
): RelayedFeed {
  let position = -1
  /** Heard before the start, when there is nobody to tell. */
  let early: FeedNews[] | undefined = []
  let waiting: Waiting[] = []

  const poll = () =>
    new Promise<void>((resolve, reject) => {
      waiting.push({ since: monotonic(), resolve, reject })
      ask('poll')
    })

  const apply = ({ emptied, changes, number, readAt }: FeedNews) => {
    if (emptied) onEmpty()
    for (const change of changes) onChange(change.concern, change.number)
    position = number
    fresh.read(readAt)
    if (changes.length > 0) onAdvance()
    applied(number)
    for (const one of waiting) if (one.since <= readAt) one.resolve()
    waiting = waiting.filter(({ since }) => since > readAt)
  }

  return {
    poll,
    number: () => position,
    async start() {
      const heard = early ?? []
      early = undefined
      for (const news of heard) apply(news)
      if (position === -1) await poll()
    },
    hint: () => ask('hint'),
    async stop() {},

    hear(news) {
      if (early === undefined) apply(news)
      else early.push(news)
    },

    pollFailed() {
      for (const { reject } of waiting) reject(new Error('the primary could not read the feed'))
      waiting = []
    },
  }
}
