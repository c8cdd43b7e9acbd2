/**
 * A world for tests: a database of its own on the real server, migrated through a login that is no superuser, and a
 * token server on a real port. Stories are told through the public door; what the operator sees is in `seen`, and in a
 * real log, which is searched when the run ends for every secret that the world made or was told. The clock stands still.
 */
import { createPrivateKey } from 'node:crypto'
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose'
import pg from 'pg'
import request from 'supertest'
import { createClient, type ClientInput } from '../../src/changes/client-changes.ts'
import { createResourceServer, type ResourceServerInput } from '../../src/changes/create-resource-server.ts'
import { createTenant } from '../../src/changes/create-tenant.ts'
import { createWorkspace, type WorkspaceInput } from '../../src/changes/create-workspace.ts'
import type { ChangeNeeds } from '../../src/changes/change.ts'
import { createSecret } from '../../src/changes/credential-changes.ts'
import type { SecretInput } from '../../src/changes/make-secret.ts'
import { grantScopes } from '../../src/changes/scope-changes.ts'
import type { ClientId } from '../../src/ids.ts'
import { keyring, type Keyring } from '../../src/keys/keyring.ts'
import type { Observation } from '../../src/observe/observation.ts'
import { parseMasterKeys } from '../../src/sealing/master-keys.ts'
import { sealing } from '../../src/sealing/seal.ts'
import { deriveKeys } from '../../src/sealing/derive.ts'
import { assembleServer } from '../../src/server/assemble.ts'
import type { ServerParts } from '../../src/server/server-parts.ts'
import { migrateUp } from '../../src/storage/migrate.ts'
import { openAdminSession } from '../../src/storage/open-admin.ts'
import { openPostgres } from '../../src/storage/open-postgres.ts'
import { createRoles } from '../../src/storage/roles.ts'
import { database, type Database } from '../../src/storage/transaction.ts'
import { parseHost } from '../../src/tenancy/address.ts'
import { parseOrigin } from '../../src/tenancy/origin.ts'
import { REGIONS, type Region } from '../../src/tenancy/region.ts'
import type { Tenant } from '../../src/tenancy/tenant.ts'
import { noteEnvironment, noteSecret, noteTokens } from './noted-secrets.ts'
import { createDatabase } from './postgres.ts'
import { openWorldLog } from './written-logs.ts'

export const NOW = 1_790_000_000
export const ORDERS = 'https://orders.example'
export const INVOICES = 'https://invoices.example'
const CONNECTIONS = 4
const MEASURED: ReadonlySet<Observation['type']> = new Set([
  'request_answered',
  'request_abandoned',
  'turn_taken',
  'issuance_committed',
  'master_keys_compared',
])
export const LIMITS = { statement: 10_000, lock: 10_000, idle: 10_000, deadline: 20_000 }
export const MASTER_KEYS = `test:${Buffer.alloc(32, 7).toString('base64')}`

export type Form = Readonly<Record<string, string | readonly string[]>>
export type Credentials = { readonly id: string; readonly secret: string }
export type World = Awaited<ReturnType<typeof openWorld>>

type Options = {
  readonly regions?: readonly Region[]
  readonly trustedProxies?: readonly string[]
  /** The server's own port, and `http://localhost:{port}` its origin: for clients that follow real URLs. */
  readonly localPort?: number
  /** The way that the server takes to its database. */
  readonly route?: (url: string) => Promise<string>
  readonly parts?: Partial<ServerParts>
  /** What the server sees of its database. */
  readonly asSeen?: (database: Database) => Database
}

type Signing = Pick<ResourceServerInput, 'signingAlgorithm' | 'jwtType'>

type ClientStory = Partial<ClientInput> & {
  /** What it gets when it asks for no scope. */
  readonly scope?: readonly string[]
  /** What it gets only when it asks for it. */
  readonly onRequest?: readonly string[]
  readonly secret?: SecretInput
}

