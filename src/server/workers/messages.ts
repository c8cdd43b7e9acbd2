/** What the primary and its workers tell each other (node:cluster), as JSON. Types only. */
import type { Learned } from '../../clients/attempt-limits.ts'
import type { VerifiedSecret } from '../../clients/verified-secrets.ts'
import type { MetricValues } from '../../observe/metrics.ts'
import type { Concern } from '../../directory/memory.ts'
import type { ClockFault } from '../../records/heartbeat.ts'
import type { Counted, PermitKey } from '../../records/region-count.ts'
import type { Region } from '../../tenancy/region.ts'

/** How far the primary has read a region's feed, and what that concerns. */
export type FeedNews = {
  readonly type: 'feed'
  readonly region: Region
  /** What was known before is of another feed. */
  readonly emptied: boolean
  readonly changes: readonly { readonly concern: Concern; readonly number: number }[]
  readonly number: number
  /** When the reading began, in milliseconds of the machine's monotonic clock, which all its processes share. */
  readonly readAt: number
}

export type ClockNews = {
  readonly type: 'clock'
  readonly region: Region
  /** Why no token is to be issued, if so. */
  readonly fault: ClockFault | undefined
  readonly skewMillis: number
  /** Milliseconds by which the wall clock was ahead of the monotonic one when it was last found right. */
  readonly offset: number | undefined
}

/** Which of the node's master keys all nodes of the region know. */
export type MasterKeyNews = {
  readonly type: 'master_keys'
  readonly region: Region
  readonly knownToAll: readonly string[]
}

export type RegionNews = FeedNews | ClockNews | MasterKeyNews

/** What one worker learned and the others use: goes to the primary, and from it to the others. */
export type Lesson = Learned | ({ readonly type: 'secret_verified' } & VerifiedSecret)

export type ToWorker =
  | {
      readonly type: 'hello'
      /** Base64, made by the primary at its start and kept nowhere: 32 bytes, and 48 for session tickets of TLS. */
      readonly verifiedKey: string
      readonly ticketKeys: string
      /** bcrypt comparisons that this worker may run at a time. */
      readonly hashThreads: number
      readonly news: readonly RegionNews[]
    }
  | RegionNews
  | Lesson
  | { readonly type: 'poll_failed'; readonly region: Region }
  | { readonly type: 'counted'; readonly id: number; readonly counted: Counted | undefined }
  | { readonly type: 'metrics'; readonly id: number }
  | { readonly type: 'stop' }

export type FromWorker =
  | { readonly type: 'joined' | 'listening' }
  /** What was heard of the feed up to here is applied. */
  | { readonly type: 'read'; readonly region: Region; readonly number: number }
  | { readonly type: 'poll' | 'hint'; readonly region: Region }
  | Lesson
  /** By the database's clock, up to when this worker's uses of credentials are written. */
  | { readonly type: 'uses'; readonly region: Region; readonly flushedAt: Date | undefined }
  /** It stops, and has written all its uses. */
  | { readonly type: 'uses_written'; readonly region: Region }
  | {
      readonly type: 'count'
      readonly id: number
      readonly region: Region
      readonly key: PermitKey
      readonly permits: number
    }
  | { readonly type: 'metrics'; readonly id: number; readonly metrics: MetricValues }
