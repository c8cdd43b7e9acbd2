/** What a token server is made of, and what it is then. Types only. */
import type { Server } from 'node:http'
import type { Redis } from 'ioredis'
import type { CompareHash } from '../clients/compare-hash.ts'
import type { DigestKeys } from '../clients/digest.ts'
import type { Clock } from '../clock.ts'
import type { WorkspaceEndpoint } from '../endpoints/workspace-endpoint.ts'
import type { Keyring } from '../keys/keyring.ts'
import type { Gauges } from '../observe/gauges.ts'
import type { Observe } from '../observe/observation.ts'
import type { RegionCount } from '../records/region-count.ts'
import type { Origin } from '../tenancy/origin.ts'
import type { Region } from '../tenancy/region.ts'
import type { Certificate } from './certificate.ts'
import type { HttpLimits } from './http-server.ts'
import type { Readiness } from './ops-server.ts'
import type { RegionNode } from './region-node.ts'
import type { IssuanceSettings, MemorySettings, RegionRelay, ServedRegion } from './served-region.ts'
import type { Lesson } from './workers/messages.ts'

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
  /** The comparison with a hash; a need, so that what it is asked for can be counted. */
  readonly compare?: CompareHash
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
  /** Whether what is asked most is answered before Express is entered. */
  readonly fastLane?: boolean
  /** Where this server ends TLS itself. */
  readonly certificate?: Certificate | undefined
  /** In a worker process. */
  readonly relay?: NodeRelay | undefined
}

/** What the processes of a node share, through its primary. */
export type NodeRelay = {
  readonly ofRegion: (region: Region) => RegionRelay
  readonly count: (region: Region) => RegionCount
  /** 32 bytes. */
  readonly verifiedKey: Buffer
  /** 48 bytes: a session that one process began, another resumes. */
  readonly ticketKeys: Buffer
  readonly teach: (lesson: Lesson) => void
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
  /** What `http` serves, for whoever has a question and no socket. */
  readonly endpoints: readonly WorkspaceEndpoint[]
  /** For connections from now on. Where a proxy ends TLS, there is none to replace. */
  replaceCertificate(certificate: Certificate): void
  readonly nodes: ReadonlyMap<Region, RegionNode>
  /** Reads what changes there were, and follows them. Rejects when the database of a region cannot be asked. */
  start(): Promise<void>
  /** After the last request: writes what waits, and leaves the regions. */
  stop(): Promise<void>
  readiness(): Readiness
  /** What another process of this node learned. */
  learn(lesson: Lesson): void
  gauges(): Gauges
}
