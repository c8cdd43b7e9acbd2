/** The composition root: puts the parts of a token server together. One call, no container. */
import type { Server } from 'node:http'
import { compare as bcryptCompare } from 'bcrypt'
import { attemptLimits, ATTEMPTS, MAX_PAIRS, PER_SECONDS } from '../clients/attempt-limits.ts'
import { clientAuthentication } from '../clients/authenticate.ts'
import type { DigestKeys } from '../clients/digest.ts'
import { hashQueue, MAX_WAITING, MAX_WAITING_PER_TENANT } from '../clients/hash-queue.ts'
import { verifiedSecrets } from '../clients/verified-secrets.ts'
import { monotonic, type Clock } from '../clock.ts'
import { clientAuthenticator } from '../endpoints/authenticate-client.ts'
import { workspaceEndpoints } from '../endpoints/index.ts'
import { grants } from '../grants/index.ts'
import { newNodeId } from '../ids.ts'
import type { Keyring } from '../keys/keyring.ts'
import type { Gauges } from '../observe/metrics.ts'
import type { Observe } from '../observe/observation.ts'
import type { Redis } from 'ioredis'
import { digestRecords } from '../records/digest-records.ts'
import { issuanceLimits, issuanceRefused } from '../records/issuance-limits.ts'
import type { Origin } from '../tenancy/origin.ts'
import type { Region } from '../tenancy/region.ts'
import { DEFAULT_LIMITS, httpServer, type HttpLimits } from './http-server.ts'
import { changeHints } from './change-hints.ts'
import type { Readiness } from './ops-server.ts'
import {
  regionNode,
  type IssuanceSettings,
  type MemorySettings,
  type RegionNode,
  type ServedRegion,
} from './region-node.ts'
import { VERSION } from './version.ts'

export type ServerParts = {
  readonly origin: Origin
  /** Those that this node serves. */
  readonly regions: ReadonlyMap<Region, ServedRegion>
  /** Of the regions whose nodes count what they issue together; the others count alone. */
  readonly redis?: ReadonlyMap<Region, Redis>
  readonly keyring: Keyring
  readonly masterKeyIds: readonly string[]
  readonly digestKeys: DigestKeys
  readonly bcryptCost: number
  /** bcrypt comparisons that run at a time. */
  readonly hashThreads: number
  /** bcrypt's own; a need, so that what it is asked for can be counted. */
  readonly compare?: (secret: string, bcryptHash: string) => Promise<boolean>
  readonly clock: Clock
  /** Milliseconds since 1970, as `clock` sees them. */
  readonly wallClock?: () => number
  readonly observe: Observe
  /** Addresses and subnets of proxies whose forwarding headers count. */
  readonly trustedProxies: readonly string[]
  readonly limits?: HttpLimits
  readonly memory?: Partial<MemorySettings>
  /** Off where it is not said. */
  readonly issuance?: IssuanceSettings
  readonly attempts?: Partial<AttemptSettings>
  readonly isDraining?: () => boolean
}

export type AttemptSettings = {
  /** Failing attempts that a client id and peer have, before they get 429, and the seconds in which. */
  readonly attempts: number
  readonly perSeconds: number
  /** Failing answers leave at multiples of so many milliseconds after their request came. */
  readonly failureInterval: number
}

export type TokenServer = {
  /** Not listening yet. */
  readonly http: Server
  readonly nodes: ReadonlyMap<Region, RegionNode>
  /** Reads what changes there were, and follows them. Rejects when the database of a region cannot be asked. */
  start(): Promise<void>
  /** After the last request: writes what waits, and leaves the regions. */
  stop(): Promise<void>
  readiness(): Readiness
  gauges(): Gauges
}

const MEMORY: MemorySettings = {
  maxStale: 3600,
  clients: 100_000,
  workspaces: 20_000,
  confirmInterval: 1000,
}
const ATTEMPT_SETTINGS: AttemptSettings = {
  attempts: ATTEMPTS,
  perSeconds: PER_SECONDS,
  failureInterval: 100,
}

