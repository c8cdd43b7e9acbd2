/**
 * Where the administration is that a command speaks to. One URL says it: the issuer of a tenant's built-in workspace,
 * `https://acme.eu.authz.example.com/acme/admin`, or of the operators', `https://system.eu.…/system/admin`; its token endpoint and its
 * API, as `bootstrap` and `tenant create` print them, mean the same. Pure.
 */
import { ADMIN_WORKSPACE, SYSTEM_TENANT } from '../../tenancy/administration.ts'
import { CommandFault, EXIT } from '../exit-code.ts'

export type Place = {
  readonly issuer: string
  readonly tokenEndpoint: string
  readonly tenant: string
  /** Of a region's operators. */
  readonly isOperators: boolean
  /** Base URLs of both APIs, which are the audiences of their tokens too; `system` for operators only. */
  readonly apis: { readonly tenant: string; readonly system: string | undefined }
}

const EXAMPLE = 'https://acme.eu.authz.example.com/acme/admin'

/** @throws CommandFault for what is no such URL, and for one over which the secret would travel unencrypted */
export function readPlace(text: string, from: string): Place {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const name = url && (namedByIssuer(url) ?? namedByApi(url))
  if (url === undefined || name === undefined || url.search !== '' || url.username !== '')
    throw new CommandFault(
      EXIT.refused,
      `${from} must be the issuer of an admin workspace, or its token endpoint, as in ${EXAMPLE}: bootstrap and tenant create show it.`,
    )
  requireEncrypted(url, from)
  const { tenant, host } = name
  const isOperators = tenant === SYSTEM_TENANT
  const issuer = `${url.protocol}//${host}/${tenant}/${ADMIN_WORKSPACE}`
  return {
    issuer,
    tokenEndpoint: `${issuer}/oauth2/token`,
    tenant,
    isOperators,
    apis: {
      tenant: `${url.protocol}//${host}/api/admin/${tenant}`,
      system: isOperators ? `${url.protocol}//${host.slice(tenant.length + 1)}/api/system` : undefined,
    },
  }
}

/** @throws CommandFault where a secret would travel unencrypted */
export function requireEncrypted({ protocol, hostname }: URL, from: string): void {
  if (protocol === 'https:' || (protocol === 'http:' && isThisMachine(hostname))) return
  throw new CommandFault(
    EXIT.refused,
    `${from} must begin with https://: the secret would travel readable to everybody. Only names of this machine go without.`,
  )
}

type Name = { readonly tenant: string; readonly host: string }

function namedByIssuer({ host, pathname }: URL): Name | undefined {
  const [, tenant = '', workspace] =
    /^\/([a-z0-9-]+)\/([a-z0-9-]+)(?:\/oauth2\/token)?\/?$/.exec(pathname) ?? []
  return workspace === ADMIN_WORKSPACE && host.startsWith(`${tenant}.`) ? { tenant, host } : undefined
}

function namedByApi({ host, pathname }: URL): Name | undefined {
  const [, api, tenant = ''] = /^\/api\/(?:(system)|admin\/([a-z0-9-]+))\/?$/.exec(pathname) ?? []
  if (api === 'system') return { tenant: SYSTEM_TENANT, host: `${SYSTEM_TENANT}.${host}` }
  return tenant !== '' && host.startsWith(`${tenant}.`) ? { tenant, host } : undefined
}

/** RFC 6761 §6.3: what is under `localhost` never leaves it. */
export function isThisMachine(hostname: string): boolean {
  return /^(?:(?:.+\.)?localhost|127(?:\.\d+){3}|\[::1\])$/.test(hostname)
}
