/**
 * Every method of every store, with another tenant's rows in reach (T03, T11). Two locks, each tried alone:
 * - row-level security: a transaction of the intruder's, whose store was lied to and asks for the victim's rows;
 * - the stores' own conditions: a superuser's transaction, which row-level security does not hold, with an honest store;
 * and, on the server's login, the same without the role line. The list of methods is read from the modules.
 */
import { Client } from 'pg'
import { sql } from 'kysely'
import type { SealedKey } from '../../src/keys/key-store.ts'
import type { ClientId, CredentialId, Kid, ResourceServerId, TenantId } from '../../src/ids.ts'
import { kyselyOn } from '../../src/storage/kysely-on.ts'
import type { Schema } from '../../src/storage/schema.ts'
import { sqlState } from '../../src/storage/transaction.ts'
import { readSource } from '../architecture/source.ts'
import { openWorld, ORDERS, type World, type WorldWorkspace } from '../support/world.ts'

type Store = Record<string, (...args: unknown[]) => Promise<unknown>>
type Factory = (connection: unknown, ...more: unknown[]) => Store

const ROBOT = 'robot' as ClientId
const CREDENTIAL = 'AAAAAAAAAAAAAAAA' as CredentialId
const KID = 'A'.repeat(43) as Kid
const HASH = `$2b$04$${'a'.repeat(53)}`
const SERVER = '00000000-0000-4000-8000-00000000000a' as ResourceServerId
const EVENT = { action: 'client_created', subject: 'x' }

/** What each factory takes behind its connection. */
const MORE: Record<string, (victim: WorldWorkspace) => readonly unknown[]> = {
  tenantNames: () => [],
  tenantRegistry: () => [],
  keyStoreSamples: () => [],
  workspaceStore: () => [],
  resourceServerStore: ({ workspace }) => [workspace.id],
  clientStore: ({ workspace }) => [workspace.id],
  keyStore: ({ workspace }) => [workspace.id],
  tombstoneStore: ({ workspace }) => ['eu', workspace.id],
  feedStore: () => ['eu'],
}

/** Seen by operators, or before the tenant is known: no tenant's transaction is made for them. */
const OPERATORS = ['tenantRegistry', 'keyStoreSamples']
const NAMELESS = ['tenantNames']

