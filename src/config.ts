/**
 * The configuration: the one file that reads the environment. All faults are reported at once, each by the name of its
 * variable, with what would be right; no value of a secret is ever repeated. `.env.example` explains each variable.
 */
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import type { LogLevel } from './observe/log.ts'
import { parseMasterKeys, type MasterKeys } from './sealing/master-keys.ts'
import type { HttpLimits } from './server/http-server.ts'
import { isNetwork } from './server/peer.ts'
import { OperatorError } from './storage/operator-error.ts'
import { parseOrigin, printOrigin, type Origin } from './tenancy/origin.ts'
import { isRegion, REGIONS, type Region } from './tenancy/region.ts'

/** A database as the environment names it. */
export type DatabaseTarget = {
  readonly url: string
  readonly variable: string
  /** For migrations: past a pooler, by a login that may create. */
  readonly adminUrl: string
  readonly adminVariable: string
}

export type Config = {
  readonly port: number
  readonly host: string
  readonly origin: Origin
  /** Regions by the database that holds them; empty where no database is named, and the embedded one is meant. */
  readonly databases: ReadonlyMap<Region, DatabaseTarget>
  readonly databaseConnections: number
  /** Milliseconds. */
  readonly databaseTimeout: number
  /** Undefined where none are given. */
  readonly masterKeys: MasterKeys | undefined
  readonly trustedProxies: readonly string[]
  readonly bcryptCost: number
  readonly opsHost: string
  readonly opsPort: number
  readonly limits: HttpLimits
  /** Milliseconds that listeners stay open after the signal to stop. */
  readonly drain: number
  readonly logLevel: LogLevel
}

export type Environment = Readonly<Record<string, string | undefined>>

/** Variables that may also be given as a file: `NAME_FILE=/run/secrets/name`. */
const REGION_SUFFIXES: Record<Region, string> = { none: '', au: '_AU', eu: '_EU', us: '_US' }
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]', '::1', ''])

/**
 * @param overrides what a command's options say of the same variables
 * @throws OperatorError that lists every fault
 */
export function readConfig(overrides: Environment = {}, environment: Environment = process.env): Config {
  const faults: string[] = []
  const variables = variableReader((name) => overrides[name] ?? environment[name], faults)

  const plain = readPlain(variables, faults)
  const config: Config = {
    ...plain,
    origin: readOrigin(variables('REGENT_ORIGIN') ?? `http://localhost:${plain.port}`, faults),
    databases: readDatabases(variables, faults),
    masterKeys: readMasterKeys(variables('REGENT_MASTER_KEYS'), faults),
  }
  if (faults.length > 0) {
    throw new OperatorError(
      `The configuration has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`,
    )
  }
  return config
}

/** By variable, as it is in effect; passwords and keys are masked. */
export function effectiveVariables(config: Config): Readonly<Record<string, string>> {
  const databases = [...config.databases].flatMap(([region, { url, adminUrl }]) => [
    [`DATABASE_URL${REGION_SUFFIXES[region]}`, masked(url)],
    [`DATABASE_ADMIN_URL${REGION_SUFFIXES[region]}`, masked(adminUrl)],
  ])
  return {
    PORT: String(config.port),
    HOST: config.host,
    REGENT_ORIGIN: printOrigin(config.origin),
    REGENT_TRUST_PROXY: config.trustedProxies.join(','),
    REGENT_OPS_HOST: config.opsHost,
    REGENT_OPS_PORT: String(config.opsPort),
    REGENT_REGIONS: [...config.databases.keys()].join(','),
    ...(Object.fromEntries(databases) as Record<string, string>),
    REGENT_DB_POOL: String(config.databaseConnections),
    REGENT_DB_TIMEOUT: String(config.databaseTimeout),
    REGENT_MASTER_KEYS: (config.masterKeys ?? []).map(({ id }) => `${id}:****`).join(','),
    REGENT_BCRYPT_COST: String(config.bcryptCost),
    REGENT_DRAIN: String(config.drain / 1000),
    REGENT_KEEP_ALIVE_TIMEOUT: String(config.limits.keepAliveTimeout / 1000),
    REGENT_HEADERS_TIMEOUT: String(config.limits.headersTimeout / 1000),
    REGENT_REQUEST_TIMEOUT: String(config.limits.requestTimeout / 1000),
    REGENT_MAX_CONNECTIONS: String(config.limits.maxConnections),
    LOG_LEVEL: config.logLevel,
  }
}

