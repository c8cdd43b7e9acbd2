/**
 * `regent serve` with several processes: a primary that keeps workers, and the workers, which run the same command. A worker
 * opens databases of its own, and stops when it is told to, or when its primary is gone.
 */
import cluster from 'node:cluster'
import { cpus } from 'node:os'
import { hashThreads } from '../clients/hash-queue.ts'
import type { ServerConfig } from '../config.ts'
import { keyring } from '../keys/keyring.ts'
import { printTogether } from '../observe/metrics.ts'
import { flushTraces } from '../observe/tracing.ts'
import { openRedis } from '../records/open-redis.ts'
import { sealing } from '../sealing/seal.ts'
import type { TokenServer } from '../server/server-parts.ts'
import { opsServer } from '../server/ops-server.ts'
import { stopServer } from '../server/stop-server.ts'
import type { FromWorker, ToWorker } from '../server/workers/messages.ts'
import { openPrimary, type Primary } from '../server/workers/primary.ts'
import { workerLink } from '../server/workers/worker-link.ts'
import { OperatorError } from '../storage/operator-error.ts'
import type { Region } from '../tenancy/region.ts'
import type { Redis } from 'ioredis'
import { closeServer, listenOn, requireFreePort } from './listen.ts'
import { openObserving, serverStarted } from './observing.ts'
import { openPostgresDatabases, type OpenDatabases } from './open-databases.ts'
import { deriveKeys } from '../sealing/derive.ts'
import { requireMasterKeys } from './require-master-keys.ts'
import { OPS_REMEDY, REMEDY, tokenServer } from './token-server.ts'
import { untilStopped } from './stop-signals.ts'

/** Of the primary, to each database: for the feed, the heartbeat and the chores. */
const PRIMARY_CONNECTIONS = 2
/** Milliseconds that a worker has to listen; and beyond what draining takes, to stop. */
const PATIENCE = 120_000
const USES_INTERVAL = 1000

export async function servePrimary(config: ServerConfig): Promise<void> {
  if (config.databases.size === 0) {
    throw new OperatorError(
      'REGENT_WORKERS needs a PostgreSQL server: the embedded database is one process. Set DATABASE_URL, or REGENT_WORKERS=1.',
    )
  }
  const { masterKeys, workers } = config
  const keys = keyring(sealing(masterKeys))
  await requireFreePort(config.port, config.host, REMEDY)
  const stopped = untilStopped()
  let store: OpenDatabases | undefined
  let primary: Primary | undefined
  let draining = false
  const redis = new Map<Region, Redis>()
  process.on('SIGHUP', () => void primary?.replaceWorkers())

  const { log, metrics, observe } = openObserving(config, () => primary?.gauges())
  const ops = opsServer(
    () =>
      draining
        ? { ready: false, reason: 'stopping' }
        : (primary?.readiness() ?? { ready: false, reason: 'starting' }),
    {
      ...metrics,
      print: async () =>
        printTogether([await metrics.read(), ...((await primary?.readWorkerMetrics()) ?? [])]),
    },
  )
  try {
    await listenOn(ops, config.opsPort, config.opsHost, OPS_REMEDY)
    store = await openPostgresDatabases(
      { ...config, databaseConnections: PRIMARY_CONNECTIONS },
      {
        migrate: false,
        warn: (message) => log.observe({ type: 'warning', message }),
        check: (databases) => requireMasterKeys(databases, keys, 'REGENT_MASTER_KEYS'),
      },
    )
    for (const [region, url] of config.redisUrls) redis.set(region, await openRedis(url))
    cluster.setupPrimary({ serialization: 'advanced' })
    primary = openPrimary({
      workers,
      hashThreads: hashThreads(cpus().length, config.threadPoolSize),
      regions: store.served,
      redis,
      changes: { ...config, keyring: keys, digestKeys: deriveKeys(masterKeys, 'credential digest') },
      masterKeyIds: masterKeys.map(({ id }) => id),
      workerConnections: config.databaseConnections,
      maxStale: config.maxStale,
      issuanceDays: config.issuance.keepDays,
      observe,
      patience: PATIENCE + config.drain,
    })
    await primary.start().catch((cause: unknown) => {
      throw new OperatorError(`A worker process did not start: what it said stands above.`, { cause })
    })
    log.observe(serverStarted(config, store.databases.keys()))
    await stopped
    draining = true
    log.observe({ type: 'server_stopping' })
  } finally {
    await primary?.stop()
    await closeServer(ops)
    for (const one of redis.values()) one.disconnect()
    await store?.close()
    log.observe({ type: 'server_stopped' })
    await log.close()
  }
}

export async function serveAsWorker(config: ServerConfig): Promise<void> {
  // The terminal's Ctrl-C and a supervisor's signal reach all processes of a group: the primary says when.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
  let server: TokenServer | undefined
  let store: OpenDatabases | undefined
  let draining = false
  const { log, metrics, observe } = openObserving(config, () => server?.gauges())
  let stop: (() => void) | undefined
  const stopped = new Promise<void>((resolve) => {
    stop = resolve
  })
  const link = workerLink({
    send,
    onLesson: (lesson) => server?.learn(lesson),
    onMetrics: (id) => void metrics.read().then((values) => send({ type: 'metrics', id, metrics: values })),
    onStop: () => stop?.(),
  })
  process.on('message', (message: ToWorker) => link.receive(message))
  process.on('disconnect', () => stop?.())
  try {
    store = await openPostgresDatabases(config, { migrate: false, warn: () => {} })
    send({ type: 'joined' })
    const hello = await Promise.race([link.hello, stopped])
    if (hello === undefined) return
    server = tokenServer(config, store, {
      redis: new Map(),
      hashThreads: hello.hashThreads,
      observe,
      isDraining: () => draining,
      relay: {
        ofRegion: link.relay,
        count: link.count,
        teach: link.teach,
        verifiedKey: Buffer.from(hello.verifiedKey, 'base64'),
        ticketKeys: Buffer.from(hello.ticketKeys, 'base64'),
      },
    })
    await server.start()
    await listenOn(server.http, config.port, config.host, REMEDY)
    send({ type: 'listening' })
    const { nodes } = server
    setInterval(() => {
      for (const { region, uses } of nodes.values()) {
        send({ type: 'uses', region, flushedAt: uses.flushedAt() })
      }
    }, USES_INTERVAL).unref()
    await stopped
    draining = true
    await stopServer(server.http, config.drain)
  } finally {
    await server?.stop()
    await store?.close()
    await flushTraces()
    await log.close()
    process.disconnect?.()
  }
}

/** To the primary, as long as there is one. */
function send(message: FromWorker): void {
  if (process.connected) process.send?.(message)
}
