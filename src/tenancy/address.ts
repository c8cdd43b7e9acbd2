/**
 * Addresses: what a Host header and a raw request target name. One strict grammar for each, matched against the
 * bytes as they came: `%2f`, `..`, upper-case paths, a trailing slash and the like are refused, not repaired,
 * because whatever is repaired here may be read differently by a proxy in front or a route behind. Pure: asks no
 * database; knows nothing of which tenants exist.
 */
import { OAuthError } from '../oauth/error.ts'
import type { Origin } from './origin.ts'
import { isRegion, type Region } from './region.ts'
import { isTenantSlug, isWorkspaceSlug, type TenantSlug, type WorkspaceSlug } from './slug.ts'

/** A workspace's door. */
export type WorkspaceAddress = {
  readonly region: Region
  readonly tenant: TenantSlug
  readonly workspace: WorkspaceSlug
  /** The host is `{tenant}.mtls[.{region}].{base}`, meant for client certificates (RFC 8705 §5). */
  readonly mtls: boolean
  /** What follows `/{tenant}/{workspace}`; RFC 8414's inserted form is turned into this one. */
  readonly path: string
}

/** A door of administration: of a tenant, by its own people; or of a region, by its operators. */
export type AdminAddress = {
  readonly region: Region
  /** `system` on an operator's host. */
  readonly tenant: TenantSlug
  readonly api: 'tenant' | 'system' | 'document'
  /** What follows `/api/admin/{tenant}`, `/api/system` or `/api`. */
  readonly path: string
}

export type HostName =
  | { readonly kind: 'tenant'; readonly tenant: TenantSlug; readonly region: Region; readonly mtls: boolean }
  | { readonly kind: 'operator'; readonly region: Region }

// RFC 9110 §7.2: uri-host [ ":" port ]. Of its alphabet only what DNS names and address literals are made of.
const HOST = /^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?$/
// RFC 3986 §3.3, §3.4: path characters and, after the question mark, those of a query.
const TARGET = /^\/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*(?:\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?$/
// Segments of ids and names, none of them `.` or `..`: nothing in them is ever encoded.
const ADMIN_PATH = /^\/api(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~-]+)+$/
const WORKSPACE_PATH = /^\/([a-z0-9-]+)\/([a-z0-9-]+)((?:\/[a-z0-9._-]+)+)$/
// RFC 8414 §3: the well-known string stands between the host and the path of the issuer.
const INSERTED_PATH = /^(\/\.well-known\/oauth-authorization-server)\/([a-z0-9-]+)\/([a-z0-9-]+)$/

/**
 * @param hosts every value of the Host header
 * @param target the request target as it came
 * @returns the address, and the query where there was one
 * @throws OAuthError 400 for what is outside the grammar; 404 for any other path, a host outside the base domain,
 *   and a host that names another tenant than the path
 */
export function readAddress(
  hosts: readonly string[],
  target: string,
  origin: Origin,
): { address: WorkspaceAddress; query: string | undefined } {
  const { host, path, query } = readTarget(hosts, target)
  const name = parseHost(host, origin)
  const place = parsePath(path)
  if (name?.kind !== 'tenant' || place === undefined || place.tenant !== name.tenant) throw nothingHere()
  return { address: { region: name.region, mtls: name.mtls, ...place }, query }
}

/** Whether it is for administration: `api` is no tenant's name. */
export function isAdminTarget(target: string): boolean {
  return target.startsWith('/api/')
}

/** @throws OAuthError as `readAddress` does */
export function readAdminAddress(
  hosts: readonly string[],
  target: string,
  origin: Origin,
): { address: AdminAddress; query: string | undefined } {
  const { host, path, query } = readTarget(hosts, target)
  const name = parseHost(host, origin)
  if (name === undefined || !ADMIN_PATH.test(path) || (name.kind === 'tenant' && name.mtls))
    throw nothingHere()
  const { region } = name
  const [, , api = '', tenant = '', ...rest] = path.split('/')
  if (api === 'openapi.json' && tenant === '')
    return { address: { region, tenant: tenantOf(name), api: 'document', path: '/openapi.json' }, query }
  if (name.kind === 'operator' && api === 'system')
    return { address: { region, tenant: SYSTEM, api, path: path.slice('/api/system'.length) }, query }
  if (name.kind === 'tenant' && api === 'admin' && tenant === name.tenant)
    return { address: { region, tenant: name.tenant, api: 'tenant', path: ['', ...rest].join('/') }, query }
  throw nothingHere()
}