type Case = (victim: WorldWorkspace) => readonly unknown[]
/** Arguments that name what the victim has. A method without a line here fails the suite. */
const CASES: Record<string, Case> = {
  'tenantNames.findTenantId': () => ['eu', 'victim'],
  'tenantRegistry.insertTenant': () => [
    { id: '00000000-0000-4000-8000-0000000000ff', slug: 'new', region: 'eu' },
  ],
  'keyStoreSamples.listSamples': () => ['eu'],
  'workspaceStore.findWorkspace': () => ['orders'],
  'workspaceStore.findTenant': () => [],
  'workspaceStore.listWorkspaces': () => [],
  'workspaceStore.insertWorkspace': ({ workspace }) => [
    { ...workspace, id: SERVER, slug: 'new', issuer: 'https://x.example/a/b' },
  ],
  'resourceServerStore.findResourceServer': () => [ORDERS],
  'resourceServerStore.listScopes': () => [],
  'resourceServerStore.listSigningAlgorithms': () => [],
  'resourceServerStore.insertResourceServer': () => [
    { id: SERVER, identifier: 'https://x.example', name: 'x', jwtType: 'at+jwt' },
  ],
  'resourceServerStore.updateSigning': ({ orders }) => [orders.id, 'RS256', 'JWT'],
  'resourceServerStore.insertScope': ({ orders }) => [
    { token: 'new', resourceServerId: orders.id, description: '' },
  ],
  'clientStore.findClient': () => [ROBOT],
  'clientStore.listCredentials': () => [ROBOT],
  'clientStore.listGrants': () => [ROBOT],
  'clientStore.lockClient': () => [ROBOT],
  'clientStore.insertClient': () => [
    {
      id: 'new',
      name: 'x',
      state: 'enabled',
      tokenEndpointAuthMethod: 'client_secret_post',
      strictAuthMethod: false,
      grantTypes: [],
      severalResources: false,
    },
  ],
  'clientStore.updateClientState': () => [ROBOT, 'disabled'],
  'clientStore.deleteClient': () => [ROBOT],
  'clientStore.insertCredential': () => [
    ROBOT,
    5,
    { id: CREDENTIAL, origin: 'generated', label: '', bcryptHash: HASH, state: 'live' },
  ],
  'clientStore.listTakenSlots': () => [ROBOT],
  'clientStore.revokeCredential': () => [ROBOT, 'OF-THE-VICTIM'],
  'clientStore.upsertGrant': () => [ROBOT, 'read', false],
  'clientStore.deleteGrant': () => [ROBOT, 'read'],
  'keyStore.listKeys': () => [],
  'keyStore.listActiveKeys': () => [],
  'keyStore.insertKey': () => [
    {
      publicJwk: { kty: 'EC', kid: KID, alg: 'ES384', use: 'sig' },
      sealed: { bytes: Buffer.from('x'), masterKeyId: 'k' } as unknown as SealedKey,
      publishedAt: 1,
      maySignAt: 1,
      maxTokenLifetime: 60,
      maxJwksAge: 60,
      maxStale: 0,
    },
    false,
  ],
  'keyStore.moveKey': () => ['KID-OF-THE-VICTIM', 'active', 'revoked', 1_900_000_000],
  'keyStore.lockKeys': () => [],
  'tombstoneStore.isBuried': () => ['client', 'buried'],
  'tombstoneStore.insertTombstone': () => ['client', 'new'],
  'feedStore.appendAuditEvent': () => [EVENT, 'intruder', undefined],
  'feedStore.appendFeedEntry': () => [EVENT],
}
/** They tell nothing of anybody's rows: a number of the region's. */
const TELLS_NOTHING = ['keyStore.lockKeys', 'feedStore.appendFeedEntry', 'feedStore.appendAuditEvent']

// The modules themselves are asked for what they have.
const factories = new Map<string, Factory>()
for (const { path } of readSource().filter((file) => file.path.endsWith('-store.ts'))) {
  // oxlint-disable-next-line typescript/no-require-imports -- all stores that there are, by their files
  for (const [name, factory] of Object.entries(require(`../../${path}`) as Record<string, Factory>)) {
    if (typeof factory === 'function') factories.set(name, factory)
  }
}
const methods = [...factories].flatMap(([name, factory]) =>
  Object.keys(factory({ db: undefined, tenantId: '' }, 'eu', '')).map((method) => [name, method] as const),
)
const ofTenants = methods.filter(([factory]) => ![...OPERATORS, ...NAMELESS].includes(factory))

