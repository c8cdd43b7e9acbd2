/** Who is measured, and what each does for a token. Regent runs from its build, as deployed; the peers as they document. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { freePort } from '../test/support/postgres.ts'
import type { Algorithm } from '../src/oauth/signing.ts'
import { askOnce, type Place } from './place.ts'
import { tokenRequest } from './token-request.ts'

export type Running = {
  readonly pid: number
  readonly port: number
  /** The bytes of token requests, sent in turn. */
  readonly requests: readonly string[]
  /** How it is talked to; without it, over kept connections without TLS. */
  readonly tls?: 'kept' | 'new'
}
export type Contestant = {
  readonly name: string
  /** For each token, beside HTTP. */
  readonly does: string
  /** Kept on no core: one process for each that there is. */
  readonly spread?: true
  /** Left out of the two-minute look. */
  readonly long?: true
  readonly start: () => Promise<Running>
}

const REGENT =
  'address, form, secret by keyed digest, scope, audience, limits, RFC 9068 claims, signature, security headers, metrics, log, row of the issuance log'
const PEER_CLIENT = 'bench'
const PEER_SECRET = 'rgs_benchbenchbench1_0123456789012345678901234567890123456789012_000000'

export function contestants(place: Place) {
  const children = new Set<ChildProcess>()
  let answerBytes = 0

  const regent = async (more: Readonly<Record<string, string>>, algorithm: Algorithm = 'ES256') => {
    const requests = place.requests.get(algorithm) ?? []
    const node = await place.startNode(more)
    const [first = ''] = requests
    if (!('REGENT_TLS_CERT' in more)) answerBytes ||= (await askOnce(node.port, first)).length
    return { ...node, requests }
  }

  const peer = async (file: string): Promise<Running> => {
    const port = await freePort()
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', join(import.meta.dirname, 'contestants', `${file}.ts`)],
      {
        env: {
          PATH: process.env.PATH,
          NODE_ENV: 'production',
          PORT: String(port),
          BENCH_CLIENT_ID: PEER_CLIENT,
          BENCH_CLIENT_SECRET: PEER_SECRET,
          BENCH_ANSWER_BYTES: String(answerBytes),
        },
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    )
    children.add(child)
    await Promise.race([once(child.stdout, 'data'), once(child, 'exit').then(() => failed(file))])
    child.stdout.resume()
    const request = tokenRequest(new URL('http://localhost/bench/bench'), PEER_CLIENT, PEER_SECRET)
    await askOnce(port, request)
    return { pid: child.pid ?? 0, port, requests: [request] }
  }

  const list: readonly Contestant[] = [
    { name: FAST_LANE, does: REGENT, start: () => regent({}) },
    { name: EXPRESS_DOOR, does: REGENT, start: () => regent({ REGENT_FAST_LANE: 'off' }) },
    {
      name: LOG_OFF,
      does: `${REGENT}; no issuance log`,
      long: true,
      start: () => regent({ REGENT_ISSUANCE_LOG: 'off' }),
    },
    {
      name: LOG_DURABLE,
      does: `${REGENT}; answers once its row of the issuance log is committed`,
      long: true,
      start: () => regent({ REGENT_ISSUANCE_LOG: 'durable' }),
    },
    {
      name: 'Regent, RS256',
      does: `${REGENT}; RSA with 2,048 bits`,
      long: true,
      start: () => regent({}, 'RS256'),
    },
    {
      name: TWO_WORKERS,
      does: `${REGENT}; two workers and their primary, on all cores, beside the load`,
      spread: true,
      long: true,
      start: () => regent({ REGENT_WORKERS: '2' }),
    },
    {
      name: 'Regent, TLS, kept connections',
      does: `${REGENT}; TLS 1.3 ended by Regent`,
      long: true,
      start: async () => ({ ...(await regent(place.tls)), tls: 'kept' }),
    },
    {
      name: 'Regent, TLS, new connections',
      does: `${REGENT}; a whole handshake for each token, with an RSA certificate of 2,048 bits`,
      long: true,
      start: async () => ({ ...(await regent(place.tls)), tls: 'new' }),
    },
    {
      name: 'raw node:http',
      does: 'reads the body, answers as many bytes; no token',
      long: true,
      start: () => peer('raw-http'),
    },
    {
      name: RAW_SIGNATURE,
      does: 'reads the body, claims, one synchronous signature; checks nothing',
      start: () => peer('raw-http-es256'),
    },
    {
      name: STOCK_EXPRESS,
      does: 'form, secret by SHA-256, scope, claims, signature (jose), helmet, pino-http line',
      start: () => peer('stock-express'),
    },
    {
      name: OIDC_PROVIDER,
      does: 'form, plain secret compared, scope, resource, claims, signature (jose); memory adapter, JWT not stored',
      start: () => peer('oidc-provider'),
    },
    {
      name: NODE_OAUTH,
      does: 'form (Express), secret by SHA-256, scope, claims, one synchronous signature; model in memory, token not stored',
      long: true,
      start: () => peer('node-oauth'),
    },
  ]
  return {
    list,
    stop() {
      for (const child of children) child.kill('SIGKILL')
    },
  }
}

export const FAST_LANE = 'Regent'
export const EXPRESS_DOOR = 'Regent, Express door'
export const LOG_OFF = 'Regent, issuance log off'
export const LOG_DURABLE = 'Regent, issuance log durable'
export const TWO_WORKERS = 'Regent, 2 workers'
export const RAW_SIGNATURE = 'raw node:http with signature'
export const STOCK_EXPRESS = 'stock Express'
export const OIDC_PROVIDER = 'oidc-provider'
export const NODE_OAUTH = 'node-oauth'

function failed(file: string): never {
  throw new Error(`${file} did not start`)
}
