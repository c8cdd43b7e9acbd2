/** The composition root: puts the parts of a token server together. One call, no container. */
import type { Server } from 'node:http'
import { clientAuthentication } from '../clients/authenticate.ts'
import type { Clock } from '../clock.ts'
import { directory, type Directory } from '../directory/directory.ts'
import { workspaceEndpoints } from '../endpoints/index.ts'
import { grants } from '../grants/index.ts'
import type { Keyring } from '../keys/keyring.ts'
import type { Observe } from '../observe/observation.ts'
import type { Database } from '../storage/transaction.ts'
import type { Origin } from '../tenancy/origin.ts'
import type { Region } from '../tenancy/region.ts'
import { DEFAULT_LIMITS, httpServer, type HttpLimits } from './http-server.ts'

export type ServerParts = {
  readonly origin: Origin
  /** One for each region that this node serves; regions may share one. */
  readonly databases: ReadonlyMap<Region, Database>
  readonly keyring: Keyring
  readonly bcryptCost: number
  readonly clock: Clock
  readonly observe: Observe
  /** Addresses and subnets of proxies whose forwarding headers count. */
  readonly trustedProxies: readonly string[]
  readonly limits?: HttpLimits
  readonly isDraining?: () => boolean
}

/** Not listening yet. */
export function assembleServer(parts: ServerParts): Server {
  const { origin, databases, keyring, bcryptCost, clock, observe, trustedProxies } = parts
  const { limits = DEFAULT_LIMITS, isDraining = () => false } = parts
  const directories = new Map<Region, Directory>()
  for (const [region, database] of databases)
    directories.set(region, directory({ region, database, keyring }))
  const authenticate = clientAuthentication({ clock, bcryptCost })
  const endpoints = workspaceEndpoints({ clock, grants, authenticate, observe })
  return httpServer({ origin, endpoints, directories, observe, trustedProxies, limits, isDraining })
}
