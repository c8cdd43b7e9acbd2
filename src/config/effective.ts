/** The configuration as it is in effect, by variable, for people: passwords and keys are masked. */
import type { Config } from '../config.ts'
import { printOrigin } from '../tenancy/origin.ts'
import type { Region } from '../tenancy/region.ts'
import { REGION_SUFFIXES } from './variables.ts'

export function effectiveVariables(config: Config): Readonly<Record<string, string>> {
  return {
    PORT: String(config.port),
    HOST: config.host,
    REGENT_ORIGIN: printOrigin(config.origin),
    REGENT_TLS_CERT: config.tls?.cert ?? '',
    REGENT_TLS_KEY: config.tls?.key ?? '',
    REGENT_TRUST_PROXY: config.trustedProxies.join(','),
    REGENT_OPS_HOST: config.opsHost,
    REGENT_OPS_PORT: String(config.opsPort),
    REGENT_REGIONS: [...config.databases.keys()].join(','),
    ...Object.assign({}, ...[...config.databases.keys()].map((region) => databaseVariables(config, region))),
    DATABASE_CA_FILE: config.databaseAuthoritiesFile ?? '',
    REGENT_DB_POOL: String(config.databaseConnections),
    REGENT_DB_TIMEOUT: String(config.databaseTimeout),
    REGENT_DB_PREPARE: config.prepareStatements ? 'on' : 'off',
    ...Object.fromEntries(
      [...config.redisUrls].map(([region, url]) => [`REDIS_URL${REGION_SUFFIXES[region]}`, masked(url)]),
    ),
    REGENT_MAX_STALE: String(config.maxStale),
    REGENT_MEMORY_ENTRIES: String(config.memoryEntries),
    REGENT_ISSUANCE_LOG: config.issuance.mode,
    REGENT_ISSUANCE_LOG_DAYS: String(config.issuance.keepDays),
    REGENT_MASTER_KEYS: (config.masterKeys ?? []).map(({ id }) => `${id}:****`).join(','),
    REGENT_BCRYPT_COST: String(config.bcryptCost),
    REGENT_WORKERS: String(config.workers),
    UV_THREADPOOL_SIZE: String(config.threadPoolSize),
    REGENT_DRAIN: String(config.drain / 1000),
    REGENT_KEEP_ALIVE_TIMEOUT: String(config.limits.keepAliveTimeout / 1000),
    REGENT_HEADERS_TIMEOUT: String(config.limits.headersTimeout / 1000),
    REGENT_REQUEST_TIMEOUT: String(config.limits.requestTimeout / 1000),
    REGENT_MAX_CONNECTIONS: String(config.limits.maxConnections),
    REGENT_FAST_LANE: config.fastLane ? 'on' : 'off',
    LOG_LEVEL: config.logLevel,
  }
}

function databaseVariables({ databases }: Config, region: Region): Readonly<Record<string, string>> {
  const target = databases.get(region)
  if (target === undefined) return {}
  const suffix = REGION_SUFFIXES[region]
  return {
    [`DATABASE_URL${suffix}`]: masked(target.url),
    [`DATABASE_ADMIN_URL${suffix}`]: masked(target.adminUrl),
    [`DATABASE_DIRECT_URL${suffix}`]: masked(target.directUrl ?? target.url),
    [`DATABASE_REPLICA_URL${suffix}`]: target.replicaUrl === undefined ? '' : masked(target.replicaUrl),
  }
}

function masked(text: string): string {
  const url = new URL(text)
  if (url.password !== '') url.password = '****'
  // pg takes a password there too.
  if (url.searchParams.has('password')) url.searchParams.set('password', '****')
  return url.href
}