export async function openWorld(options: Options = {}) {
  const {
    regions = REGIONS,
    trustedProxies = [],
    localPort,
    route,
    parts = {},
    asSeen = (home) => home,
  } = options
  const home = await openMigratedDatabase(route)
  // To connect costs more than most that is asked. Gone soon, for suites that count connections.
  const superusers = new pg.Pool({ connectionString: home.urls.superuser, idleTimeoutMillis: 1000 })
  superusers.on('error', () => {}) // Suites end connections; the next one is another.
  const origin = parseOrigin(
    localPort === undefined ? 'https://token.example' : `http://localhost:${localPort}`,
  )
  const masterKeys = parseMasterKeys(MASTER_KEYS)
  if (origin === undefined || typeof masterKeys === 'string') throw new Error('the world is out of joint')
  const seen: Observation[] = []
  const measured: Observation[] = []
  const clock = { time: NOW, now: () => clock.time }
  const log = openWorldLog()
  noteEnvironment({ MASTER_KEYS })
  const keys = noting(keyring(sealing(masterKeys)))
  const digestKeys = deriveKeys(masterKeys, 'credential digest')
  const own: ServerParts = {
    origin,
    regions: new Map(
      regions.map((region) => [
        region,
        {
          database: asSeen(home.database),
          reads: asSeen(database(home.pool, LIMITS, { readOnly: true })),
          connections: home.connections,
        },
      ]),
    ),
    keyring: keys,
    masterKeyIds: ['test'],
    digestKeys,
    bcryptCost: 4,
    hashThreads: 1,
    // Nobody waits, and nobody is limited, but where a suite is about that.
    memory: { confirmInterval: 0 },
    attempts: { failureInterval: 0, attempts: 1_000_000 },
    clock,
    observe(observation) {
      ;(MEASURED.has(observation.type) ? measured : seen).push(observation)
      log.observe(observation)
    },
    trustedProxies,
    // CI runs the suites through both.
    fastLane: process.env.REGENT_TEST_DOOR !== 'express',
    ...parts,
  }
  const node = assembleServer(own)
  await node.start()
  const server = node.http
  noteIssuedTokens(server)
  const port = await listen(server, localPort)

  const needs = (region: Region): ChangeNeeds => ({
    region,
    database: followed(home.database, () => node.nodes.get(region)?.directory.feed.poll()),
    origin,
    keyring: keys,
    digestKeys,
    bcryptCost: 4,
    maxStale: 3600,
    actor: 'test',
  })
  const tenants = new Map<string, Tenant>()

  const world = {
    ...home,
    node,
    /** What its server was put together from: for others beside it. */
    parts: own,
    server,
    port,
    clock,
    seen,
    /** What each request leaves, and each turn and commit: numbers. */
    measured,
    needs,
    /** What the operator saw last of a refusal, whatever else was observed. */
    lastRefusal: () => seen.findLast(({ type }) => type === 'request_refused'),

    /** @param issuer `https://acme.eu.token.example/orders`: the tenant is made when it is new */
    async workspace(issuer: string, settings: WorkspaceInput['settings'] = {}, ordersSigning: Signing = {}) {
      const { host, pathname } = new URL(issuer)
      const name = parseHost(host, origin)
      if (name?.kind !== 'tenant') throw new Error(`${host} is no host of a tenant`)
      const change = needs(name.region)
      const tenant = tenants.get(host) ?? (await createTenant(change, { slug: name.tenant })).tenant
      tenants.set(host, tenant)
      const slug = pathname.slice(1)
      const { workspace } = await createWorkspace(change, tenant, { slug, settings })
      const orders = await createResourceServer(change, workspace, {
        identifier: ORDERS,
        name: 'Orders',
        ...ordersSigning,
        scopes: { read: 'read orders', write: 'change orders' },
      })
      const invoices = await createResourceServer(change, workspace, {
        identifier: INVOICES,
        name: 'Invoices',
        scopes: { 'invoices:read': 'read invoices', 'invoices:pay': 'pay invoices' },
      })
      const path = `/${tenant.slug}/${slug}`

      const postTo = (
        target: string,
        body: string | Buffer,
        headers: Readonly<Record<string, string>> = {},
      ) =>
        request(server)
          .post(target)
          .set({ Host: host, 'Content-Type': 'application/x-www-form-urlencoded', ...headers })
          .serialize(asIs)
          .send(body)
      const post = (body: string | Buffer, headers: Readonly<Record<string, string>> = {}) =>
        postTo(`${path}/oauth2/token`, body, headers)

      return {
        host,
        path,
        workspace,
        change,
        orders: orders.resourceServer,
        invoices: invoices.resourceServer,
        post,
        postTo,
        get: (document: string, headers: Readonly<Record<string, string>> = {}) =>
          request(server)
            .get(document)
            .set({ Host: host, ...headers }),

        async client(id: string, input: ClientStory = {}): Promise<Credentials & { credentialId: string }> {
          const { scope = ['read', 'write'], onRequest = [], secret: secretInput, ...rest } = input
          await createClient(change, workspace, { id, name: id, ...rest })
          await grantScopes(change, workspace, id as ClientId, scope)
          await grantScopes(change, workspace, id as ClientId, onRequest, false)
          const { secret, credentialId } = await createSecret(change, workspace, id as ClientId, secretInput)
          noteSecret('client secret', secret)
          return { id, secret, credentialId }
        },

        /** Asks for a token with the secret in the body; a field of `form` given as a list is sent repeatedly. */
        token: (client: Credentials | undefined, form: Form = {}) =>
          post(
            encodeForm({
              grant_type: 'client_credentials',
              ...(client && { client_id: client.id, client_secret: client.secret }),
              ...form,
            }),
          ),

        /** Verifies with the published keys, as a resource server would. */
        async verify(token: string) {
          const { text } = await request(server)
            .get(`${path}/.well-known/jwks.json`)
            .set('Host', host)
            .expect(200)
          return jwtVerify(token, createLocalJWKSet(JSON.parse(text) as JSONWebKeySet), {
            issuer: workspace.issuer,
            currentDate: new Date(clock.time * 1000),
          })
        },
      }
    },

    /** Past all locks: for making damage, and for looking at what is there. */
    async superuser<Row extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []) {
      const result = await superusers.query<Row>(text, [...values])
      // What is changed past the feed, nobody would be told of.
      for (const { directory } of node.nodes.values()) directory.forgetAll()
      return result
    },

    /** Nobody reads or writes the table meanwhile. */
    async whileLocked(table: string, work: () => Promise<void>) {
      const client = new pg.Client({ connectionString: home.urls.superuser })
      await client.connect()
      try {
        await client.query(`begin; lock table ${table} in access exclusive mode`)
        await work()
      } finally {
        await client.end()
      }
    },

    async close() {
      server.closeAllConnections()
      server.close()
      await node.stop()
      await log.close()
      await superusers.end()
      await home.drop()
    },
  }
  return world
}

