/** This node's part in one region: its memory, its heartbeat, its chores, and the breaker before its database. */
import { chores } from '../chores/chores.ts'
import { directory, type FollowingDirectory } from '../directory/directory.ts'
import type { Keyring } from '../keys/keyring.ts'
import type { RegionGauges } from '../observe/metrics.ts'
import type { Observe } from '../observe/observation.ts'
import { heartbeat, type Heartbeat } from '../records/heartbeat.ts'
import type { IssuedToken } from '../records/issuance-batch.ts'
import { issuanceLog, type IssuanceLog, type IssuanceMode } from '../records/issuance-log.ts'
import { lastUse, type LastUse } from '../records/last-use.ts'
import type { NodeReport } from '../records/node-store.ts'
import type { ClientConfig } from 'pg'
import { breaker, guarded } from '../storage/breaker.ts'
import type { Database } from '../storage/transaction.ts'
import type { Region } from '../tenancy/region.ts'

/** A region's database, for what requests need of it: deadlines are short. */
export type ServedRegion = {
  readonly database: Database
  /** The same, whose commits survive the loss of power. */
  readonly durable?: Database
  /** Serves cold loads while it is not behind. */
  readonly replica?: Database
  /** Where notifications of changes come from; without it, changes are found by asking. */
  readonly listen?: ClientConfig
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

export type IssuanceSettings = {
  readonly mode: IssuanceMode
  /** Days of it that are kept, today not among them. */
  readonly keepDays: number
}

type Needs = {
  readonly region: Region
  readonly served: ServedRegion
  readonly keyring: Keyring
  readonly observe: Observe
  readonly memory: MemorySettings
  /** Undefined: none is kept. */
  readonly issuance: IssuanceSettings | undefined
  readonly node: Omit<NodeReport, 'feedNumber' | 'connections' | 'maxStale' | 'usesFlushedAt'>
  readonly wallClock: () => number
  readonly monotonic: () => number
}

export type RegionNode = {
  readonly region: Region
  readonly directory: FollowingDirectory
  readonly heartbeat: Heartbeat
  readonly database: Database
  readonly issuance: IssuanceLog
  readonly uses: LastUse
  /** @returns what the answer waits for, where it must */
  recordIssuance(token: IssuedToken): Promise<void> | undefined
  gauges(): RegionGauges
  start(): Promise<void>
  stop(): Promise<void>
}

const NO_LOG: IssuanceSettings = { mode: 'off', keepDays: 7 }

export function regionNode(needs: Needs): RegionNode {
  const { region, served, keyring, observe, memory, issuance = NO_LOG, node, wallClock, monotonic } = needs
  const guard = breaker({
    monotonic,
    onChange: (open, error) =>
      observe(open ? { type: 'database_lost', region, error } : { type: 'database_found', region }),
  })
  const database = guarded(served.database, guard)
  const known = directory({
    region,
    database,
    replica: served.replica,
    keyring,
    observe,
    monotonic,
    maxStale: memory.maxStale,
    bounds: { clients: memory.clients, workspaces: memory.workspaces },
    // One connection is left for the feed and the heartbeat.
    concurrency: Math.max(1, served.connections - 1),
    confirmInterval: memory.confirmInterval,
    onAdvance: () => beats.beatNow(),
  })
  const uses = lastUse({ region, database, observe, wallClock, monotonic })
  const log = issuanceLog({
    region,
    mode: issuance.mode,
    database:
      issuance.mode === 'durable' && served.durable !== undefined ? guarded(served.durable, guard) : database,
    observe,
    wallClock,
  })
  const beats = heartbeat({
    region,
    database,
    // And one that listens.
    node: {
      ...node,
      connections: served.connections + (served.listen === undefined ? 0 : 1),
      maxStale: memory.maxStale,
    },
    feedNumber: known.feed.number,
    usesFlushedAt: uses.flushedAt,
    observe,
    wallClock,
    monotonic,
  })
  const work = chores({ region, database, observe, issuanceDays: issuance.keepDays })

  return {
    region,
    directory: known,
    heartbeat: beats,
    database,
    issuance: log,
    uses,

    recordIssuance(token) {
      uses.issued(token.workspace, token.clientId)
      return log.record(token)
    },

    gauges() {
      const { clients, workspaces } = known.size()
      return {
        region,
        clients,
        workspaces,
        feedAge: known.fresh.age(),
        databaseAnswers: !guard.isOpen(),
        clockSkew: beats.skew() / 1000,
        issuance: log.gauges(),
      }
    },

    /** Rejects when the region's database cannot be asked. */
    async start() {
      await known.feed.start()
      await beats.start()
      await work.start()
    },

    async stop() {
      work.stop()
      await known.feed.stop()
      await log.close()
      await beats.stop(await uses.close())
    },
  }
}
