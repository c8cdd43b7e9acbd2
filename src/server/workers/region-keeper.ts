/**
 * What a node does for a region once, however many workers it has: follows the feed, says so to the other nodes, does the
 * chores. Its workers hear of it.
 */
import type { Worker } from 'node:cluster'
import type { ChangeParts } from '../../changes/change.ts'
import { chores } from '../../chores/chores.ts'
import { changeFeed } from '../../directory/change-feed.ts'
import { freshness } from '../../directory/freshness.ts'
import type { Concern } from '../../directory/memory.ts'
import type { RegionGauges } from '../../observe/gauges.ts'
import type { Observe } from '../../observe/observation.ts'
import { heartbeat } from '../../records/heartbeat.ts'
import type { NodeReport } from '../../records/node-store.ts'
import { processUses } from '../../records/process-uses.ts'
import { breaker, guarded } from '../../storage/breaker.ts'
import type { Region } from '../../tenancy/region.ts'
import type { ServedRegion } from '../served-region.ts'
import type { ClockNews, MasterKeyNews, RegionNews } from './messages.ts'

type Needs = {
  readonly region: Region
  readonly served: ServedRegion
  /** For chores that change settings. */
  readonly changes: ChangeParts
  readonly observe: Observe
  readonly maxStale: number
  /** That the issuance log is kept. */
  readonly issuanceDays: number
  readonly node: Omit<NodeReport, 'feedNumber' | 'usesFlushedAt'>
  readonly wallClock: () => number
  readonly monotonic: () => number
  readonly tell: (news: RegionNews) => void
  /** How far all workers have applied what they heard; -1 where one has nothing yet, undefined where there are none. */
  readonly applied: () => number | undefined
}

export type RegionKeeper = ReturnType<typeof regionKeeper>

const CLOCK_CHECK = 250
const RECORD_GAPS = 5000

export function regionKeeper(needs: Needs) {
  const { region, served, observe, node, wallClock, monotonic, tell, applied } = needs
  const guard = breaker({
    monotonic,
    onChange: (open, error) =>
      observe(open ? { type: 'database_lost', region, error } : { type: 'database_found', region }),
  })
  const database = guarded(served.database, guard)
  const fresh = freshness({ maxStale: needs.maxStale, monotonic })
  let pending: { concern: Concern; number: number }[] = []
  let emptied = false
  let readAt = 0
  let offset: number | undefined
  let masterKeys: MasterKeyNews | undefined
  let timer: NodeJS.Timeout | undefined
  let recording: NodeJS.Timeout | undefined

  const feed = changeFeed({
    region,
    database,
    observe,
    monotonic,
    random: Math.random,
    fresh: {
      ...fresh,
      read(begunAt) {
        fresh.read(begunAt)
        readAt = Math.max(readAt, begunAt)
        tell({ type: 'feed', region, emptied, changes: pending, number: feed.number(), readAt })
        pending = []
        emptied = false
      },
    },
    onChange: (concern, number) => pending.push({ concern, number }),
    onEmpty() {
      pending = []
      emptied = true
    },
    onAdvance() {},
  })
  const uses = processUses<Worker>(region, database, wallClock)
  const beats = heartbeat({
    region,
    database,
    node,
    usesFlushedAt: uses.flushedAt,
    feedNumber: () => applied() ?? feed.number(),
    observe,
    wallClock,
    monotonic,
    onRightClock: (found) => (offset = found),
    onMasterKeys(knownToAll) {
      if (masterKeys?.knownToAll.join() === knownToAll.join()) return
      masterKeys = { type: 'master_keys', region, knownToAll }
      tell(masterKeys)
    },
  })
  const work = chores({
    region,
    database,
    changes: { ...needs.changes, database: served.changes ?? database },
    observe,
    issuanceDays: needs.issuanceDays,
  })
  const clockNews = (): ClockNews => ({
    type: 'clock',
    region,
    fault: beats.clockFault(),
    skewMillis: beats.skew(),
    offset,
  })

  return {
    region,
    feed,
    uses,
    /** Workers have applied more. */
    beatNow: beats.beatNow,

    /** For a worker that knows nothing yet: whatever it loads is newer than all that was read. */
    news: (): readonly RegionNews[] => [
      {
        type: 'feed',
        region,
        emptied: false,
        changes: [{ concern: { of: 'region' }, number: feed.number() }],
        number: feed.number(),
        readAt,
      },
      clockNews(),
      ...(masterKeys === undefined ? [] : [masterKeys]),
    ],

    readiness(): string | undefined {
      if (!fresh.isFresh()) return `region ${region}: too old`
      const fault = beats.clockFault()
      return fault === undefined ? undefined : `region ${region}: clock ${fault}`
    },

    gauges: (): RegionGauges => ({
      region,
      clients: 0,
      workspaces: 0,
      loadsWaiting: 0,
      pacedClients: 0,
      feedAge: fresh.age(),
      databaseAnswers: !guard.isOpen(),
      clockSkew: beats.skew() / 1000,
      lookups: { hits: 0, misses: 0 },
      signingSince: undefined,
      issuance: { waiting: 0, rows: 0, commits: 0, dropped: 0 },
    }),

    /** Rejects when the region's database cannot be asked. Before workers come: what they hear first is compared already. */
    async start(): Promise<void> {
      await feed.start()
      await beats.start()
      await work.start()
      let told = ''
      recording = setInterval(() => void uses.record(), RECORD_GAPS)
      recording.unref()
      timer = setInterval(() => {
        const news = clockNews()
        if (JSON.stringify(news) === told) return
        told = JSON.stringify(news)
        tell(news)
      }, CLOCK_CHECK)
      timer.unref()
    },

    async stop(): Promise<void> {
      clearInterval(timer)
      clearInterval(recording)
      work.stop()
      await feed.stop()
      await beats.stop(await uses.record())
    },
  }
}
