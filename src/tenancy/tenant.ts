/** Tenants and workspaces as the rest of the house sees them: typed values, read from rows by `tenancy-store.ts`. */
import type { Issuer, TenantId, WorkspaceId } from '../ids.ts'
import type { Algorithm } from '../oauth/signing.ts'
import type { Region } from './region.ts'
import type { TenantSlug, WorkspaceSlug } from './slug.ts'

/** The customer who owns data. */
export type Tenant = {
  readonly id: TenantId
  readonly slug: TenantSlug
  readonly region: Region
  /** At most so many tokens for all of its workspaces; undefined: as many as are asked for. */
  readonly tokensPerMinute?: number | undefined
  /** No tokens, and settings stay as they are; so it is with a deleted one, too. */
  readonly suspended?: boolean
  /** Of a deleted one: seconds since 1970 when it cannot be restored any more, and nothing of it is served. */
  readonly goneAt?: number | undefined
}

/** Of a deleted tenant nothing is left once it cannot be restored any more; memory may still know it. @param now seconds */
export function isGone({ goneAt }: Tenant, now: number): boolean {
  return goneAt !== undefined && now >= goneAt
}

/** At most so many of each; undefined: as many as are made. */
export type Quotas = {
  readonly workspaces?: number | undefined
  readonly resourceServers?: number | undefined
  readonly clients?: number | undefined
  /** Of all its resource servers together. */
  readonly scopes?: number | undefined
}

/** One authorization server of one tenant. */
export type Workspace = {
  readonly tenant: Tenant
  readonly id: WorkspaceId
  readonly slug: WorkspaceSlug
  /** Stored, immutable. */
  readonly issuer: Issuer
  /** Seconds that an access token lives. */
  readonly accessTokenLifetime: number
  /** Seconds that its documents may be cached; see keys/life-cycle.ts for what hangs on it. */
  readonly jwksMaxAge: number
  /** Seconds from a key's publication to its first signature, so that every verifier has it by then. */
  readonly signingLead: number
  /** How tokens are signed for resource servers that do not choose. */
  readonly signingAlgorithm: Algorithm
  /** Clients may have one secret that Regent did not generate; what is not of our form then costs a slow hash. */
  readonly chosenSecrets: boolean
  /** A digest of a chosen secret may be stored once it was verified; off where secrets are known to be weak. */
  readonly chosenDigests: boolean
  /** A secret whose hash is weaker than those that are made now is hashed anew when it is used. */
  readonly rehash: boolean
  /** The most that a hash which came from elsewhere takes: an attempt that fails costs as much, whoever is found. */
  readonly hashWork?: { readonly bcryptCost: number; readonly iterations: number }
  /** `audience` is read where `resource` is not sent, as some products' clients are used to. */
  readonly audienceParameter: boolean
  /** A client may replace its own secret. */
  readonly selfRotation: boolean
  /** When signing keys take turns: a cron expression, in UTC. Undefined: when somebody says so. */
  readonly keyRotation?: string | undefined
  /** No tokens, while its documents are served. */
  readonly disabled?: boolean
  /** Its clients administer the tenant; nobody changes or removes it. */
  readonly builtIn?: boolean
  readonly tokensPerMinute?: number | undefined
}
