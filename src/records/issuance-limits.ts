/**
 * How many tokens a minute are issued to a client, from a workspace, and to a tenant. Counted after authentication, so that
 * nobody else uses up what a client has; and all or nothing, so that a token which one limit refuses costs the others
 * nothing. Without a Redis each node counts for itself; with one, the nodes of its region count together (permits.ts has
 * the bound). Tells its state in the fields of draft-ietf-httpapi-ratelimit-headers-11.
 */
import type { Redis } from 'ioredis'
import type { ClientId, TenantId, WorkspaceId } from '../ids.ts'
import { OAuthError } from '../oauth/error.ts'
import type { Observe } from '../observe/observation.ts'
import type { Region } from '../tenancy/region.ts'
import { permits, WINDOW, type Available } from './permits.ts'
import { regionCount, type PermitKey, type RegionCount } from './region-count.ts'

type Limited<Id> = { readonly id: Id; readonly tokensPerMinute?: number | undefined }

/** Of one token: for which client it would be. */
export type Issuance = {
  readonly tenant: Limited<TenantId>
  readonly workspace: Limited<WorkspaceId>
  readonly client: Limited<ClientId>
}

export type LimitStatus =
  | { readonly allowed: true; readonly headers: Readonly<Record<string, string>> }
  | {
      readonly allowed: false
      /** Seconds. */
      readonly retryAfter: number
      readonly headers: Readonly<Record<string, string>>
    }

export type IssuanceLimits = {
  /** Counts the token when it is allowed. Never waits. */
  take(issuance: Issuance): LimitStatus
  /** Afterwards nothing runs; the connection to Redis belongs to who opened it. */
  close(): void
}

type Needs = {
  readonly region: Region
  /** The region's own, and no other's. */
  readonly redis?: Redis | undefined
  /** Of the workers of a node, in place of a Redis. */
  readonly count?: RegionCount | undefined
  readonly observe: Observe
  /** Milliseconds of a clock that nobody sets. */
  readonly monotonic: () => number
  readonly maxKeys?: number
}

type Policy = {
  readonly name: 'client' | 'workspace' | 'tenant'
  readonly key: PermitKey
  readonly limit: number
}

/** Clients, workspaces and tenants of a region that are counted: some 300 bytes each. */
const MAX_KEYS = 100_000
const UNLIMITED: LimitStatus = { allowed: true, headers: {} }

export function issuanceLimits(needs: Needs): IssuanceLimits {
  const { region, redis, observe, monotonic, maxKeys = MAX_KEYS } = needs
  const count = needs.count ?? (redis && regionCount({ region, redis, observe }, WINDOW))
  const counted = permits({ monotonic, count, maxKeys })

  return {
    take(issuance) {
      const policies = policiesOf(region, issuance)
      if (policies.length === 0) return UNLIMITED
      const before = policies.map(({ key, limit }) => counted.available(key, limit))
      const missing = before.filter((one) => one.permits === 0)
      if (missing.length > 0) {
        // §6: Retry-After names no time before the end of the effective window: of the policies that refuse.
        const retryAfter = Math.max(...missing.map(({ seconds }) => seconds))
        return { allowed: false, retryAfter, headers: fields(policies, before) }
      }
      for (const { key, limit } of policies) counted.use(key, limit)
      const after = before.map(({ permits: left, seconds }) => ({ permits: left - 1, seconds }))
      return { allowed: true, headers: fields(policies, after) }
    },
    close: () => counted.close(),
  }
}

/** @param status that is not allowed */
export function issuanceRefused({ retryAfter, headers }: LimitStatus & { allowed: false }): OAuthError {
  return new OAuthError(
    'temporarily_unavailable',
    'issuance_limit_reached',
    'the limit of tokens a minute is reached: ask again after the seconds that Retry-After names, and use a token until it expires',
    { status: 429, headers: { ...headers, 'Retry-After': String(retryAfter) } },
  )
}

/** In the key of a tenant a hyphen stands in place of the workspace. */
function policiesOf(region: Region, { tenant, workspace, client }: Issuance): readonly Policy[] {
  const policies: Policy[] = []
  const add = (name: Policy['name'], limit: number | undefined, rest: string) => {
    if (limit === undefined) return
    policies.push({ name, limit, key: `${region}:${tenant.id}:${rest}` as PermitKey })
  }
  add('client', client.tokensPerMinute, `${workspace.id}:issued:${client.id}`)
  add('workspace', workspace.tokensPerMinute, `${workspace.id}:issued`)
  add('tenant', tenant.tokensPerMinute, `-:issued`)
  return policies
}

/** §3 and §4: lists of strings with parameters (RFC 9651 §3.1). A token is a request (§3.1.2). */
function fields(policies: readonly Policy[], available: readonly Available[]) {
  return {
    'RateLimit-Policy': policies.map(({ name, limit }) => `"${name}";q=${limit};w=${WINDOW}`).join(', '),
    RateLimit: policies
      .map(({ name }, index) => `"${name}";r=${available[index]?.permits};t=${available[index]?.seconds}`)
      .join(', '),
  }
}
