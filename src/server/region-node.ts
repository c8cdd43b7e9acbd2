/** This node's part in one region: its memory, its heartbeat, its chores, and the breaker before its database. */
import type { ChangeParts } from '../changes/change.ts'
import { chores } from '../chores/chores.ts'
import { directory, type FollowingDirectory } from '../directory/directory.ts'
import type { RegionGauges } from '../observe/gauges.ts'
import type { Observe } from '../observe/observation.ts'
import { heartbeat } from '../records/heartbeat.ts'
import type { IssuedToken } from '../records/issuance-batch.ts'
import { together } from '../records/issuance-gauges.ts'
import { issuanceLog, type IssuanceLog } from '../records/issuance-log.ts'
import { refusalLog, type RefusalLog, type RefusedRequest } from '../records/refusal-log.ts'
import { lastUse, type LastUse } from '../records/last-use.ts'
import type { NodeReport } from '../records/node-store.ts'
import { breaker, guarded } from '../storage/breaker.ts'
import type { Database } from '../storage/transaction.ts'
import type { Region } from '../tenancy/region.ts'
import type { IssuanceSettings, MemorySettings, RegionRelay, ServedRegion } from './served-region.ts'

type Needs = {
  readonly region: Region
  readonly served: ServedRegion
  /** For chores that change settings. */
  readonly changes: ChangeParts
  readonly observe: Observe
  readonly memory: MemorySettings
  /** Undefined: none is kept. */
  readonly issuance: IssuanceSettings | undefined
  readonly node: Omit<NodeReport, 'feedNumber' | 'connections' | 'maxStale' | 'usesFlushedAt'>
  readonly wallClock: () => number
  readonly monotonic: () => number
  /** Told by how many milliseconds the wall clock is ahead of the monotonic one, whenever it was found right. */
  readonly onRightClock: (offset: number) => void
  /** Told which of this node's master keys all nodes know, whenever it was asked. */
  readonly onMasterKeys: (knownToAll: readonly string[]) => void
  readonly relay?: RegionRelay | undefined
}

export type RegionNode = {
  readonly region: Region
  readonly directory: FollowingDirectory
  readonly heartbeat: RegionRelay['heartbeat']
  readonly database: Database
  /** The same, for changes: patient enough for a replica that confirms commits. */
  readonly patient: Database
  readonly issuance: IssuanceLog
  readonly refusals: RefusalLog
  readonly uses: LastUse
  /** @returns what the answer waits for, where it must */
  recordIssuance(token: IssuedToken): Promise<void> | undefined
  recordRefusal(refused: RefusedRequest): void
  gauges(): RegionGauges
  start(): Promise<void>
  stop(): Promise<void>
}

const NO_LOG: IssuanceSettings = { mode: 'off', keepDays: 7 }

export function regionNode(needs: Needs): RegionNode {
  const { region, served, observe, memory, issuance = NO_LOG, node, wallClock, monotonic } = needs
  const { relay, onRightClock, onMasterKeys } = needs
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
  const patient = served.changes ?? database
  const known = directory({
    region,
    database: guarded(served.reads, guard),
    replica: served.replica && guarded(served.replica, replicaGuard),
    keyring: needs.changes.keyring,
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
  const uses = lastUse({ region, database, observe, wallClock, monotonic })
  const log = issuanceLog({
    region,
    mode: issuance.mode,
    database:
      issuance.mode === 'durable' && served.durable !== undefined ? guarded(served.durable, guard) : database,
    observe,
    wallClock,
  })
  const refusals = refusalLog({
    region,
    isOn: issuance.mode !== 'off',
    database,
    observe,
    wallClock,
    monotonic,
  })
  const alone = relay === undefined
  const beats = alone
    ? heartbeat({
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
        onRightClock,
        onMasterKeys,
      })
    : undefined
  const work = alone
    ? chores({
        region,
        database,
        changes: { ...needs.changes, database: patient },
        observe,
        issuanceDays: issuance.keepDays,
      })
    : undefined
  relay?.onRightClock(onRightClock)
  relay?.onMasterKeys(onMasterKeys)
  const anyBeats = relay?.heartbeat ?? beats
  if (anyBeats === undefined) throw new Error('a node compares its clock, or its primary does')

  return {
    region,
    directory: known,
    heartbeat: anyBeats,
    database,
    patient,
    issuance: log,
    refusals,
    recordRefusal: refusals.record,
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
        loadsWaiting: known.loadsWaiting(),
        pacedClients: known.pacedClients(),
        feedAge: known.fresh.age(),
        databaseAnswers: !guard.isOpen(),
        clockSkew: anyBeats.skew() / 1000,
        lookups: known.lookups(),
        signingSince: known.signingSince(),
        issuance: together(log.gauges(), refusals.gauges()),
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
      await log.close()
      await refusals.close()
      const written = await uses.close()
      relay?.usesWritten(written)
      await beats?.stop(written)
    },
  }
}
