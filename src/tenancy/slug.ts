/**
 * Slugs: the names of tenants and workspaces as they stand in hosts and paths. One spelling each, so that no two
 * names look or resolve alike: lower-case ASCII letters, digits and inner hyphens, at most 63 (RFC 1035 §2.3.4),
 * no internationalised labels (RFC 5890 §2.3.2.1).
 */
import type { Brand } from '../ids.ts'

export type TenantSlug = Brand<string, 'TenantSlug'>
export type WorkspaceSlug = Brand<string, 'WorkspaceSlug'>

export const SLUG = /^(?!xn--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/** Labels that mean something else in a host or a path of ours, now or later. */
export const RESERVED_TENANT_SLUGS: ReadonlySet<string> = new Set(
  'system mtls www api admin au eu us well-known oauth2 health metrics console static'.split(' '),
)

/** A tenant that an address may name; the built-in `system` among them. */
export function isTenantSlug(text: string): text is TenantSlug {
  return SLUG.test(text) && (text === 'system' || !RESERVED_TENANT_SLUGS.has(text))
}

export function isWorkspaceSlug(text: string): text is WorkspaceSlug {
  return SLUG.test(text)
}
