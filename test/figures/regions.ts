/**
 * Two regions that share nothing: each with a PostgreSQL server of its own, and a node that serves it alone although it was
 * told of both. What is planted in a region carries a mark in every text that somebody may choose.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { createClient } from '../../src/changes/client-changes.ts'
import { createResourceServer } from '../../src/changes/create-resource-server.ts'
import { createTenant } from '../../src/changes/create-tenant.ts'
import { createWorkspace } from '../../src/changes/create-workspace.ts'
import { createSecret } from '../../src/changes/credential-changes.ts'
import { grantScopes } from '../../src/changes/scope-changes.ts'
import type { ClientId } from '../../src/ids.ts'
import { keyring } from '../../src/keys/keyring.ts'
import { parseMasterKeys } from '../../src/sealing/master-keys.ts'
import { deriveKeys } from '../../src/sealing/derive.ts'
import { sealing } from '../../src/sealing/seal.ts'
import { openPostgres } from '../../src/storage/open-postgres.ts'
import { database } from '../../src/storage/transaction.ts'
import { parseOrigin } from '../../src/tenancy/origin.ts'
import { runCommand, startCommand } from '../support/command.ts'
import { noteSecret } from '../support/noted-secrets.ts'
import { createDatabase, freePort, startPostgres } from '../support/postgres.ts'
import { openTcpProxy } from '../support/tcp-proxy.ts'
import { LIMITS, MASTER_KEYS } from '../support/world.ts'

export type OwnRegion = 'eu' | 'au'
export type Planted = Awaited<ReturnType<typeof plant>>
export type Home = Awaited<ReturnType<typeof openHome>>

export const ORIGIN = 'https://token.example'

/** A server of its own, and a way to it that counts who comes. */
export async function openHome(region: OwnRegion) {
  const server = await startPostgres()
  const own = await createDatabase(server.url)
  const way = await openTcpProxy({ host: '127.0.0.1', port: Number(new URL(server.url).port) })
  const url = new URL(own.url)
  url.port = String(way.port)
  const query = async (text: string) => {
    const client = new pg.Client({ connectionString: own.superuserUrl })
    await client.connect()
    return client.query<{ text: string }>(text).finally(() => client.end())
  }
  const suffix = region.toUpperCase()

  return {
    region,
    url: own.url,
    connections: way.opened,
    environment: { [`DATABASE_URL_${suffix}`]: url.href, [`DATABASE_ADMIN_URL_${suffix}`]: own.adminUrl },

    /** Every row of every table that is not PostgreSQL's own, as text. */
    async dump(): Promise<string> {
      const { rows } = await query(
        `select format('select t::text as text from %I.%I t', n.nspname, c.relname) as text
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where c.relkind in ('r', 'p', 'm') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'`,
      )
      const dumps = []
      for (const { text } of rows) dumps.push((await query(text)).rows.map((row) => row.text).join('\n'))
      return dumps.join('\n')
    },

    /** All that the server keeps: tables, indexes and the write-ahead log of everything that ever was in them. */
    async files(): Promise<readonly Buffer[]> {
      await query('checkpoint')
      const { rows } = await query(`select current_setting('data_directory') as text`)
      const folder = rows[0]?.text ?? ''
      return readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .map((name) => join(folder, name))
        .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile())
        .map((path) => readFileSync(path))
    },

    async close() {
      await way.cut()
      await server.stop()
    },
  }
}

/** @param mark stands in names, labels, descriptions, identifiers, scope tokens, ids and chosen secrets */
export async function plant({ region, url }: Home, mark: string, clients: number) {
  const pool = await openPostgres({ url, variable: 'DATABASE_URL', connections: 2, connectTimeout: 10_000 })
  const origin = parseOrigin(ORIGIN)
  const masterKeys = parseMasterKeys(MASTER_KEYS)
  if (origin === undefined || typeof masterKeys === 'string') throw new Error('nothing can be planted')
  const keys = keyring(sealing(masterKeys))
  const one = database(pool, LIMITS)
  const needs = {
    region,
    database: one,
    origin,
    keyring: keys,
    bcryptCost: 4,
    digestKeys: deriveKeys(masterKeys, 'credential digest'),
    maxStale: 3600,
    actor: mark,
  }
  try {
    const { tenant } = await createTenant(needs, { slug: `tenant-${mark}` })
    const { workspace } = await createWorkspace(needs, tenant, {
      slug: `work-${mark}`,
      settings: { chosenSecrets: true },
    })
    const scope = `scope:${mark}`
    const resource = `https://api.${mark}.example`
    const scopes = { [scope]: `what ${mark} may` }
    await createResourceServer(needs, workspace, { identifier: resource, name: `API of ${mark}`, scopes })
    const made = []
    for (let count = 1; count <= clients; count += 1) {
      const id = `client-${mark}-${count}`
      await createClient(needs, workspace, { id, name: `Client ${count} of ${mark}` })
      await grantScopes(needs, workspace, id as ClientId, [scope])
      const chosen = `secret-${mark}-${count}`
      noteSecret('chosen secret', chosen)
      await createSecret(needs, workspace, id as ClientId, { label: `Label of ${mark}`, chosen })
      made.push({ id, secret: chosen })
    }
    return { host: new URL(workspace.issuer).host, workspace, scope, resource, clients: made }
  } finally {
    await pool.end()
  }
}

/** Told of both regions' databases, serves the one that it is for. */
export async function startRegionNode(region: OwnRegion, homes: readonly Home[]) {
  const [port, opsPort] = [await freePort(), await freePort()]
  const node = startCommand(['serve'], {
    ...Object.assign({}, ...homes.map(({ environment }) => environment)),
    PORT: String(port),
    REGENT_OPS_PORT: String(opsPort),
    REGENT_ORIGIN: ORIGIN,
    REGENT_REGIONS: region,
    REGENT_MASTER_KEYS: MASTER_KEYS,
    REGENT_BCRYPT_COST: '4',
    REGENT_DRAIN: '0',
    LOG_LEVEL: 'debug',
  })
  await node.says('server_started')
  return { ...node, port }
}

export async function migrate({ environment }: Home): Promise<void> {
  for (const command of ['roles', 'up']) {
    const { code, err } = await runCommand(['migrate', command], environment)
    if (code !== 0) throw new Error(err)
  }
}
