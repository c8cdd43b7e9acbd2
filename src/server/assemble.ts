/** The composition root: puts the parts of a token server together. One call, no container. */
import { Server as TlsServer } from 'node:https'
import { attemptLimits, ATTEMPTS, MAX_PAIRS, PER_SECONDS } from '../clients/attempt-limits.ts'
import { digestKeyChoice } from '../clients/digest-key-choice.ts'
import { clientAuthentication } from '../clients/authenticate.ts'
import { hashQueue, MAX_WAITING, MAX_WAITING_PER_TENANT } from '../clients/hash-queue.ts'
import { rehashing } from '../clients/rehashing.ts'
import { verifiedSecrets } from '../clients/verified-secrets.ts'
import { monotonic } from '../clock.ts'
import { clientAuthenticator } from '../endpoints/authenticate-client.ts'
import { workspaceEndpoints } from '../endpoints/index.ts'
import { grants } from '../grants/index.ts'
import { newNodeId } from '../ids.ts'
import { digestRecords } from '../records/digest-records.ts'
import { issuanceLimits, issuanceRefused } from '../records/issuance-limits.ts'
import type { Region } from '../tenancy/region.ts'
import { assembleAdministration } from './assemble-administration.ts'
import { DEFAULT_LIMITS, httpServer } from './http-server.ts'
import { changeHints } from './change-hints.ts'
import { regionNode, type RegionNode } from './region-node.ts'
import { replacements } from './replacements.ts'
import type { MemorySettings } from './served-region.ts'
import type { AttemptSettings, ServerParts, TokenServer } from './server-parts.ts'
import { VERSION } from './version.ts'

const MEMORY: MemorySettings = { maxStale: 3600, clients: 100_000, workspaces: 20_000, confirmInterval: 1000 }
const ATTEMPT_SETTINGS: AttemptSettings = {
  attempts: ATTEMPTS,
  perSeconds: PER_SECONDS,
  failureInterval: 100,
}

