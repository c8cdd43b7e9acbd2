/**
 * The primary of a node with several workers: whatever would multiply by workers is done here once. It reads the feed and
 * tells them, speaks for the node to others, counts what they issue, hands on what one of them learned, and keeps them.
 */
import type { Worker } from 'node:cluster'
import { randomBytes } from 'node:crypto'
import type { Redis } from 'ioredis'
import { newNodeId } from '../../ids.ts'
import { monotonic } from '../../clock.ts'
import type { Gauges } from '../../observe/gauges.ts'
import type { ChangeParts } from '../../changes/change.ts'
import type { Observe } from '../../observe/observation.ts'
import { WINDOW } from '../../records/permits.ts'
import { regionCount, type RegionCount } from '../../records/region-count.ts'
import type { Region } from '../../tenancy/region.ts'
import { changeHints } from '../change-hints.ts'
import type { Readiness } from '../ops-server.ts'
import type { ServedRegion } from '../served-region.ts'
import { VERSION } from '../version.ts'
import type { FromWorker, ToWorker } from './messages.ts'
import { regionKeeper, type RegionKeeper } from './region-keeper.ts'
import { workerCount } from './worker-counts.ts'
import { workerMetrics } from './worker-metrics.ts'
import { workerPool } from './worker-pool.ts'

type Needs = {
  readonly workers: number
  /** bcrypt comparisons that run at a time, in all workers together. */
  readonly hashThreads: number
  readonly regions: ReadonlyMap<Region, ServedRegion>
  readonly redis: ReadonlyMap<Region, Redis>
  readonly changes: ChangeParts
  readonly masterKeyIds: readonly string[]
  /** To each database, of a worker. */
  readonly workerConnections: number
  readonly maxStale: number
  /** That the issuance log is kept. */
  readonly issuanceDays: number
  readonly observe: Observe
  /** Milliseconds that a worker has to listen, and to stop. */
  readonly patience: number
}

export type Primary = ReturnType<typeof openPrimary>

export function openPrimary(needs: Needs) {
  const { workers, observe, maxStale } = needs
  const node = { id: newNodeId(), masterKeyIds: needs.masterKeyIds, version: VERSION }
  const verifiedKey = randomBytes(32).toString('base64')
  const ticketKeys = randomBytes(48).toString('base64')
  const keepers = new Map<Region, RegionKeeper>()
  const counts = new Map<Region, RegionCount>()
  /** How far each worker that has joined has applied the feed. */
  const applied = new Map<Worker, Map<Region, number>>()
  const metrics = workerMetrics(tell)
  let started = false

  const tellAll = (message: ToWorker, but?: Worker) => {
    for (const worker of applied.keys()) if (worker !== but) tell(worker, message)
  }

  for (const [region, served] of needs.regions) {
    const redis = needs.redis.get(region)
    counts.set(region, workerCount(redis && regionCount({ region, redis, observe }, WINDOW), WINDOW))
    const connections = served.connections + workers * needs.workerConnections
    keepers.set(
      region,
      regionKeeper({
        region,
        served,
        changes: needs.changes,
        observe,
        maxStale,
        issuanceDays: needs.issuanceDays,
        // And one that listens.
        node: { ...node, maxStale, connections: connections + (served.listen === undefined ? 0 : 1) },
        wallClock: Date.now,
        monotonic,
        tell: tellAll,
        applied() {
          const numbers = [...applied.values()].map((of) => of.get(region) ?? -1)
          return numbers.length === 0 ? undefined : Math.min(...numbers)
        },
      }),
    )
  }
  const hints = changeHints({
    regions: needs.regions,
    hint: (region) => keepers.get(region)?.feed.hint(),
    observe,
  })

  const receive = (worker: Worker, message: FromWorker): void => {
    switch (message.type) {
      case 'joined': {
        applied.set(worker, new Map())
        for (const keeper of keepers.values()) keeper.uses.joined(worker)
        const news = [...keepers.values()].flatMap((keeper) => keeper.news())
        const hashThreads = Math.max(1, Math.floor(needs.hashThreads / workers))
        return tell(worker, { type: 'hello', verifiedKey, ticketKeys, hashThreads, news })
      }
      case 'read':
        applied.get(worker)?.set(message.region, message.number)
        return keepers.get(message.region)?.beatNow()
      case 'hint':
        return keepers.get(message.region)?.feed.hint()
      case 'poll': {
        const { region } = message
        keepers
          .get(region)
          ?.feed.poll()
          .catch(() => tell(worker, { type: 'poll_failed', region }))
        return
      }
      case 'count': {
        const { id, region, key, permits } = message
        void counts
          .get(region)
          ?.add(key, permits)
          .then((counted) => tell(worker, { type: 'counted', id, counted }))
        return
      }
      case 'uses':
        return keepers.get(message.region)?.uses.flushed(worker, message.flushedAt)
      case 'uses_written':
        return keepers.get(message.region)?.uses.written(worker)
      case 'metrics':
        return metrics.answered(message.id, message.metrics)
      case 'attempt_failed':
      case 'attempt_succeeded':
      case 'secret_verified':
        return tellAll(message, worker)
      case 'listening':
        return
    }
  }
  const pool = workerPool({
    count: workers,
    observe,
    patience: needs.patience,
    onMessage: receive,
    onGone(worker) {
      applied.delete(worker)
      for (const keeper of keepers.values()) keeper.uses.gone(worker)
    },
  })

  return {
    /** Rejects when a database cannot be asked, or a worker does not come to listen. */
    async start(): Promise<void> {
      await Promise.all([...keepers.values()].map((keeper) => keeper.start()))
      await pool.start()
      hints.open()
      started = true
    },

    replaceWorkers: pool.replaceAll,

    readiness(): Readiness {
      if (!started) return { ready: false, reason: 'starting' }
      if (!pool.areAllListening()) return { ready: false, reason: 'a worker is missing' }
      for (const keeper of keepers.values()) {
        const reason = keeper.readiness()
        if (reason !== undefined) return { ready: false, reason }
      }
      return { ready: true }
    },

    gauges: (): Gauges => ({
      certificateEndsAt: undefined,
      hashesWaiting: 0,
      hashesRunning: 0,
      failingPairs: 0,
      digestsWaiting: 0,
      regions: [...keepers.values()].map((keeper) => keeper.gauges()),
    }),

    /** Of each worker that listens and answers. */
    readWorkerMetrics: () => metrics.read(pool.listening()),

    async stop(): Promise<void> {
      await pool.stop()
      await hints.close()
      for (const count of counts.values()) count.close()
      await Promise.all([...keepers.values()].map((keeper) => keeper.stop()))
    },
  }
}

/** One that is going hears nothing any more. */
function tell(worker: Worker, message: ToWorker): void {
  if (worker.isConnected()) worker.send(message)
}
