/**
 * The configuration: the one file that reads the environment. All faults are reported at once, each by the name of its
 * variable, with what would be right; no value of a secret is ever repeated. `.env.example` explains each variable, and
 * the folder `config/` has a file for each kind.
 */
import { readConnection, type ConnectionConfig } from './config/connection.ts'
import { readDatabases, readServed, type Databases } from './config/databases.ts'
import { readPlain, type PlainConfig } from './config/plain.ts'
import { readRedisUrls } from './config/redis.ts'
import { readTls } from './config/tls.ts'
import { variableReader } from './config/variables.ts'
import { parseMasterKeys, type MasterKeys } from './sealing/master-keys.ts'
import type { CertificateFiles } from './server/certificate.ts'
import { OperatorError } from './storage/operator-error.ts'
import { parseOrigin, type Origin } from './tenancy/origin.ts'
import type { Region } from './tenancy/region.ts'

export type Config = PlainConfig & {
  readonly origin: Origin
  /** Regions by the database that holds them; empty where no database is named, and the embedded one is meant. */
  readonly databases: Databases
  /** What `authorities` of each database were read from. */
  readonly databaseAuthoritiesFile: string | undefined
  /** Of the regions that have one. */
  readonly redisUrls: ReadonlyMap<Region, string>
  /** Undefined where a proxy ends TLS. */
  readonly tls: CertificateFiles | undefined
  /** Undefined where none are given. */
  readonly masterKeys: MasterKeys | undefined
}

export type Environment = Readonly<Record<string, string | undefined>>

/** What a server for production cannot be without. */
export type ServerConfig = Config & { readonly masterKeys: MasterKeys }

/**
 * @param overrides what a command's options say of the same variables
 * @throws OperatorError that lists every fault
 */
export function readConfig(overrides: Environment = {}, environment: Environment = process.env): Config {
  const faults: string[] = []
  const config = read(overrides, environment, faults)
  if (faults.length > 0) throw printed(faults)
  return config
}

/** @throws OperatorError that lists every fault, and missing master keys among them */
export function readServerConfig(environment: Environment = process.env): ServerConfig {
  const faults: string[] = []
  const config = read({}, environment, faults)
  const { masterKeys } = config
  if (masterKeys === undefined && !faults.some((fault) => fault.startsWith('REGENT_MASTER_KEYS'))) {
    faults.push(
      'REGENT_MASTER_KEYS is not set, and without a master key no signing key can be sealed or opened: make one with  echo "$(date +%Y-%m):$(openssl rand -base64 32)"  and keep it where the database is not',
    )
  }
  if (masterKeys === undefined || faults.length > 0) throw printed(faults)
  return { ...config, masterKeys }
}

/**
 * What the command line needs to speak to a server; the server's own variables are none of it.
 * @throws OperatorError that lists every fault
 */
export function readConnectionConfig(environment: Environment = process.env): ConnectionConfig {
  const faults: string[] = []
  const connection = readConnection((name) => environment[name], faults)
  if (faults.length > 0) throw printed(faults)
  return connection
}

function read(overrides: Environment, environment: Environment, faults: string[]): Config {
  const given = (name: string) => overrides[name] ?? environment[name]
  const variables = variableReader(given, faults)

  const plain = readPlain(variables, faults)
  const databaseAuthoritiesFile = given('DATABASE_CA_FILE') || undefined
  const databases = readDatabases(variables, databaseAuthoritiesFile, faults)
  const served = readServed(variables('REGENT_REGIONS'), databases, faults)
  const origin = readOrigin(variables('REGENT_ORIGIN') ?? `http://localhost:${plain.port}`, faults)
  return {
    ...plain,
    origin,
    tls: readTls(given, origin, faults),
    databases: served,
    databaseAuthoritiesFile,
    redisUrls: ofServed(readRedisUrls(variables, faults), served),
    masterKeys: readMasterKeys(variables('REGENT_MASTER_KEYS'), faults),
  }
}

function printed(faults: readonly string[]): OperatorError {
  const count = faults.length === 1 ? 'a fault' : `${faults.length} faults`
  return new OperatorError(
    `The configuration has ${count}:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`,
  )
}

/** A node has nothing to do with what belongs to regions that it does not serve. The embedded database serves all. */
function ofServed(urls: ReadonlyMap<Region, string>, served: Databases): ReadonlyMap<Region, string> {
  return served.size === 0 ? urls : new Map([...urls].filter(([region]) => served.has(region)))
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
  faults.push(`REGENT_MASTER_KEYS: ${keys}, as in 2026-11:$(openssl rand -base64 32)`)
  return undefined
}
