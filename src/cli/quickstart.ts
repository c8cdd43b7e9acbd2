/**
 * `regent quickstart`: a whole Regent on one machine, with nothing to set up. Opens the embedded database (or the ones
 * of DATABASE_URL), makes a demo tenant in each region, starts the token service and a small API that it protects, and
 * shows one token request from end to end. For trying out; `docs/decisions/` says what a deployment does otherwise.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { readConfig, type Config } from '../config.ts'
import { cpus } from 'node:os'
import { hashThreads } from '../clients/hash-queue.ts'
import type { DigestKeys } from '../clients/digest.ts'
import { steadyClock } from '../clock.ts'
import { keyring, type Keyring } from '../keys/keyring.ts'
import { deriveKeys } from '../sealing/derive.ts'
import type { MasterKeys } from '../sealing/master-keys.ts'
import { sealing } from '../sealing/seal.ts'
import { assembleServer } from '../server/assemble.ts'
import { lockDataFolder } from '../storage/data-folder-lock.ts'
import { OperatorError } from '../storage/operator-error.ts'
import type { Region } from '../tenancy/region.ts'
import { openMasterKeys, readPrivateFile, writePrivateFile } from './data-folder.ts'
import { createDemo, DEMO_REGIONS, demoResourceServers, type DemoClient } from './demo.ts'
import { closeServer, listenOn, requireFreePort } from './listen.ts'
import { narrate } from './narrate.ts'
import { openMigratedEmbedded, openPostgresDatabases, type OpenDatabases } from './open-databases.ts'
import { report, say, withProgress } from './print.ts'
import { holdsSealedKeys, requireMasterKeys } from './require-master-keys.ts'
import { sampleApi } from './sample-api.ts'
import { untilStopped } from './stop-signals.ts'
import { showTour } from './tour.ts'

type Options = { port?: string; apiPort?: string; data: string }
type Demo = ReadonlyMap<Region, DemoClient>

const DEMO_FILE = 'demo.json'

export function quickstartCommand(): Command {
  return new Command('quickstart')
    .option('--port <number>', 'port of the token service (default: PORT, else 8080)')
    .option('--api-port <number>', 'port of the sample API (default: the next one)')
    .option('--data <folder>', 'where the embedded database and the demo secrets are kept', './data')
    .action(quickstart)
}

async function quickstart(options: Options): Promise<void> {
  // Here and not at the top: commands for servers must not resolve names in their own way.
  await import('./localhost-names.ts')
  const config = readConfig(options.port === undefined ? {} : { PORT: options.port })
  const apiPort = readApiPort(options.apiPort, config.port)
  const portRemedy =
    'stop what uses it, or choose another one with --port (and, since issuers hold the port, --data).'
  const apiRemedy = 'stop what uses it, or choose another one with --api-port.'
  await requireFreePort(config.port, config.host, portRemedy)
  await requireFreePort(apiPort, config.host, apiRemedy)

  const closers: (() => Promise<void>)[] = []
  const stopped = untilStopped()
  try {
    const store = await openStore(config, options.data)
    closers.unshift(store.close)
    const { masterKeys, source } = await openKeys(config, store, options.data)
    const keys = keyring(sealing(masterKeys))
    const digestKeys = deriveKeys(masterKeys, 'credential digest')
    await requireMasterKeys(store.databases, keys, source)
    const demo = await withProgress('making the demo', () =>
      openDemo(config, store, keys, digestKeys, options.data),
    )

    const server = assembleServer({
      origin: config.origin,
      fastLane: config.fastLane,
      regions: store.served,
      keyring: keys,
      masterKeyIds: masterKeys.map(({ id }) => id),
      digestKeys,
      bcryptCost: config.bcryptCost,
      hashThreads: hashThreads(cpus().length, config.threadPoolSize),
      memory: { maxStale: config.maxStale, clients: config.memoryEntries },
      issuance: config.issuance,
      clock: steadyClock(),
      observe: narrate,
      trustedProxies: config.trustedProxies,
    })
    await server.start()
    closers.unshift(server.stop)
    await listenOn(server.http, config.port, config.host, portRemedy)
    closers.unshift(() => closeServer(server.http))
    const first = firstOf(demo)
    const audience = demoResourceServers(new URL(first.issuer).pathname.split('/')[1] ?? '')[0].identifier
    const api = sampleApi(first.issuer, audience)
    await listenOn(api, apiPort, config.host, apiRemedy)
    closers.unshift(() => closeServer(api))

    await showTour([...demo.values()], first, `http://localhost:${apiPort}/orders`)
    say(`Data: ${store.description}. Secrets and master key: ${options.data}, readable to you only.`)
    say('Running. Ctrl-C stops it; the next start continues with the same tenants and secrets.')
    await stopped
    report('Stopping …')
  } finally {
    for (const close of closers) await close()
  }
}

async function openStore(config: Config, folder: string): Promise<OpenDatabases> {
  if (config.databases.size === 0) return openMigratedEmbedded(folder)
  const lock = lockDataFolder(folder)
  try {
    const store = await openPostgresDatabases(config, { migrate: true, warn: report })
    return { ...store, close: () => store.close().finally(() => lock.release()) }
  } catch (error) {
    lock.release()
    throw error
  }
}

async function openKeys(
  { masterKeys }: Config,
  { databases }: OpenDatabases,
  folder: string,
): Promise<{ masterKeys: MasterKeys; source: string }> {
  const source = masterKeys ? 'REGENT_MASTER_KEYS' : `The file ${join(folder, 'master-keys')}`
  const keys = masterKeys ?? openMasterKeys(folder, await holdsSealedKeys(databases))
  return { masterKeys: keys, source }
}

/** Secrets are shown once, so what the demo was given is kept in a file, after each of its tenants. */
async function openDemo(
  config: Config,
  store: OpenDatabases,
  keys: Keyring,
  digestKeys: DigestKeys,
  folder: string,
): Promise<Demo> {
  const file = join(folder, DEMO_FILE)
  const kept = readDemo(file)
  const demo = new Map<Region, DemoClient>()
  for (const region of DEMO_REGIONS) {
    const database = store.databases.get(region)
    if (database === undefined) continue
    const needs = {
      region,
      database,
      origin: config.origin,
      keyring: keys,
      bcryptCost: config.bcryptCost,
      digestKeys,
      maxStale: config.maxStale,
      actor: 'quickstart',
    }
    demo.set(region, await createDemo(needs, kept[region]?.secret))
    writePrivateFile(file, `${JSON.stringify({ ...kept, ...Object.fromEntries(demo) }, null, 2)}\n`)
  }
  return demo
}

function readDemo(file: string): Partial<Record<Region, DemoClient>> {
  if (!existsSync(file)) return {}
  try {
    return JSON.parse(readPrivateFile(file)) as Partial<Record<Region, DemoClient>>
  } catch (cause) {
    throw new OperatorError(`The file ${file} cannot be read: delete it, and the demo gets new secrets.`, {
      cause,
    })
  }
}

function firstOf(demo: Demo): DemoClient {
  const [first] = demo.values()
  if (first === undefined)
    throw new OperatorError('No region is served: set REGENT_REGIONS to one that has a database.')
  return first
}

function readApiPort(text: string | undefined, port: number): number {
  const apiPort = text === undefined ? port + 1 : Number(text)
  if (!Number.isInteger(apiPort) || apiPort < 1 || apiPort > 65_535 || apiPort === port) {
    throw new OperatorError('--api-port must be a port from 1 to 65535, and another one than --port.')
  }
  return apiPort
}
