/**
 * Sends requests of the command line: names under `localhost` lead to this machine, other hosts are reached through the proxy of
 * HTTPS_PROXY where there is one, redirects are not followed, and what fails on the way is said in a sentence.
 */
import { readFileSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { rootCertificates } from 'node:tls'
import { Agent, EnvHttpProxyAgent, request, type Dispatcher } from 'undici'
import { CommandFault, EXIT } from '../exit-code.ts'
import { isThisMachine } from './place.ts'

export type Sent = {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer | Readable
}
export type Received = {
  readonly status: number
  /** By their names in lower case; of several values, the first. */
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Readable & { text(): Promise<string> }
}
export type Http = {
  /** @throws ConnectionLost */
  send(url: string, sent: Sent): Promise<Received>
  close(): Promise<void>
}

/** Milliseconds. Changes of many rows answer late. */
const CONNECT_TIMEOUT = 10_000
const ANSWER_TIMEOUT = 300_000

/** There was no answer. */
export class ConnectionLost extends CommandFault {
  /** The server was never reached, so nothing was done; otherwise it may have been. */
  readonly nothingSent: boolean

  constructor(url: string, cause: unknown) {
    super(EXIT.unavailable, sentenceOf(new URL(url), codeOf(cause)), { cause })
    this.nothingSent = NEVER_REACHED.has(codeOf(cause)) || isCertificateFault(codeOf(cause))
  }
}

/** @param authoritiesFile in PEM: who may vouch for servers, beside those that Node brings */
export async function openHttp(authoritiesFile: string | undefined): Promise<Http> {
  await import('../localhost-names.ts')
  const timeouts = {
    headersTimeout: ANSWER_TIMEOUT,
    bodyTimeout: ANSWER_TIMEOUT,
    connectTimeout: CONNECT_TIMEOUT,
  }
  const tls =
    authoritiesFile === undefined ? {} : { ca: [...rootCertificates, readAuthorities(authoritiesFile)] }
  const options = { ...timeouts, connect: { ...tls, timeout: CONNECT_TIMEOUT }, requestTls: tls }
  const agents = { direct: new Agent(options), proxied: new EnvHttpProxyAgent(options) }
  return {
    async send(url, { method, headers, body }) {
      const dispatcher: Dispatcher = isThisMachine(new URL(url).hostname) ? agents.direct : agents.proxied
      try {
        const answer = await request(url, { method, dispatcher, headers: headers ?? {}, body: body ?? null })
        const first = Object.entries(answer.headers).map(
          ([name, value]) => [name, [value].flat()[0]] as const,
        )
        return { status: answer.statusCode, headers: Object.fromEntries(first), body: answer.body }
      } catch (cause) {
        throw new ConnectionLost(url, cause)
      }
    },
    async close() {
      await Promise.all([agents.direct.destroy(), agents.proxied.destroy()])
    },
  }
}

function readAuthorities(file: string): string {
  try {
    const text = readFileSync(file, 'utf8')
    if (text.includes('-----BEGIN CERTIFICATE-----')) return text
  } catch (cause) {
    throw new CommandFault(EXIT.refused, `The CA file ${file} cannot be read.`, { cause })
  }
  throw new CommandFault(EXIT.refused, `The CA file ${file} holds no certificate in PEM.`)
}

const NEVER_REACHED = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
])
const isCertificateFault = (code: string) => /CERT|^ERR_TLS|SELF_SIGNED|UNABLE_TO/.test(code)

/** Where several addresses of a name were tried, each has its own fault. */
function codeOf(cause: unknown): string {
  const { code, errors } = Object(cause) as { code?: string; errors?: readonly { code?: string }[] }
  return errors?.[0]?.code ?? code ?? ''
}

function sentenceOf({ host, hostname }: URL, code: string): string {
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return `The name ${hostname} leads nowhere (${code}): compare it with what bootstrap or tenant create showed, and see whether DNS has it.`
  if (code === 'ECONNREFUSED')
    return `Nobody listens at ${host} (${code}): is the server running, and is the port right?`
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return `The certificate of ${host} is for other names (${code}). A wildcard stands for one label: acme.eu.… needs *.eu.…, not *.….`
  if (isCertificateFault(code))
    return `The certificate of ${host} is not trusted here (${code}): name its authority with --ca-file or REGENT_CA_FILE.`
  if (code.includes('TIMEOUT')) return `${host} did not answer in time (${code}).`
  return `The connection to ${host} was lost (${code || 'no reason given'}).`
}
