/** Addresses of pages for people: read from the same raw bytes, by the same grammars as all others. */
import { nothingHere, parseHost, readTarget } from './address.ts'
import type { Origin } from './origin.ts'
import type { Region } from './region.ts'
import type { TenantSlug } from './slug.ts'

/** A page for people: of a tenant's host or, without a tenant, of the operators' of a region. */
export type PageAddress = {
  readonly region: Region
  readonly tenant: TenantSlug | undefined
  readonly path: '/' | '/api'
}

const PAGE = /^\/(?:api)?(?:\?|$)/

/** Whether it is a page's, on whatever host. */
export function isPageTarget(target: string): boolean {
  return PAGE.test(target)
}

/** @param target a page's. @throws OAuthError as `readAddress` does */
export function readPageAddress(
  hosts: readonly string[],
  target: string,
  origin: Origin,
): { address: PageAddress; query: string | undefined } {
  const { host, path, query } = readTarget(hosts, target)
  const name = parseHost(host, origin)
  if (name === undefined || (name.kind === 'tenant' && name.mtls)) throw nothingHere()
  const tenant = name.kind === 'tenant' ? name.tenant : undefined
  return { address: { region: name.region, tenant, path: path === '/' ? '/' : '/api' }, query }
}
