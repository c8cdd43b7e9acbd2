/**
 * The variables that are one plain value each: numbers, words, lists. A new one is a line in `PLAIN`, a line in
 * `readPlain`, one in `src/config/effective.ts` and its explanation in `.env.example`.
 */
import { isIP } from 'node:net'
import { z } from 'zod'
import type { LogLevel } from '../observe/log.ts'
import type { HttpLimits } from '../server/http-server.ts'
import { isNetwork } from '../server/peer.ts'
import type { IssuanceSettings } from '../server/served-region.ts'
import type { Variables } from './variables.ts'

export type PlainConfig = {
  readonly port: number
  readonly host: string
  readonly trustedProxies: readonly string[]
  readonly databaseConnections: number
  /** Milliseconds. */
  readonly databaseTimeout: number
  /** Off behind a pooler that hands each transaction to another session. */
  readonly prepareStatements: boolean
  /** Seconds that a node may serve from memory without having read changes. */
  readonly maxStale: number
  /** Who got which token: whether it is written down, and the days that it is kept. */
  readonly issuance: IssuanceSettings
  /** Clients that memory holds at most. */
  readonly memoryEntries: number
  readonly bcryptCost: number
  /** Processes that answer requests; with more than one, another one keeps them. */
  readonly workers: number
  /** Threads that Node has for what blocks, bcrypt among it. */
  readonly threadPoolSize: number
  readonly opsHost: string
  readonly opsPort: number
  readonly limits: HttpLimits
  /** Whether what is asked most is answered before Express is entered. */
  readonly fastLane: boolean
  /** Milliseconds that listeners stay open after the signal to stop. */
  readonly drain: number
  readonly logLevel: LogLevel
}

const PLAIN = z.object({
  PORT: wholeNumber(1, 65_535, '8080').default(8080),
  HOST: listeningHost().default('127.0.0.1'),
  REGENT_TRUST_PROXY: z
    .string()
    .default('')
    .transform((text) => text.split(',').flatMap((part) => part.trim() || []))
    .refine(
      (networks) => networks.every(isNetwork),
      'must be addresses or subnets, as in 10.0.0.0/8,192.168.1.1',
    ),
  REGENT_DB_POOL: wholeNumber(1, 100, '4').default(4),
  REGENT_DB_TIMEOUT: wholeNumber(100, 60_000, '1000').default(1000),
  REGENT_DB_PREPARE: onOrOff(),
  REGENT_MAX_STALE: wholeNumber(60, 604_800, '3600').default(3600),
  REGENT_MEMORY_ENTRIES: wholeNumber(1000, 10_000_000, '100000').default(100_000),
  REGENT_ISSUANCE_LOG: z
    .enum(['off', 'async', 'durable'], 'must be off, async or durable, as in async')
    .default('async'),
  REGENT_ISSUANCE_LOG_DAYS: wholeNumber(1, 366, '7').default(7),
  REGENT_BCRYPT_COST: wholeNumber(4, 15, '10').default(10),
  REGENT_WORKERS: wholeNumber(1, 256, '2').default(1),
  UV_THREADPOOL_SIZE: wholeNumber(1, 1024, '4').default(4),
  REGENT_OPS_HOST: listeningHost().default('127.0.0.1'),
  REGENT_OPS_PORT: wholeNumber(1, 65_535, '9090').default(9090),
  REGENT_DRAIN: wholeNumber(0, 25, '5').default(5),
  REGENT_KEEP_ALIVE_TIMEOUT: wholeNumber(1, 3600, '75').default(75),
  REGENT_HEADERS_TIMEOUT: wholeNumber(1, 60, '5').default(5),
  REGENT_REQUEST_TIMEOUT: wholeNumber(1, 300, '10').default(10),
  REGENT_MAX_CONNECTIONS: wholeNumber(1, 1_000_000, '10000').default(10_000),
  REGENT_FAST_LANE: onOrOff(),
  LOG_LEVEL: z
    .enum(['debug', 'info', 'warn', 'error', 'silent'], 'must be debug, info, warn, error or silent')
    .default('info'),
})

export function readPlain(variables: Variables, faults: string[]): PlainConfig {
  const given = Object.fromEntries(Object.keys(PLAIN.shape).map((name) => [name, variables(name)]))
  const { data, error } = PLAIN.safeParse(given)
  for (const { path, message } of error?.issues ?? []) faults.push(`${path.join('.')} ${message}`)
  const values = data ?? PLAIN.parse({})
  requireTogether(values, faults)
  return {
    port: values.PORT,
    host: values.HOST,
    trustedProxies: values.REGENT_TRUST_PROXY,
    databaseConnections: values.REGENT_DB_POOL,
    databaseTimeout: values.REGENT_DB_TIMEOUT,
    prepareStatements: values.REGENT_DB_PREPARE === 'on',
    maxStale: values.REGENT_MAX_STALE,
    memoryEntries: values.REGENT_MEMORY_ENTRIES,
    issuance: { mode: values.REGENT_ISSUANCE_LOG, keepDays: values.REGENT_ISSUANCE_LOG_DAYS },
    bcryptCost: values.REGENT_BCRYPT_COST,
    workers: values.REGENT_WORKERS,
    threadPoolSize: values.UV_THREADPOOL_SIZE,
    opsHost: values.REGENT_OPS_HOST,
    opsPort: values.REGENT_OPS_PORT,
    drain: values.REGENT_DRAIN * 1000,
    limits: {
      keepAliveTimeout: values.REGENT_KEEP_ALIVE_TIMEOUT * 1000,
      headersTimeout: values.REGENT_HEADERS_TIMEOUT * 1000,
      requestTimeout: values.REGENT_REQUEST_TIMEOUT * 1000,
      maxConnections: values.REGENT_MAX_CONNECTIONS,
    },
    fastLane: values.REGENT_FAST_LANE === 'on',
    logLevel: values.LOG_LEVEL,
  }
}

/** What is right alone and wrong together. */
function requireTogether(values: z.output<typeof PLAIN>, faults: string[]): void {
  const { PORT, HOST, REGENT_OPS_PORT, REGENT_OPS_HOST } = values
  // Where one of them is every address of this machine, the other is among them.
  const shared =
    HOST === REGENT_OPS_HOST || [HOST, REGENT_OPS_HOST].some((host) => /^(?:0\.0\.0\.0|::)$/.test(host))
  if (PORT === REGENT_OPS_PORT && shared) {
    faults.push(`REGENT_OPS_PORT must be another port than PORT, as in ${PORT === 9090 ? 9091 : 9090}`)
  }
  if (values.REGENT_HEADERS_TIMEOUT > values.REGENT_REQUEST_TIMEOUT) {
    faults.push(
      `REGENT_HEADERS_TIMEOUT must not be longer than REGENT_REQUEST_TIMEOUT, which the headers are a part of, as in ${values.REGENT_REQUEST_TIMEOUT}`,
    )
  }
}

function onOrOff() {
  return z.enum(['on', 'off'], 'must be on or off, as in on').default('on')
}

function listeningHost() {
  return z
    .string()
    .refine(
      (text) => isIP(text) > 0 || /^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(text),
      'must be an address or a name of this machine, as in 0.0.0.0',
    )
}

function wholeNumber(least: number, most: number, example: string) {
  const sentence = `must be a whole number from ${least} to ${most}, as in ${example}`
  return z
    .string()
    .regex(/^[0-9]+$/, sentence)
    .transform(Number)
    .refine((value) => value >= least && value <= most, sentence)
}