function masked(text: string): string {
  const url = new URL(text)
  if (url.password !== '') url.password = '****'
  // pg takes a password there too.
  if (url.searchParams.has('password')) url.searchParams.set('password', '****')
  return url.href
}

type Variables = (name: string) => string | undefined

const PLAIN = z.object({
  PORT: wholeNumber(1, 65_535, '8080').default(8080),
  HOST: z.string().default('127.0.0.1'),
  REGENT_DB_POOL: wholeNumber(1, 100, '4').default(4),
  REGENT_DB_TIMEOUT: wholeNumber(100, 60_000, '1000').default(1000),
  REGENT_BCRYPT_COST: wholeNumber(4, 15, '10').default(10),
  REGENT_OPS_HOST: z.string().default('127.0.0.1'),
  REGENT_OPS_PORT: wholeNumber(1, 65_535, '9090').default(9090),
  REGENT_DRAIN: wholeNumber(0, 25, '5').default(5),
  REGENT_KEEP_ALIVE_TIMEOUT: wholeNumber(1, 3600, '75').default(75),
  REGENT_HEADERS_TIMEOUT: wholeNumber(1, 60, '5').default(5),
  REGENT_REQUEST_TIMEOUT: wholeNumber(1, 300, '10').default(10),
  REGENT_MAX_CONNECTIONS: wholeNumber(1, 1_000_000, '10000').default(10_000),
  LOG_LEVEL: z
    .enum(['debug', 'info', 'warn', 'error', 'silent'], 'must be debug, info, warn, error or silent')
    .default('info'),
  REGENT_TRUST_PROXY: z
    .string()
    .default('')
    .transform((text) => text.split(',').flatMap((part) => part.trim() || []))
    .refine(
      (networks) => networks.every(isNetwork),
      'must be addresses or subnets, as in 10.0.0.0/8,192.168.1.1',
    ),
})

function readPlain(variables: Variables, faults: string[]) {
  const given = Object.fromEntries(Object.keys(PLAIN.shape).map((name) => [name, variables(name)]))
  const { data, error } = PLAIN.safeParse(given)
  for (const { path, message } of error?.issues ?? []) faults.push(`${path.join('.')} ${message}`)
  const values = data ?? PLAIN.parse({})
  return {
    port: values.PORT,
    host: values.HOST,
    databaseConnections: values.REGENT_DB_POOL,
    databaseTimeout: values.REGENT_DB_TIMEOUT,
    bcryptCost: values.REGENT_BCRYPT_COST,
    trustedProxies: values.REGENT_TRUST_PROXY,
    opsHost: values.REGENT_OPS_HOST,
    opsPort: values.REGENT_OPS_PORT,
    drain: values.REGENT_DRAIN * 1000,
    limits: {
      keepAliveTimeout: values.REGENT_KEEP_ALIVE_TIMEOUT * 1000,
      headersTimeout: values.REGENT_HEADERS_TIMEOUT * 1000,
      requestTimeout: values.REGENT_REQUEST_TIMEOUT * 1000,
      maxConnections: values.REGENT_MAX_CONNECTIONS,
    },
    logLevel: values.LOG_LEVEL,
  }
}

function wholeNumber(least: number, most: number, example: string) {
  const sentence = `must be a whole number from ${least} to ${most}, as in ${example}`
  return z
    .string()
    .regex(/^[0-9]+$/, sentence)
    .transform(Number)
    .refine((value) => value >= least && value <= most, sentence)
}