describe('stores', () => {
  let world: World
  let victim: WorldWorkspace
  let intruder: WorldWorkspace
  let login: Client
  let superuser: Client

  beforeAll(async () => {
    world = await openWorld()
    victim = await world.workspace('https://victim.eu.token.example/orders')
    intruder = await world.workspace('https://intruder.eu.token.example/orders')
    for (const workspace of [victim, intruder]) await workspace.client('robot')
    await world.superuser(
      `insert into regent.tombstone (region, tenant_id, workspace_id, kind, name) values ('eu', $1, $2, 'client', 'buried')`,
      [victim.workspace.tenant.id, victim.workspace.id],
    )
    login = new Client({ connectionString: world.urls.login })
    superuser = new Client({ connectionString: world.urls.superuser })
    await Promise.all([login.connect(), superuser.connect()])
  })
  afterAll(async () => {
    await Promise.all([login.end(), superuser.end()])
    await world.close()
  })

  it('are all known here, method by method', () => {
    expect(methods.map(([factory, method]) => `${factory}.${method}`).toSorted()).toEqual(
      Object.keys(CASES).toSorted(),
    )
  })

  /** Runs a method in a transaction that is undone, and compares the victim's rows within it. */
  async function tried(
    client: Client,
    opening: string,
    tenantId: TenantId,
    [factory, method]: readonly [string, string],
  ) {
    const db = kyselyOn<Schema>(client as never).withSchema('regent')
    const store = factories.get(factory)?.({ db, tenantId }, ...(MORE[factory]?.(victim) ?? []))
    const args = CASES[`${factory}.${method}`]?.(victim) ?? []
    const named = await Promise.all(args.map((value) => nameOf(value)))
    const before = await dump(superuser)
    await client.query(`begin; ${opening}`)
    try {
      const result = await store?.[method]?.(...named)
      await client.query('reset role')
      if (client === superuser) expect(await dump(superuser)).toEqual(before)
      await client.query('commit')
      return { result }
    } catch (error) {
      await client.query('rollback')
      if (sqlState(error) === undefined) throw error
      return { refused: sqlState(error) }
    } finally {
      expect(await dump(superuser)).toEqual(before)
    }
  }

  async function nameOf(value: unknown) {
    if (value === 'OF-THE-VICTIM') {
      return (
        await superuser.query('select credential_id as id from regent.credential where tenant_id = $1', [
          victim.workspace.tenant.id,
        ])
      ).rows[0]?.id
    }
    if (value === 'KID-OF-THE-VICTIM') {
      return (
        await superuser.query(
          `select kid from regent.signing_key where tenant_id = $1 and state = 'active'`,
          [victim.workspace.tenant.id],
        )
      ).rows[0]?.kid
    }
    return value
  }

  async function dump(client: Client) {
    const tables = [
      'tenant',
      'workspace',
      'resource_server',
      'scope',
      'client',
      'credential',
      'scope_grant',
      'signing_key',
      'audit_event',
      'tombstone',
      'change_feed',
    ]
    const rows: Record<string, unknown> = {}
    for (const table of tables) {
      const { rows: found } = await client.query(
        `select row_to_json(t)::text as row from regent.${table} t where tenant_id = $1 order by 1`,
        [victim.workspace.tenant.id],
      )
      rows[table] = found
    }
    return rows
  }

  const isNothing = (result: unknown) =>
    result === undefined || result === false || (Array.isArray(result) && result.length === 0)

  it.each(ofTenants)(
    '%s.%s meets row-level security when it is lied to about its tenant',
    async (factory, method) => {
      const opening = `set local role regent_runtime; set local regent.tenant = '${intruder.workspace.tenant.id}'`
      const { result, refused } = await tried(login, opening, victim.workspace.tenant.id, [factory, method])
      if (/^(?:insert|upsert|append)/.test(method)) expect(refused).toBe('42501')
      else if (!TELLS_NOTHING.includes(`${factory}.${method}`))
        expect([result, refused]).toEqual([isNothing(result) ? result : 'nothing', undefined])
    },
  )

  it.each(ofTenants)(
    '%s.%s asks for its own tenant only, also where nothing else holds it',
    async (factory, method) => {
      const { result, refused } = await tried(
        superuser,
        `set local role none`,
        intruder.workspace.tenant.id,
        [factory, method],
      )
      if (TELLS_NOTHING.includes(`${factory}.${method}`)) return
      // Of its own rows it may see some where it names no workspace; of the victim's never.
      if (factory === 'workspaceStore')
        expect(JSON.stringify(result ?? '')).not.toContain(victim.workspace.tenant.id)
      else expect(refused === '23503' || isNothing(result)).toBe(true)
    },
  )

  it.each(methods)('%s.%s may do nothing without the role line', async (factory, method) => {
    const opening = `set local regent.tenant = '${victim.workspace.tenant.id}'`
    expect(await tried(login, opening, victim.workspace.tenant.id, [factory, method])).toEqual({
      refused: '42501',
    })
  })

  it.each(ofTenants)('%s.%s sees nothing where no tenant is set', async (factory, method) => {
    for (const tenant of ['', `; set local regent.tenant = ''`]) {
      const { result, refused } = await tried(
        login,
        `set local role regent_runtime${tenant}`,
        victim.workspace.tenant.id,
        [factory, method],
      )
      if (!TELLS_NOTHING.includes(`${factory}.${method}`))
        expect(refused === '42501' || isNothing(result)).toBe(true)
    }
  })

  it('leave no role and no tenant behind, also after an error in mid-transaction', async () => {
    const { pool, database } = world
    await expect(
      database.inTenant(victim.workspace.tenant.id, async ({ db }) => sql`select 1/0`.execute(db)),
    ).rejects.toMatchObject({ code: '22012' })
    const clients = await Promise.all(Array.from({ length: 4 }, () => pool.connect()))
    for (const client of clients) {
      const { rows } = await client.query(
        `select current_user as who, current_setting('regent.tenant', true) as tenant`,
      )
      expect([rows[0].who, rows[0].tenant ?? '']).toEqual(['regent_test_login', ''])
      client.release()
    }
  })
})