export type WorldWorkspace = Awaited<ReturnType<World['workspace']>>

/** A new database with roles and schema, and the pool of a login that may do nothing by itself. */
export async function openMigratedDatabase(route: Options['route'] = async (url) => url): Promise<{
  database: Database
  pool: pg.Pool
  urls: { admin: string; login: string; superuser: string }
  connections: number
  drop(): Promise<void>
}> {
  const { adminUrl, url, superuserUrl, drop } = await createDatabase()
  noteEnvironment({ adminUrl, url })
  const session = await openAdminSession(adminUrl, 'DATABASE_ADMIN_URL')
  await createRoles(session.client, new URL(url).username)
  await migrateUp({ client: session.client }, REGIONS)
  await session.close()
  const pool = await openPostgres({
    url: await route(url),
    variable: 'DATABASE_URL',
    connections: CONNECTIONS,
    connectTimeout: 10_000,
  })
  return {
    database: database(pool, LIMITS),
    pool,
    connections: CONNECTIONS,
    urls: { admin: adminUrl, login: url, superuser: superuserUrl },
    async drop() {
      await pool.end()
      await drop()
    },
  }
}

/** A change is known to the server by the time that it returns, as it is where the server itself made it. */
function followed(home: Database, follow: () => Promise<void> | undefined): Database {
  return {
    ...home,
    async inTenant(tenantId, work, deadline) {
      const result = await home.inTenant(tenantId, work, deadline)
      await follow()
      return result
    },
    async asOperatorAroundTenant(tenantId, first, then, last) {
      const result = await home.asOperatorAroundTenant(tenantId, first, then, last)
      await follow()
      return result
    },
  }
}

export async function listen(server: Server, port = 0): Promise<number> {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** Private keys pass here before they are sealed. */
function noting(keys: Keyring): Keyring {
  return {
    ...keys,
    seal(privateKey, owner, kid, by) {
      noteSecret('private key', privateKey.toString('base64'))
      const { d = '' } = createPrivateKey({ key: privateKey, format: 'der', type: 'pkcs8' }).export({
        format: 'jwk',
      })
      noteSecret('private key', d)
      return keys.seal(privateKey, owner, kid, by)
    },
  }
}

function noteIssuedTokens(server: Server): void {
  server.prependListener('request', (_request, response) => {
    const end = response.end.bind(response) as (body?: unknown) => typeof response
    response.end = (body?: unknown) => {
      if (response.statusCode === 200) noteTokens(String(body))
      return end(body)
    }
  })
}

export function encodeForm(form: Form): string {
  for (const name of ['client_secret', 'client_assertion'])
    for (const secret of [form[name] ?? []].flat()) noteSecret(name, secret)
  return Object.entries(form)
    .flatMap(([name, value]) =>
      [value].flat().map((single) => `${encodeFormValue(name)}=${encodeFormValue(single)}`),
    )
    .join('&')
}

export function basic({ id, secret }: Credentials): string {
  noteSecret('client secret', secret)
  return `Basic ${Buffer.from(`${encodeFormValue(id)}:${encodeFormValue(secret)}`).toString('base64')}`
}

/** The type of superagent's serializer knows strings only; bytes pass as well. */
const asIs = (body: unknown) => body as string

function encodeFormValue(text: string): string {
  return encodeURIComponent(text).replaceAll('%20', '+')
}
