/** This node's part in one region: its memory, its heartbeat, its chores, and the breaker before its database. */
import { chores } from '../chores/chores.ts'
import type { ChangeFeed, ChangeFeedNeeds } from '../directory/change-feed.ts'
import { directory, type FollowingDirectory } from '../directory/directory.ts'
import type { Keyring } from '../keys/keyring.ts'
import type { RegionGauges } from '../observe/gauges.ts'
import type { Observe } from '../observe/observation.ts'
import { heartbeat, type Heartbeat } from '../records/heartbeat.ts'
import type { NodeReport } from '../records/node-store.ts'
import type { ClientConfig } from 'pg'
import { breaker, guarded } from '../storage/breaker.ts'
import type { Database } from '../storage/transaction.ts'
import type { Region } from '../tenancy/region.ts'

/** A region's database, for what requests need of it: deadlines are short. */
export type ServedRegion = {
  readonly database: Database
  /** The same, for what only reads; else `database` is asked that too. */
  readonly reads?: Database
  /** Serves cold loads while it is not behind. */
  readonly replica?: Database
  /** Where notifications of changes come from; without it, changes are found by asking. */
  readonly listen?: ClientConfig
  /** Set where `listen` may lead through a pooler: the variable by which a way past it is named. */
  readonly directVariable?: string
  /** That may be open at a time. */
  readonly connections: number
}

export type MemorySettings = {
  /** Seconds that tokens are issued without the database. */
  readonly maxStale: number
  /** Clients that are remembered of each region. */
  readonly clients: number
  readonly workspaces: number
  /** Milliseconds between two questions about one client id that failed. */
  readonly confirmInterval: number
}

/** In a worker process: what its primary does for all of them. */
export type RegionRelay = {
  /** Told what the primary has found of the clock. */
  readonly onRightClock: (confirm: (offset: number) => void) => void
  readonly openFeed: (needs: ChangeFeedNeeds) => ChangeFeed
  readonly heartbeat: Pick<Heartbeat, 'clockFault' | 'requireRightClock' | 'skew' | 'beatNow'>
}

type Needs = {
  readonly region: Region
  readonly served: ServedRegion
  readonly keyring: Keyring
  readonly observe: Observe
  readonly memory: MemorySettings
  readonly node: Omit<NodeReport, 'feedNumber' | 'connections'>
  readonly wallClock: () => number
  readonly monotonic: () => number
  /** Told by how many milliseconds the wall clock is ahead of the monotonic one, whenever it was found right. */
  readonly onRightClock: (offset: number) => void
  readonly relay?: RegionRelay | undefined
}

export type RegionNode = {
  readonly region: Region
  readonly directory: FollowingDirectory
  readonly heartbeat: RegionRelay['heartbeat']
  readonly database: Database
  gauges(): RegionGauges
  start(): Promise<void>
  stop(): Promise<void>
}

export function regionNode(needs: Needs): RegionNode {
  const { region, served, keyring, observe, memory, node, wallClock, monotonic, relay, onRightClock } = needs
  const guard = breaker({
    monotonic,
    onChange: (open, error) =>
      observe(open ? { type: 'database_lost', region, error } : { type: 'database_found', region }),
  })
  // Without it, each cold load would wait for a replica that hangs before it asks the primary.
  const replicaGuard = breaker({
    monotonic,
    onChange: (open, error) =>
      observe(open ? { type: 'replica_lost', region, error } : { type: 'replica_found', region }),
  })
  const database = guarded(served.database, guard)
  const known = directory({
    region,
    database: guarded(served.reads ?? served.database, guard),
    replica: served.replica && guarded(served.replica, replicaGuard),
    keyring,
    observe,
    monotonic,
    maxStale: memory.maxStale,
    bounds: { clients: memory.clients, workspaces: memory.workspaces },
    // One connection is left for the feed and the heartbeat.
    concurrency: Math.max(1, served.connections - 1),
    confirmInterval: memory.confirmInterval,
    onAdvance: () => beats?.beatNow(),
    ...(relay && { openFeed: relay.openFeed }),
  })
  const alone = relay === undefined
  const beats = alone
    ? heartbeat({
        region,
        database,
        // And one that listens.
        node: { ...node, connections: served.connections + (served.listen === undefined ? 0 : 1) },
        feedNumber: known.feed.number,
        observe,
        wallClock,
        monotonic,
        onRightClock,
      })
    : undefined
  const work = alone ? chores({ region, database, observe }) : undefined
  relay?.onRightClock(onRightClock)
  const anyBeats = relay?.heartbeat ?? beats
  if (anyBeats === undefined) throw new Error('a node compares its clock, or its primary does')

  return {
    region,
    directory: known,
    heartbeat: anyBeats,
    database,

    gauges() {
      const { clients, workspaces } = known.size()
      return {
        region,
        clients,
        workspaces,
        feedAge: known.fresh.age(),
        databaseAnswers: !guard.isOpen(),
        clockSkew: anyBeats.skew() / 1000,
        lookups: known.lookups(),
        signingSince: known.signingSince(),
      }
    },

    /** Rejects when the region's database cannot be asked. */
    async start() {
      await known.feed.start()
      await beats?.start()
      await work?.start()
    },

    async stop() {
      work?.stop()
      await known.feed.stop()
      await beats?.stop()
    },
  }
}