function readOrigin(text: string, faults: string[]): Origin {
  const origin = parseOrigin(text)
  if (origin === undefined) {
    faults.push(
      'REGENT_ORIGIN must be scheme, domain in lower case and port, as in https://authz.example.com',
    )
  }
  return origin ?? { scheme: 'http', baseDomain: 'localhost', port: 8080 }
}

function readMasterKeys(text: string | undefined, faults: string[]): MasterKeys | undefined {
  if (text === undefined) return undefined
  const keys = parseMasterKeys(text)
  if (typeof keys !== 'string') return keys
  faults.push(`REGENT_MASTER_KEYS: ${keys}`)
  return undefined
}

function readDatabases(variables: Variables, faults: string[]): ReadonlyMap<Region, DatabaseTarget> {
  const named = (region: Region, stem: string) => {
    const variable = stem + REGION_SUFFIXES[region]
    const url = variables(variable)
    return url === undefined ? undefined : { variable, url }
  }
  const databases = new Map<Region, DatabaseTarget>()
  for (const region of REGIONS) {
    const own = named(region, 'DATABASE_URL')
    if (own === undefined) continue
    // Sharing the default region's database is written out, so that nobody shares by forgetting.
    const shared = region !== 'none' && own.url === 'default'
    const target = shared ? named('none', 'DATABASE_URL') : own
    const admin = named(shared ? 'none' : region, 'DATABASE_ADMIN_URL') ?? target
    if (target === undefined || admin === undefined) {
      faults.push(
        `${own.variable} is 'default', but DATABASE_URL is not set: set it, or give the region its own database`,
      )
      continue
    }
    for (const { variable, url } of new Set([target, admin])) requireDatabaseUrl(variable, url, faults)
    databases.set(region, { ...target, adminUrl: admin.url, adminVariable: admin.variable })
  }
  return readServed(variables('REGENT_REGIONS'), databases, faults)
}

/** REGENT_REGIONS narrows down what this node serves; each region it names needs a database. */
function readServed(
  text: string | undefined,
  databases: ReadonlyMap<Region, DatabaseTarget>,
  faults: string[],
): ReadonlyMap<Region, DatabaseTarget> {
  if (text === undefined) return databases
  const served = new Map<Region, DatabaseTarget>()
  for (const name of text.split(',').map((part) => part.trim())) {
    const target = isRegion(name) ? databases.get(name) : undefined
    if (!isRegion(name)) faults.push(`REGENT_REGIONS must be of ${REGIONS.join(', ')}, as in none,eu`)
    else if (target !== undefined) served.set(name, target)
    else if (databases.size > 0) {
      faults.push(
        `REGENT_REGIONS names ${name}, but DATABASE_URL${REGION_SUFFIXES[name]} is not set: set it to a URL, or to default`,
      )
    }
  }
  return served
}

function requireDatabaseUrl(variable: string, text: string, faults: string[]): void {
  const example = 'as in postgres://regent:secret@db.example.com:5432/regent?sslmode=verify-full'
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^postgres(?:ql)?:$/.test(url.protocol)) {
    faults.push(`${variable} must be a PostgreSQL URL, ${example}`)
  } else if (
    !LOOPBACK.has(url.hostname) &&
    !url.searchParams.has('sslmode') &&
    !url.searchParams.has('host')
  ) {
    faults.push(
      `${variable} leads beyond this machine without encryption: add sslmode=verify-full (or write sslmode=disable), ${example}`,
    )
  }
}

function variableReader(given: Variables, faults: string[]): Variables {
  return (name) => {
    const file = given(`${name}_FILE`)
    const value = given(name)
    if (file === undefined || file === '') return value === '' ? undefined : value
    if (value !== undefined && value !== '') {
      const fault = `${name} and ${name}_FILE are both set: keep one`
      if (!faults.includes(fault)) faults.push(fault)
      return value
    }
    try {
      return readFileSync(file, 'utf8').trim()
    } catch (error) {
      const fault = `${name}_FILE cannot be read (${(error as NodeJS.ErrnoException).code}): name a file that this user can read`
      if (!faults.includes(fault)) faults.push(fault)
      return undefined
    }
  }
}