export function assembleServer(parts: ServerParts): TokenServer {
  const { origin, keyring, digestKeys, bcryptCost, clock, observe, trustedProxies, issuance, relay } = parts
  const { limits = DEFAULT_LIMITS, isDraining = () => false, wallClock = Date.now, fastLane = true } = parts
  const memory = { ...MEMORY, ...parts.memory }
  const settings = { ...ATTEMPT_SETTINGS, ...parts.attempts }

  const node = { id: newNodeId(), masterKeyIds: parts.masterKeyIds, version: VERSION }
  const changes = { origin, keyring, digestKeys, bcryptCost, maxStale: memory.maxStale }
  const nodes = new Map<Region, RegionNode>()
  const newDigests = digestKeyChoice(digestKeys)
  for (const [region, served] of parts.regions) {
    const own = { region, served, changes, observe, memory, issuance, node, wallClock, monotonic }
    const onRightClock = (offset: number) => clock.confirm?.(offset)
    const onMasterKeys = (known: readonly string[]) => newDigests.learn(region, known)
    nodes.set(region, regionNode({ ...own, onRightClock, onMasterKeys, relay: relay?.ofRegion(region) }))
  }
  const directories = new Map([...nodes].map(([region, { directory }]) => [region, directory]))
  const records = digestRecords({
    databases: new Map([...nodes].map(([region, { database }]) => [region, database])),
    observe,
  })

  const { failureInterval, ...limitSettings } = settings
  const attempts = attemptLimits({
    monotonic,
    maxEntries: MAX_PAIRS,
    ...limitSettings,
    onLearned: relay?.teach,
  })
  const verified = verifiedSecrets({
    maxEntries: memory.clients,
    key: relay?.verifiedKey,
    onNoted: relay && ((secret) => relay.teach({ type: 'secret_verified', ...secret })),
  })
  const queue = hashQueue({
    threads: parts.hashThreads,
    maxWaiting: MAX_WAITING,
    maxWaitingPerTenant: MAX_WAITING_PER_TENANT,
    compare: parts.compare,
    monotonic,
  })
  const authenticate = clientAuthentication({
    clock,
    bcryptCost,
    digestKeys,
    digestKeyOf: newDigests.keyOf,
    hashQueue: queue,
    verified,
    limits: attempts,
    rehash: rehashing({ hashQueue: queue, bcryptCost, onRehashed: records.note }),
  })
  const secrets = replacements({ nodes, changes, observe })
  const authenticateClient = clientAuthenticator({
    authenticate,
    limits: attempts,
    noteDigest: records.note,
    noteUse: (workspace, clientId, credentialId, peer) =>
      nodes.get(workspace.tenant.region)?.uses.used(workspace, clientId, credentialId, peer),
    noteReplacement: secrets.used,
    monotonic,
    failureInterval,
  })
  const limitsOf = new Map(
    [...nodes.keys()].map((region) => [
      region,
      issuanceLimits({
        region,
        redis: parts.redis?.get(region),
        count: relay?.count(region),
        observe,
        monotonic,
      }),
    ]),
  )
  const endpoints = workspaceEndpoints({
    clock,
    grants,
    authenticateClient,
    replaceSecret: secrets.replaceSecret,
    requireRightClock: (region) => nodes.get(region)?.heartbeat.requireRightClock(),
    countIssuance(workspace, client) {
      const { tenant } = workspace
      const status = limitsOf.get(tenant.region)?.take({ tenant, workspace, client })
      if (status?.allowed === false) throw issuanceRefused(status)
      return status?.headers ?? {}
    },
    recordRefusal: (refused) => nodes.get(refused.workspace.tenant.region)?.recordRefusal(refused),
    recordIssuance: (token) => nodes.get(token.workspace.tenant.region)?.recordIssuance(token),
    observe,
  })
  const http = httpServer({
    origin,
    administration: assembleAdministration(parts, nodes, changes),
    endpoints,
    directories,
    clock,
    observe,
    trustedProxies,
    limits,
    isDraining,
    fastLane,
    certificate: parts.certificate,
    ticketKeys: relay?.ticketKeys,
  })
  let certificateEndsAt = parts.certificate?.endsAt
  const hints =
    relay === undefined
      ? changeHints({
          regions: parts.regions,
          hint: (region) => nodes.get(region)?.directory.feed.hint(),
          observe,
        })
      : undefined
  let started = false

  return {
    http,
    endpoints,

    replaceCertificate({ cert, key, endsAt }) {
      if (!(http instanceof TlsServer)) return
      http.setSecureContext({ cert, key, minVersion: 'TLSv1.2' })
      certificateEndsAt = endsAt
    },

    nodes,

    async start() {
      await Promise.all([...nodes.values()].map((region) => region.start()))
      hints?.open()
      started = true
    },

    async stop() {
      await hints?.close()
      for (const one of limitsOf.values()) one.close()
      await records.close()
      await Promise.all([...nodes.values()].map((region) => region.stop()))
    },

    readiness() {
      if (!started) return { ready: false, reason: 'starting' }
      for (const { region, directory, heartbeat } of nodes.values()) {
        if (!directory.fresh.isFresh()) return { ready: false, reason: `region ${region}: too old` }
        const fault = heartbeat.clockFault()
        if (fault !== undefined) return { ready: false, reason: `region ${region}: clock ${fault}` }
      }
      return { ready: true }
    },

    learn(lesson) {
      if (lesson.type === 'secret_verified') verified.learn(lesson)
      else attempts.learn(lesson)
    },

    gauges: () => ({
      certificateEndsAt,
      hashesWaiting: queue.waiting(),
      hashesRunning: queue.running(),
      failingPairs: attempts.size(),
      digestsWaiting: records.waiting(),
      regions: [...nodes.values()].map((region) => region.gauges()),
    }),
  }
}
