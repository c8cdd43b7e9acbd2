/**
 * `regent serve`: the token service for production. Starts only when everything that it needs is there, for all regions
 * that it serves, or not at all; stops without losing a request.
 */
import cluster from 'node:cluster'
import { Command } from 'commander'
import { cpus } from 'node:os'
import { hashThreads } from '../clients/hash-queue.ts'
import { readServerConfig } from '../config.ts'
import { keyring } from '../keys/keyring.ts'
import type { Redis } from 'ioredis'
import type { Observe } from '../observe/observation.ts'
import { flushTraces } from '../observe/tracing.ts'
import { openRedis } from '../records/open-redis.ts'
import type { Region } from '../tenancy/region.ts'
import { sealing } from '../sealing/seal.ts'
import type { TokenServer } from '../server/server-parts.ts'
import { opsServer } from '../server/ops-server.ts'
import { readCertificate, type CertificateFiles } from '../server/certificate.ts'
import { stopServer } from '../server/stop-server.ts'
import { closeServer, listenOn, requireFreePort } from './listen.ts'
import { openMigratedEmbedded, openPostgresDatabases, type OpenDatabases } from './open-databases.ts'
import { openObserving, serverStarted } from './observing.ts'
import { requireMasterKeys } from './require-master-keys.ts'
import { serveAsWorker, servePrimary } from './serve-workers.ts'
import { OPS_REMEDY, REMEDY, tokenServer } from './token-server.ts'
import { untilStopped } from './stop-signals.ts'

export function serveCommand(): Command {
  return new Command('serve')
    .option('--data <folder>', 'where the embedded database is kept while DATABASE_URL is not set', './data')
    .action(serve)
}

async function serve(options: { data: string }): Promise<void> {
  const config = readServerConfig()
  if (cluster.isWorker) return serveAsWorker(config)
  if (config.workers > 1) return servePrimary(config)
  const { masterKeys } = config
  const keys = keyring(sealing(masterKeys))
  await requireFreePort(config.port, config.host, REMEDY)
  const stopped = untilStopped()
  let store: OpenDatabases | undefined
  let draining = false
  let server: TokenServer | undefined
  const redis = new Map<Region, Redis>()
  process.on('SIGHUP', () => {
    if (config.tls && server) replaceCertificate(config.tls, server, observe)
  })

  const { log, metrics, observe } = openObserving(config, () => server?.gauges())
  const warn = (message: string) => log.observe({ type: 'warning', message })
  const ops = opsServer(
    () =>
      draining
        ? { ready: false, reason: 'stopping' }
        : (server?.readiness() ?? { ready: false, reason: 'starting' }),
    metrics,
  )
  const check = (databases: OpenDatabases['databases']) =>
    requireMasterKeys(databases, keys, 'REGENT_MASTER_KEYS')
  try {
    // Before the databases: a node that waits for them is alive, and says that it is starting.
    await listenOn(ops, config.opsPort, config.opsHost, OPS_REMEDY)
    if (config.databases.size > 0) {
      store = await openPostgresDatabases(config, { migrate: false, warn, check })
    } else {
      store = await openEmbeddedForTrial(options.data, warn)
      await check(store.databases)
    }
    for (const [region, url] of config.redisUrls) redis.set(region, await openRedis(url))
    server = tokenServer(config, store, {
      redis,
      hashThreads: hashThreads(cpus().length, config.threadPoolSize),
      observe,
      isDraining: () => draining,
    })
    await server.start()
    await listenOn(server.http, config.port, config.host, REMEDY)
    log.observe(serverStarted(config, store.databases.keys()))
    await stopped
    draining = true
    log.observe({ type: 'server_stopping' })
    await stopServer(server.http, config.drain)
  } finally {
    await closeServer(ops)
    await server?.stop()
    for (const one of redis.values()) one.disconnect()
    await store?.close()
    log.observe({ type: 'server_stopped' })
    await flushTraces()
    await log.close()
  }
}

async function openEmbeddedForTrial(folder: string, warn: (message: string) => void): Promise<OpenDatabases> {
  warn(
    'DATABASE_URL is not set: this is the embedded database, for trying out. It is one process, and not durable through power loss.',
  )
  return openMigratedEmbedded(folder)
}

function replaceCertificate(files: CertificateFiles, server: TokenServer, observe: Observe): void {
  const certificate = readCertificate(files)
  if (!('cert' in certificate)) {
    observe({
      type: 'warning',
      message: `${certificate.join('; ')}. The certificate from before stays in use.`,
    })
    return
  }
  server.replaceCertificate(certificate)
  observe({ type: 'certificate_replaced', endsAt: new Date(certificate.endsAt).toISOString() })
}
