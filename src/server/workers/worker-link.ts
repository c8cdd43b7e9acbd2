/** A worker's side of what it shares with the primary: hears, asks, tells. One for each worker process. */
import type { ChangeFeed, ChangeFeedNeeds } from '../../directory/change-feed.ts'
import { clockWrong, type ClockFault } from '../../records/heartbeat.ts'
import type { Counted, PermitKey, RegionCount } from '../../records/region-count.ts'
import type { Region } from '../../tenancy/region.ts'
import type { RegionRelay } from '../served-region.ts'
import type {
  ClockNews,
  FeedNews,
  FromWorker,
  Lesson,
  MasterKeyNews,
  RegionNews,
  ToWorker,
} from './messages.ts'
import { relayedFeed, type RelayedFeed } from './relayed-feed.ts'

export type WorkerLink = ReturnType<typeof workerLink>
type Hello = Extract<ToWorker, { type: 'hello' }>

type Needs = {
  readonly send: (message: FromWorker) => void
  readonly onLesson: (lesson: Lesson) => void
  readonly onMetrics: (id: number) => void
  readonly onStop: () => void
}

export function workerLink({ send, onLesson, onMetrics, onStop }: Needs) {
  const feeds = new Map<Region, RelayedFeed>()
  const clocks = new Map<Region, ClockNews>()
  const confirms = new Map<Region, (offset: number) => void>()
  const masterKeys = new Map<Region, readonly string[]>()
  const keyListeners = new Map<Region, (knownToAll: readonly string[]) => void>()
  /** Heard before the region's directory was there. */
  const early = new Map<Region, FeedNews[]>()
  const counts = new Map<number, (counted: Counted | undefined) => void>()
  let lastId = 0
  let greet: ((hello: Hello) => void) | undefined
  const hello = new Promise<Hello>((resolve) => {
    greet = resolve
  })

  const hear = (news: FeedNews) => {
    const feed = feeds.get(news.region)
    if (feed === undefined) early.set(news.region, [...(early.get(news.region) ?? []), news])
    else feed.hear(news)
  }

  const hearClock = (news: ClockNews) => {
    clocks.set(news.region, news)
    if (news.offset !== undefined) confirms.get(news.region)?.(news.offset)
  }
  const hearMasterKeys = ({ region, knownToAll }: MasterKeyNews) => {
    masterKeys.set(region, knownToAll)
    keyListeners.get(region)?.(knownToAll)
  }
  const hearNews = (news: RegionNews) => {
    if (news.type === 'feed') return hear(news)
    if (news.type === 'clock') return hearClock(news)
    return hearMasterKeys(news)
  }
  const faultOf = (region: Region): ClockFault | undefined => {
    const news = clocks.get(region)
    return news === undefined ? 'not compared' : news.fault
  }

  return {
    /** What the primary says first. */
    hello,

    receive(message: ToWorker): void {
      switch (message.type) {
        case 'hello':
          for (const news of message.news) hearNews(news)
          return greet?.(message)
        case 'feed':
        case 'clock':
        case 'master_keys':
          return hearNews(message)
        case 'poll_failed':
          return feeds.get(message.region)?.pollFailed()
        case 'counted':
          counts.get(message.id)?.(message.counted)
          return void counts.delete(message.id)
        case 'metrics':
          return onMetrics(message.id)
        case 'stop':
          return onStop()
        case 'attempt_failed':
        case 'attempt_succeeded':
        case 'secret_verified':
          return onLesson(message)
      }
    },

    relay(region: Region): RegionRelay {
      return {
        usesWritten(all) {
          if (all) send({ type: 'uses_written', region })
        },
        onRightClock(confirm) {
          confirms.set(region, confirm)
          const known = clocks.get(region)
          if (known !== undefined) hearClock(known)
        },
        onMasterKeys(tell) {
          keyListeners.set(region, tell)
          const known = masterKeys.get(region)
          if (known !== undefined) tell(known)
        },
        openFeed(needs: ChangeFeedNeeds): ChangeFeed {
          const feed = relayedFeed(needs, {
            ask: (type) => send({ type, region }),
            applied: (number) => send({ type: 'read', region, number }),
          })
          feeds.set(region, feed)
          for (const news of early.get(region) ?? []) feed.hear(news)
          early.delete(region)
          return feed
        },
        heartbeat: {
          beatNow() {},
          clockFault: () => faultOf(region),
          skew: () => clocks.get(region)?.skewMillis ?? 0,
          requireRightClock() {
            if (faultOf(region) !== undefined) throw clockWrong()
          },
        },
      }
    },

    /** Of what all workers issue: the primary counts. */
    count(region: Region): RegionCount {
      return {
        isShared: () => true,
        add: (key: PermitKey, permits: number) =>
          new Promise((resolve) => {
            lastId += 1
            counts.set(lastId, resolve)
            send({ type: 'count', id: lastId, region, key, permits })
          }),
        close() {},
      }
    },

    teach: (lesson: Lesson) => send(lesson),
  }
}
