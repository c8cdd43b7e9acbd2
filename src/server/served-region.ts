/** What a node has of a region, and how it is set up there. Types only. */
import type { ClientConfig } from 'pg'
import type { ChangeFeed, ChangeFeedNeeds } from '../directory/change-feed.ts'
import type { Heartbeat } from '../records/heartbeat.ts'
import type { IssuanceMode } from '../records/issuance-log.ts'
import type { Database } from '../storage/transaction.ts'

/** A region's database, for what requests need of it: deadlines are short. */
export type ServedRegion = {
  readonly database: Database
  /** The same, for changes: patient enough for a replica that confirms commits. */
  readonly changes?: Database
  /** The same, for what only reads: as of one moment each time. */
  readonly reads: Database
  /** The same, whose commits survive the loss of power. */
  readonly durable?: Database
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
  /** At the stop: whether all uses of credentials were written. */
  readonly usesWritten: (all: boolean) => void
  /** Told what the primary has found of the clock. */
  readonly onRightClock: (confirm: (offset: number) => void) => void
  /** Told which master keys all nodes know. */
  readonly onMasterKeys: (tell: (knownToAll: readonly string[]) => void) => void
  readonly openFeed: (needs: ChangeFeedNeeds) => ChangeFeed
  readonly heartbeat: Pick<Heartbeat, 'clockFault' | 'requireRightClock' | 'skew' | 'beatNow'>
}

export type IssuanceSettings = {
  readonly mode: IssuanceMode
  /** Days of it that are kept, today not among them. */
  readonly keepDays: number
}