const SYSTEM = 'system' as TenantSlug
const tenantOf = (name: HostName) => (name.kind === 'tenant' ? name.tenant : SYSTEM)

/** @throws OAuthError 400 for what is outside the grammar */
export function readTarget(hosts: readonly string[], target: string) {
  const host = requireHost(hosts)
  if (!TARGET.test(target)) {
    throw new OAuthError(
      'invalid_request',
      'target_syntax',
      'the request target must be a path in the URI alphabet',
    )
  }
  const question = target.indexOf('?')
  return question === -1
    ? { host, path: target, query: undefined }
    : { host, path: target.slice(0, question), query: target.slice(question + 1) }
}

/** One answer for whatever is not there: a path, a tenant, a workspace, a host that is not ours. */
export function nothingHere(): OAuthError {
  return new OAuthError(
    'invalid_request',
    'unknown_address',
    'nothing is served at this host and path: compare both with the issuer of the workspace',
    { status: 404 },
  )
}

/** RFC 9110 §15.5.20. Says nothing of whether the tenant exists: this node cannot know. */
export function misdirected(): OAuthError {
  return new OAuthError(
    'invalid_request',
    'region_not_served',
    'this server does not serve the region of this host',
    { status: 421 },
  )
}

/**
 * `{tenant}[.mtls][.{region}].{base}` and `[{region}.]{base}`; upper case, one final dot, and the public port or
 * none are the only freedoms.
 * @returns undefined for a host that is not ours
 */
export function parseHost(host: string, { baseDomain, port }: Origin): HostName | undefined {
  const [, rawName = '', rawPort] = HOST.exec(host) ?? []
  if (rawPort !== undefined && rawPort !== String(port)) return undefined
  const name = rawName.toLowerCase().replace(/\.$/, '')
  if (name === baseDomain) return { kind: 'operator', region: 'none' }
  if (!name.endsWith(`.${baseDomain}`)) return undefined
  const labels = name.slice(0, -baseDomain.length - 1).split('.')
  const last = labels.at(-1) ?? ''
  const region = isRegion(last) ? last : 'none'
  // The default region has no label: `none` stays, and is refused below.
  if (region !== 'none') labels.pop()
  const [tenant, marker, ...rest] = labels
  if (tenant === undefined) return { kind: 'operator', region }
  if (rest.length > 0 || (marker !== undefined && marker !== 'mtls') || !isTenantSlug(tenant))
    return undefined
  return { kind: 'tenant', tenant, region, mtls: marker === 'mtls' }
}

function parsePath(path: string) {
  const inserted = INSERTED_PATH.exec(path)
  const [tenant = '', workspace = '', rest = ''] = inserted
    ? [inserted[2], inserted[3], inserted[1]]
    : (WORKSPACE_PATH.exec(path) ?? []).slice(1)
  return isTenantSlug(tenant) && isWorkspaceSlug(workspace) ? { tenant, workspace, path: rest } : undefined
}

function requireHost(hosts: readonly string[]): string {
  const [host] = hosts
  // RFC 9112 §3.2: a request without Host, or with more than one, or with an invalid one, is answered with 400.
  if (host === undefined || hosts.length > 1) {
    throw new OAuthError('invalid_request', 'host_count', 'a request carries exactly one Host header')
  }
  if (!HOST.test(host)) {
    throw new OAuthError(
      'invalid_request',
      'host_syntax',
      'the Host header is not a host name with an optional port',
    )
  }
  return host
}
