/** A URL or host, read as the server reads it; then the server itself is asked, and what it answers, or why nobody does, is put in words. */
import { readConnectionConfig } from '../../config.ts'
import { OAuthError } from '../../oauth/error.ts'
import { isAdminTarget, readAddress, readAdminAddress } from '../../tenancy/address.ts'
import { parseOrigin, type Origin } from '../../tenancy/origin.ts'
import { isRegion, type Region } from '../../tenancy/region.ts'
import type { ConnectionOptions } from '../api/connection-options.ts'
import { metadataUrl, readDocument } from '../api/discover.ts'
import { ConnectionLost, openHttp } from '../api/http.ts'
import { CommandFault, EXIT } from '../exit-code.ts'
import type { Explanation } from './explanation.ts'

type Reading = { readonly lines: readonly string[]; readonly issuer?: string }

export async function explainAddress(
  what: string,
  options: ConnectionOptions & { readonly offline?: boolean },
): Promise<readonly Explanation[]> {
  const text = what.includes('://') ? what : `https://${what}`
  // As it was typed: a URL of Node's would repair what the server refuses.
  const [, scheme = '', host = '', target = ''] = /^(https?):\/\/([^/?#]+)([^#]*)$/.exec(text) ?? []
  if (host === '') throw new CommandFault(EXIT.usage, `${what} is no URL or host, and no reason.`)
  const reading = read(scheme, host, target)
  const said = { title: `${what}:`, lines: reading.lines }
  if (options.offline || reading.issuer === undefined) return [said]
  return [said, { title: 'Asked now:', lines: await ask(reading.issuer, options) }]
}

function read(scheme: string, host: string, target: string): Reading {
  const labels = labelsOf(host, target)
  const origin = parseOrigin(`${scheme}://${labels.base}${labels.port}`)
  if (origin === undefined) return { lines: [`${host} is no name that Regent can be reached at.`] }
  const where = [`base domain  ${labels.base}`, `region       ${inWords(labels.region)}`]
  if (target === '' || target === '/')
    return {
      lines: [
        ...where,
        labels.tenant === undefined
          ? 'The host of the operators of this region: their API is /api/system, their tokens come from the tenant system.'
          : `tenant       ${labels.tenant}: its issuers are ${scheme}://${host}/${labels.tenant}/{workspace}`,
        'A host alone does not say where its base domain begins: with a path behind it, this is sure.',
      ],
    }
  try {
    return { lines: [...where, ...doorOf(host, target, origin)], ...issuerAt(scheme, host, target, origin) }
  } catch (error) {
    if (!(error instanceof OAuthError)) throw error
    const twice = /^\/([a-z0-9-]+)\//.exec(target)?.[1]
    const differs =
      labels.tenant !== undefined && twice !== undefined && twice !== labels.tenant && twice !== 'api'
        ? [`The host names the tenant ${labels.tenant}, the path ${twice}: they must be the same.`]
        : []
    return {
      lines: [
        ...where,
        `Always refused with ${error.status}: ${error.message} (${error.reason}).`,
        ...differs,
      ],
    }
  }
}

function doorOf(host: string, target: string, origin: Origin): readonly string[] {
  if (isAdminTarget(target)) {
    const { address } = readAdminAddress([host], target, origin)
    const whose = {
      tenant: `the administration of ${address.tenant}`,
      system: 'the API of operators',
      document: 'the OpenAPI document',
    }
    return [`door         ${whose[address.api]}${address.path === '' ? '' : `, ${address.path}`}`]
  }
  const { address } = readAddress([host], pathOf(target), origin)
  return [
    `tenant       ${address.tenant}`,
    `workspace    ${address.workspace}`,
    ...(address.mtls
      ? ['certificate  this host is for client certificates (RFC 8705), and has no documents']
      : []),
    ...(address.path === ISSUER_ONLY ? [] : [`door         ${address.path}`]),
  ]
}

/** An issuer itself is no door: what is behind it is. */
const ISSUER_ONLY = '/.'
const pathOf = (target: string) => (/^\/[^/?]+\/[^/?]+$/.test(target) ? target + ISSUER_ONLY : target)

function issuerAt(scheme: string, host: string, target: string, origin: Origin): { issuer?: string } {
  if (isAdminTarget(target)) return {}
  const { address } = readAddress([host], pathOf(target), origin)
  return {
    issuer: `${scheme}://${host.toLowerCase().replace('.mtls.', '.')}/${address.tenant}/${address.workspace}`,
  }
}

/** A host alone does not say where its base domain begins: the path, or where somebody is logged in, may. */
function labelsOf(host: string, target: string) {
  const [, name = '', port = ''] = /^(.*?)\.?(:\d+)?$/.exec(host.toLowerCase()) ?? []
  const labels = name.split('.')
  const known = readConnectionConfig().credentials?.url
  const named = /^\/(?:api\/admin\/)?([a-z0-9-]+)\/[a-z0-9-]/.exec(target)?.[1]
  const isKnown = known !== undefined && URL.canParse(known) && new URL(known).hostname.endsWith(`.${name}`)
  const isOperators = target.startsWith('/api/system') || isRegion(labels[0] ?? '') || isKnown
  const hasTenant =
    !isOperators &&
    labels.length > 1 &&
    (named === labels[0] || labels.length > 2 || labels.at(-1) === 'localhost')
  const tenant = hasTenant ? labels.shift() : undefined
  if (labels[0] === 'mtls') labels.shift()
  const [first = ''] = labels
  const region: Region = isRegion(first) && first !== 'none' && labels.length > 1 ? first : 'none'
  if (region !== 'none') labels.shift()
  return { tenant, region, base: labels.join('.'), port }
}

const inWords = (region: Region) => (region === 'none' ? 'none: tenants without a region' : region)

async function ask(issuer: string, { caFile }: ConnectionOptions): Promise<readonly string[]> {
  const http = await openHttp(caFile ?? readConnectionConfig().authoritiesFile)
  try {
    const { status, body } = await readDocument(http, metadataUrl(issuer))
    if (status === 404)
      return [
        '404: no such tenant or workspace is there, in this region. Nothing in the answer says which of them is missing.',
      ]
    if (status === 421)
      return [
        '421: the node that answers does not serve this region. A balancer may lead to the wrong nodes.',
      ]
    if (status !== 200)
      return [`${status}, where the metadata should be: this may be no Regent, or one that is not ready.`]
    const { body: jwks } = await readDocument(http, String(body.jwks_uri))
    const keys = (Array.isArray(jwks.keys) ? jwks.keys : []) as { kid?: string; alg?: string }[]
    return [
      body.issuer === issuer
        ? `issuer       ${issuer}, as its metadata says`
        : `The metadata says another issuer, ${String(body.issuer)}: libraries refuse that (RFC 8414 §3.3).`,
      `tokens       ${String(body.token_endpoint)}`,
      `keys         ${keys.map(({ kid, alg }) => `${alg} ${kid}`).join(', ')}`,
    ]
  } catch (error) {
    if (error instanceof ConnectionLost) return [error.message]
    throw error
  } finally {
    await http.close()
  }
}