describe('the schema', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld()
  })
  afterAll(() => world.close())

  const REGION_TABLES = [
    'breaking_migration',
    'change_counter',
    'change_feed',
    'database_region',
    'tombstone',
  ]
  const OF_THE_MIGRATOR = ['migration', 'migration_lock']

  it('forces row-level security on every table, but for the migrator’s own two', async () => {
    const { rows } = await world.superuser<{ name: string }>(
      `select relname as name from pg_class where relnamespace = 'regent'::regnamespace and relkind in ('r', 'p')
         and not (relrowsecurity and relforcerowsecurity) order by 1`,
    )
    expect(rows.map(({ name }) => name)).toEqual(OF_THE_MIGRATOR)
  })

  it('begins every primary key with tenant_id, but for the tables of a region', async () => {
    const { rows } = await world.superuser<{ name: string }>(
      `select c.relname as name from pg_class c
         left join pg_index i on i.indrelid = c.oid and i.indisprimary
         left join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
       where c.relnamespace = 'regent'::regnamespace and c.relkind in ('r', 'p') and a.attname is distinct from 'tenant_id'
       order by 1`,
    )
    expect(rows.map(({ name }) => name)).toEqual(
      [...REGION_TABLES.filter((name) => name !== 'tombstone'), ...OF_THE_MIGRATOR].toSorted(),
    )
  })

  it('carries tenant_id in every reference between tables of tenants', async () => {
    const { rows } = await world.superuser<{ name: string }>(
      `select conname as name from pg_constraint k
       where k.connamespace = 'regent'::regnamespace and k.contype = 'f' and not exists (
         select from pg_attribute a where a.attrelid = k.conrelid and a.attnum = k.conkey[1] and a.attname = 'tenant_id')`,
    )
    expect(rows.map(({ name }) => name)).toEqual(['change_feed_region_fkey'])
  })

  it.each([
    ['the issuer of a workspace', `update regent.workspace set issuer = 'https://x.example/a/b'`],
    ['the name of a workspace', `update regent.workspace set slug = 'x'`],
    ['a tenant', `update regent.tenant set slug = 'x'`],
    ['the public part of a key', `update regent.signing_key set public_jwk = '{}'`],
    ['a kid', `update regent.signing_key set kid = kid`],
    ['an audit event', `update regent.audit_event set action = 'x'`],
    ['the audit trail', `delete from regent.audit_event`],
    ['the change feed', `delete from regent.change_feed`],
    ['a tombstone', `delete from regent.tombstone`],
    ['the list of migrations', `select * from regent.migration`],
  ])('lets nobody who serves requests change %s', async (_case, statement) => {
    const client = await world.pool.connect()
    try {
      await client.query('begin; set local role regent_runtime')
      await expect(client.query(statement)).rejects.toMatchObject({ code: '42501' })
    } finally {
      await client.query('rollback')
      client.release()
    }
  })

  it('has no id or name of one workspace in two (T05, T14)', async () => {
    const { rows } = await world.superuser<{ twice: string }>(
      `select count(*) - count(distinct kid) as twice from regent.signing_key`,
    )
    expect(Number(rows[0]?.twice)).toBe(0)
  })
})