export function assembleServer(parts: ServerParts): TokenServer {
  const { origin, keyring, digestKeys, bcryptCost, clock, observe, trustedProxies, issuance } = parts
  const { limits = DEFAULT_LIMITS, isDraining = () => false, wallClock = Date.now } = parts
  const memory = { ...MEMORY, ...parts.memory }
  const settings = { ...ATTEMPT_SETTINGS, ...parts.attempts }

  const node = { id: newNodeId(), masterKeyIds: parts.masterKeyIds, version: VERSION }
  const nodes = new Map<Region, RegionNode>()
  for (const [region, served] of parts.regions) {
    const needs = { region, served, keyring, observe, memory, issuance, node, wallClock, monotonic }
    nodes.set(region, regionNode(needs))
  }
  const directories = new Map([...nodes].map(([region, { directory }]) => [region, directory]))
  const records = digestRecords({
    databases: new Map([...nodes].map(([region, { database }]) => [region, database])),
    observe,
  })

  const attempts = attemptLimits({
    monotonic,
    maxEntries: MAX_PAIRS,
    attempts: settings.attempts,
    perSeconds: settings.perSeconds,
  })
  const queue = hashQueue({
    threads: parts.hashThreads,
    maxWaiting: MAX_WAITING,
    maxWaitingPerTenant: MAX_WAITING_PER_TENANT,
    compare: parts.compare ?? bcryptCompare,
    monotonic,
  })
  const authenticate = clientAuthentication({
    clock,
    bcryptCost,
    digestKeys,
    hashQueue: queue,
    verified: verifiedSecrets(memory.clients),
    limits: attempts,
  })
  const authenticateClient = clientAuthenticator({
    authenticate,
    limits: attempts,
    noteDigest: records.note,
    noteUse: (workspace, clientId, credentialId) =>
      nodes.get(workspace.tenant.region)?.uses.used(workspace, clientId, credentialId),
    monotonic,
    failureInterval: settings.failureInterval,
  })
  const requireRightClock = (region: Region) => nodes.get(region)?.heartbeat.requireRightClock()
  const limitsOf = new Map(
    [...nodes.keys()].map((region) => [
      region,
      issuanceLimits({ region, redis: parts.redis?.get(region), observe, monotonic }),
    ]),
  )
  const endpoints = workspaceEndpoints({
    clock,
    grants,
    authenticateClient,
    requireRightClock,
    countIssuance(workspace, client) {
      const { tenant } = workspace
      const status = limitsOf.get(tenant.region)?.take({ tenant, workspace, client })
      if (status?.allowed === false) throw issuanceRefused(status)
      return status?.headers ?? {}
    },
    recordIssuance: (token) => nodes.get(token.workspace.tenant.region)?.recordIssuance(token),
    observe,
  })
  const http = httpServer({ origin, endpoints, directories, observe, trustedProxies, limits, isDraining })
  const hints = changeHints({ regions: parts.regions, nodes, observe })
  let started = false

  return {
    http,
    nodes,

    async start() {
      await Promise.all([...nodes.values()].map((region) => region.start()))
      hints.open()
      started = true
    },

    async stop() {
      await hints.close()
      for (const one of limitsOf.values()) one.close()
      await records.close()
      await Promise.all([...nodes.values()].map((region) => region.stop()))
    },

    readiness() {
      if (!started) return { ready: false, reason: 'starting' }
      for (const { region, directory, heartbeat } of nodes.values()) {
        if (!directory.fresh.isFresh()) return { ready: false, reason: `region ${region}: too old` }
        if (!heartbeat.isClockRight()) return { ready: false, reason: `region ${region}: clock wrong` }
      }
      return { ready: true }
    },

    gauges: () => ({
      hashesWaiting: queue.waiting(),
      hashesRunning: queue.running(),
      regions: [...nodes.values()].map((region) => region.gauges()),
    }),
  }
}
