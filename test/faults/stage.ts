/**
 * The place where faults happen: a primary and a replica, three ways to them that can be disturbed, nodes of
 * `regent serve`, and everybody who asks. All of it is on this machine, in processes of its own, and gone afterwards.
 */
import { chmodSync, mkdirSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ClientId } from '../../src/ids.ts'
import { migrateUp } from '../../src/storage/migrate.ts'
import { openAdminSession } from '../../src/storage/open-admin.ts'
import { createRoles } from '../../src/storage/roles.ts'
import type { Region } from '../../src/tenancy/region.ts'
import { createDatabase } from '../support/postgres.ts'
import { startLoad } from './load/load.ts'
import { BCRYPT_COST, MASTER_KEYS, openChanges, ORIGIN, PATIENT } from './place/changes.ts'
import { startClerk } from './place/clerk.ts'
import { openCluster } from './place/cluster.ts'
import { mountDisk } from './place/disk.ts'
import { openNode } from './place/node.ts'
import { createCaller, createPopulation, inParallel, type Party } from './place/population.ts'
import { startReaper } from './place/reaper.ts'
import { openWays } from './place/ways.ts'

export type Stage = Awaited<ReturnType<typeof openStage>>
export type StageSettings = {
  readonly nodes: number
  /** Tenants of each region, workspaces of each tenant, clients of each workspace. */
  readonly tenants: number
  readonly workspaces: number
  readonly clients: number
  /** Connections to each node. */
  readonly connections: number
  /** Requests a second; 0: as fast as they are answered. */
  readonly rate: number
  readonly onProgress?: (line: string) => void
}

export const STAGE_REGIONS: readonly Region[] = ['none', 'eu']
const SUBJECTS = 2
const DISK_MB = 640

export async function openStage(settings: StageSettings) {
  const { onProgress = () => {} } = settings
  const reaper = startReaper()
  try {
    return await setUp(settings, reaper, onProgress)
  } catch (error) {
    await reaper.reap()
    throw error
  }
}

async function setUp(
  settings: StageSettings,
  reaper: ReturnType<typeof startReaper>,
  onProgress: (line: string) => void,
) {
  const folder = mkdtempSync(join(tmpdir(), 'regent-faults-'))
  chmodSync(folder, 0o755) // servers run as another user when we are root
  reaper.folder(folder)
  const logs = join(folder, 'logs')
  mkdirSync(logs)
  chmodSync(logs, 0o777)
  const disk = mountDisk(join(folder, 'disk'), DISK_MB, reaper)
  if (!disk.isOwn) chmodSync(disk.folder, 0o777)

  onProgress('a primary and a replica')
  const cluster = await openCluster({ folder: disk.folder, logs, reaper })
  const target = () => ({ host: '127.0.0.1', port: cluster.primary().port })
  const replica = () => ({ ...target(), port: cluster.replica().port })
  const proxies = await openWays({ primary: target(), direct: target(), replica: replica() }, reaper)
  const databases = await createDatabases(cluster.primary().url)
  const urlOf = (region: Region, way: keyof typeof proxies) => {
    const url = new URL(databases.get(region)?.url ?? '')
    url.port = String(proxies[way].port)
    return url.href
  }

  onProgress('tenants, workspaces, clients')
  const ofRegion = (region: Region) => population.parties.filter((party) => party.region === region)
  const [unhurried, closeUnhurried] = await openAllChanges(urlOf, PATIENT)
  const population = await createPopulation(unhurried, STAGE_REGIONS, settings)
  const subjects = await createSubjects(
    unhurried,
    STAGE_REGIONS.flatMap((region) => ofRegion(region).slice(0, SUBJECTS)),
  )
  await closeUnhurried()
  const [needs, closeChanges] = await openAllChanges(urlOf)

  onProgress(`${settings.nodes} nodes`)
  const environment = {
    REGENT_ORIGIN: ORIGIN,
    REGENT_MASTER_KEYS: MASTER_KEYS,
    REGENT_BCRYPT_COST: String(BCRYPT_COST),
    REGENT_DRAIN: '2',
    ...Object.fromEntries(
      STAGE_REGIONS.flatMap((region) => {
        const suffix = region === 'none' ? '' : `_${region.toUpperCase()}`
        return [
          [`DATABASE_URL${suffix}`, urlOf(region, 'primary')],
          [`DATABASE_DIRECT_URL${suffix}`, urlOf(region, 'direct')],
          [`DATABASE_REPLICA_URL${suffix}`, urlOf(region, 'replica')],
        ]
      }),
    ),
  }
  const nodes = await Promise.all(
    Array.from({ length: settings.nodes }, (_, index) => {
      const name = `node-${index + 1}`
      return openNode({ name, environment, log: join(logs, `${name}.log`), reaper })
    }),
  )
  await Promise.all(nodes.map((node) => node.start()))
  const load = startLoad({ ...settings, nodes, population })
  const clerk = startClerk(
    needs,
    STAGE_REGIONS.map((region) => ofRegion(region).at(-1) as Party),
  )

  return {
    folder,
    reaper,
    disk,
    cluster,
    proxies,
    databases,
    nodes,
    population,
    subjects,
    load,
    clerk,
    needs,
    urlOf,

    /** After a fail-over: the ways lead to whoever is what they are named after. */
    async leadAnew() {
      await proxies.primary.leadTo(target())
      await proxies.direct.leadTo(target())
      await proxies.replica.leadTo(replica())
    },

    /** Asked of the primary by its superuser, past everything that is disturbed. */
    lookUp: <Row extends object>(region: Region, text: string, values: readonly unknown[] = []) =>
      cluster.primary().ask<Row & Record<string, unknown>>(text, values, databases.get(region)?.name),

    /** What the load leaves in the issuance log: a long run would fill the disk by itself. */
    async emptyLog() {
      for (const { name } of databases.values())
        await cluster.primary().ask('truncate regent.issuance', [], name)
    },

    async close() {
      // Nothing is waited for that a fault may have left hanging: the reaper kills what there is.
      void clerk.stop()
      void load.stop()
      await reaper.reap()
      void closeChanges()
    },
  }
}

/** @returns changes by region, and what closes their connections */
async function openAllChanges(urlOf: (region: Region, way: 'primary') => string, limits?: typeof PATIENT) {
  const open = new Map<Region, Awaited<ReturnType<typeof openChanges>>>()
  for (const region of STAGE_REGIONS)
    open.set(region, await openChanges(urlOf(region, 'primary'), region, 4, limits))
  const needs = (region: Region) => {
    const found = open.get(region)
    if (found === undefined) throw new Error(`no database holds the region ${region}`)
    return found.needs
  }
  const close = async () => void (await Promise.all([...open.values()].map((each) => each.close())))
  return [needs, close] as const
}

/** One for each region, in the same server. */
async function createDatabases(server: string) {
  const made = new Map<Region, Awaited<ReturnType<typeof createDatabase>>>()
  for (const region of STAGE_REGIONS) {
    const database = await createDatabase(server)
    const session = await openAdminSession(database.adminUrl, 'DATABASE_ADMIN_URL')
    await createRoles(session.client, new URL(database.url).username)
    await migrateUp({ client: session.client }, [region])
    await session.close()
    made.set(region, database)
  }
  return made
}

/** Clients whom changes are tried on; the load leaves them alone. */
async function createSubjects(needs: Parameters<typeof createPopulation>[0], parties: readonly Party[]) {
  const subjects: Awaited<ReturnType<typeof createCaller>>[] = []
  await inParallel(parties, async (party) => {
    subjects.push(await createCaller(needs(party.region), party, 'subject' as ClientId, false))
  })
  return subjects
}
