/**
 * The public origin of an installation: scheme, base domain and port of all its URLs. It serves twice: to know
 * which hosts are ours, and to build a workspace's issuer when the workspace is created. From then on the issuer
 * is read from the workspace's row and never built again, least of all from a request.
 */
import type { Issuer } from '../ids.ts'
import type { Region } from './region.ts'
import type { TenantSlug, WorkspaceSlug } from './slug.ts'

export type Origin = {
  readonly scheme: 'http' | 'https'
  /** Lower case, without a final dot. */
  readonly baseDomain: string
  /** The port that URLs name, also where it is the scheme's own (443, 80) and therefore left out. */
  readonly port: number
}

const DEFAULT_PORT = { http: 80, https: 443 } as const
const DOMAIN = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/

/** @returns undefined for anything but `scheme://domain[:port]` in lower case */
export function parseOrigin(text: string): Origin | undefined {
  const match = /^(https?):\/\/([^/:]+)(?::([1-9][0-9]{0,4}))?$/.exec(text)
  if (match === null) return undefined
  const scheme = match[1] as Origin['scheme']
  const baseDomain = match[2] ?? ''
  const port = match[3] === undefined ? DEFAULT_PORT[scheme] : Number(match[3])
  return DOMAIN.test(baseDomain) && port <= 65_535 ? { scheme, baseDomain, port } : undefined
}

export function printOrigin({ scheme, baseDomain, port }: Origin): string {
  return `${scheme}://${baseDomain}${portSuffix(scheme, port)}`
}

export type WorkspaceName = {
  readonly region: Region
  readonly tenant: TenantSlug
  readonly workspace: WorkspaceSlug
}

/** @returns scheme, host and port of a tenant's host or, without a tenant, of the operators' of a region */
export function printHostUrl(
  { scheme, baseDomain, port }: Origin,
  { region, tenant }: { readonly region: Region; readonly tenant?: TenantSlug | undefined },
): string {
  const labels = [...(tenant === undefined ? [] : [tenant]), ...(region === 'none' ? [] : [region])]
  return printOrigin({ scheme, baseDomain: [...labels, baseDomain].join('.'), port })
}

/** RFC 8414 §2: a URL without query and fragment; here also without a final slash. */
export function issuerFor(origin: Origin, { region, tenant, workspace }: WorkspaceName): Issuer {
  return `${printHostUrl(origin, { region, tenant })}/${tenant}/${workspace}` as Issuer
}

function portSuffix(scheme: Origin['scheme'], port: number): string {
  return port === DEFAULT_PORT[scheme] ? '' : `:${port}`
}
