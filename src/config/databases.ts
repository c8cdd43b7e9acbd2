/**
 * Which database each region has. A region shares the one of tenants without a region only where that is written out, so
 * that nobody shares by forgetting; a database beyond this machine is encrypted unless the opposite is written out.
 */
import { isRegion, REGIONS, type Region } from '../tenancy/region.ts'
import { readAuthorities } from './authorities.ts'
import { requireDatabaseUrl } from './database-url.ts'
import { named, REGION_SUFFIXES, type Named, type Variables } from './variables.ts'

/** A database as the environment names it. */
export type DatabaseTarget = {
  readonly url: string
  readonly variable: string
  /** For migrations: past a pooler, by a login that may create. */
  readonly adminUrl: string
  readonly adminVariable: string
  /** For LISTEN, past a pooler; undefined where `url` leads to the server itself. */
  readonly directUrl: string | undefined
  /** A copy that may be behind, for reads that can tell. */
  readonly replicaUrl: string | undefined
  /** In PEM: who may vouch for the server's certificate. Undefined means those that Node brings. */
  readonly authorities: string | undefined
}

export type Databases = ReadonlyMap<Region, DatabaseTarget>

const BESIDE = { admin: 'DATABASE_ADMIN_URL', direct: 'DATABASE_DIRECT_URL', replica: 'DATABASE_REPLICA_URL' }

/**
 * All that are named; empty where none is, and the embedded one is meant.
 * @param authoritiesFile DATABASE_CA_FILE
 */
export function readDatabases(
  variables: Variables,
  authoritiesFile: string | undefined,
  faults: string[],
): Databases {
  const authorities = readAuthorities(authoritiesFile, faults)
  const databases = new Map<Region, DatabaseTarget>()
  for (const region of REGIONS) {
    const own = named(variables, 'DATABASE_URL', region)
    const admin = named(variables, BESIDE.admin, region)
    const direct = named(variables, BESIDE.direct, region)
    const replica = named(variables, BESIDE.replica, region)
    const shares = region !== 'none' && own?.text === 'default'
    if (own === undefined || shares) {
      requireNothingBeside([admin, direct, replica], region, faults)
      if (shares) share(databases, region, own.variable, faults)
      continue
    }
    for (const one of [own, admin, direct, replica]) {
      if (one !== undefined) requireDatabaseUrl(one, authorities !== undefined, faults)
    }
    databases.set(region, {
      url: own.text,
      variable: own.variable,
      adminUrl: (admin ?? own).text,
      adminVariable: (admin ?? own).variable,
      directUrl: direct?.text,
      replicaUrl: replica?.text,
      authorities,
    })
  }
  return databases
}

/** What would be read by nobody is a mistake of whoever wrote it. */
function requireNothingBeside(
  beside: readonly (Named | undefined)[],
  region: Region,
  faults: string[],
): void {
  for (const one of beside) {
    if (one === undefined) continue
    const main = `DATABASE_URL${REGION_SUFFIXES[region]}`
    faults.push(
      `${one.variable} is set, but the region has no database of its own: set ${main} to a URL too, or remove ${one.variable}`,
    )
  }
}

function share(databases: Map<Region, DatabaseTarget>, region: Region, variable: string, faults: string[]) {
  const target = databases.get('none')
  if (target !== undefined) databases.set(region, target)
  else {
    faults.push(
      `${variable} is 'default', but DATABASE_URL is not set: set it, or give the region its own database`,
    )
  }
}

/** REGENT_REGIONS narrows down what this node serves; each region it names needs a database. */
export function readServed(text: string | undefined, databases: Databases, faults: string[]): Databases {
  if (text === undefined) return databases
  const served = new Map<Region, DatabaseTarget>()
  for (const name of text.split(',').map((part) => part.trim())) {
    const target = isRegion(name) ? databases.get(name) : undefined
    if (!isRegion(name)) faults.push(`REGENT_REGIONS must be of ${REGIONS.join(', ')}, as in none,eu`)
    else if (target !== undefined) served.set(name, target)
    else {
      const variable = `DATABASE_URL${REGION_SUFFIXES[name]}`
      const remedy = name === 'none' ? 'set it to a URL' : 'set it to a URL, or to default'
      faults.push(`REGENT_REGIONS names ${name}, but ${variable} is not set: ${remedy}`)
    }
  }
  return served
}
