/** Every method of every store, asked in somebody else's transaction: it sees nothing, changes nothing, deletes nothing. */
import { resolve } from 'node:path'
import type { Kysely } from 'kysely'
import type { ClientBase, PoolClient } from 'pg'
import { auditStore } from '../../src/changes/audit-store.ts'
import { idempotencyStore } from '../../src/changes/idempotency-store.ts'
import { feedStore } from '../../src/changes/feed-store.ts'
import { credentialFactsStore } from '../../src/records/credential-facts-store.ts'
import { tenantUseStore } from '../../src/records/use-store.ts'
import { clientStore } from '../../src/clients/client-store.ts'
import { clientBatchStore } from '../../src/clients/client-batch-store.ts'
import { credentialPlacesStore } from '../../src/clients/credential-places-store.ts'
import { clientListStore } from '../../src/clients/client-list-store.ts'
import { credentialBatchStore } from '../../src/clients/credential-batch-store.ts'
import { administratorStore, credentialListStore } from '../../src/clients/credential-list-store.ts'
import { knownClientStore } from '../../src/clients/known-client-store.ts'
import { neighbourStore } from '../../src/clients/neighbour-store.ts'
import type { ClientId, CredentialId, Kid, ResourceServerId, TenantId, WorkspaceId } from '../../src/ids.ts'
import { keyStoreSamples } from '../../src/keys/key-samples-store.ts'
import { keyStore } from '../../src/keys/key-store.ts'
import type { ResourceIdentifier } from '../../src/oauth/resource.ts'
import type { ScopeToken } from '../../src/oauth/scope.ts'
import type { MasterKeyId } from '../../src/sealing/master-keys.ts'
import { kyselyOn } from '../../src/storage/kysely-on.ts'
import type { Schema } from '../../src/storage/schema.ts'
import { sqlState, type OperatorConnection, type TenantConnection } from '../../src/storage/transaction.ts'
import { quotaStore } from '../../src/tenancy/quota-store.ts'
import { resourceServerStore } from '../../src/tenancy/resource-server-store.ts'
import type { TenantSlug, WorkspaceSlug } from '../../src/tenancy/slug.ts'
import { tenantNames, workspaceStore } from '../../src/tenancy/tenancy-store.ts'
import { tenantRegistry } from '../../src/tenancy/tenant-registry-store.ts'
import { workspaceSettingsStore } from '../../src/tenancy/workspace-settings-store.ts'
import { scopeBatchStore } from '../../src/tenancy/scope-batch-store.ts'
import { tombstoneStore } from '../../src/tenancy/tombstone-store.ts'
import { readSource } from '../architecture/source.ts'
import { ORDERS } from '../support/world.ts'
import { openNeighbourhood, type Neighbour, type Neighbourhood } from './neighbours.ts'

type Names = Neighbourhood['names']
type Question<Store> = (store: Store, names: Names, neighbour: Neighbour) => Promise<unknown>
type Methods<Store> = { readonly [Method in keyof Store]: Question<Store> }
type Ask = (connection: TenantConnection, neighbour: Neighbour, names: Names) => Promise<unknown>

/** One question for each method of a store: the compiler misses a method here, and the first test below misses a store. */
function asked<Store>(
  factory: string,
  open: (connection: TenantConnection, neighbour: Neighbour) => Store,
  methods: Methods<Store>,
): readonly (readonly [name: string, ask: Ask])[] {
  const entries = Object.entries<Question<Store>>(methods)
  return entries.map(([method, question]) => [
    `${factory}.${method}`,
    async (connection, neighbour, names) => question(open(connection, neighbour), names, neighbour),
  ])
}

const NEWER = '99999999-0000-4000-8000-000000000000'
/** Later than whatever was published by the database's clock. */
const LATER = Math.floor(Date.now() / 1000) + 1_000_000
const event = ({ workspaceId }: Neighbour) =>
  ({ action: 'client_created', subject: 'robot', workspaceId }) as const
const requestOf = (tenantId: TenantId, key: string) => ({
  tenantId,
  actor: 'robot',
  method: 'POST',
  route: 'client.create',
  key,
})
const READ = 'read' as ScopeToken
const MAC = Buffer.alloc(32, 'n')
const HASH = `$2b$04$${'x'.repeat(53)}`

const NEWER_CLIENT = {
  name: 'renamed',
  state: 'disabled',
  tokenEndpointAuthMethod: 'client_secret_post',
  strictAuthMethod: true,
  grantTypes: ['client_credentials'],
  defaultResourceServerId: undefined,
  severalResources: true,
  allowedNetworks: ['192.0.2.0/24', '2001:db8::/32'],
  tokensPerMinute: 7,
} as const

const OF_TENANTS = [
  ...asked('clientStore', (connection, { workspaceId }) => clientStore(connection, workspaceId), {
    lockClient: (store, { client }) => store.lockClient(client),
    insertClient: (store) =>
      store.insertClient({
        id: 'newer' as ClientId,
        name: 'newer',
        state: 'enabled',
        tokenEndpointAuthMethod: 'client_secret_basic',
        strictAuthMethod: false,
        grantTypes: [],
        defaultResourceServerId: undefined,
        severalResources: false,
        allowedNetworks: [],
      }),
    updateClient: (store, { client }) =>
      store.updateClient({
        id: client,
        name: 'renamed',
        tokenEndpointAuthMethod: 'client_secret_post',
        strictAuthMethod: true,
        grantTypes: [],
        defaultResourceServerId: undefined,
        severalResources: true,
        allowedNetworks: ['192.0.2.0/24'],
      }),
    updateCredential: (store, { client, credentialId }) =>
      store.updateCredential(client, credentialId, { label: 'newer', expiresAt: LATER }),
    confirmReplacement: (store, { client, pendingId }) => store.confirmReplacement(client, pendingId),
    updateClientState: (store, { client }) => store.updateClientState(client, 'disabled'),
    updateClientLimit: (store, { client }) => store.updateClientLimit(client, 7),
    deleteClient: (store, { client }) => store.deleteClient(client),
    insertCredential: (store, { client }) =>
      store.insertCredential(client, 4, {
        id: 'n'.repeat(16) as CredentialId,
        origin: 'generated',
        label: '',
        createdBy: 'test',
        bcryptHash: HASH,
        digest: { keyId: 'test', bytes: Buffer.alloc(32, 'n') },
        state: 'live',
        notBefore: undefined,
        expiresAt: undefined,
      }),
    revokeCredential: (store, { client, credentialId }) => store.revokeCredential(client, credentialId),
    upsertGrant: (store, { client }) => store.upsertGrant(client, READ, false),
    deleteGrant: (store, { client }) => store.deleteGrant(client, READ),
  }),
  ...asked(
    'credentialPlacesStore',
    (connection, { workspaceId }) => credentialPlacesStore(connection, workspaceId),
    {
      listTakenSlots: (store, { client }) => store.listTakenSlots(client),
      revokeEndedCredentials: async (store, { client }) => [...(await store.revokeEndedCredentials(client))],
    },
  ),
  ...asked('clientBatchStore', (connection, { workspaceId }) => clientBatchStore(connection, workspaceId), {
    insertClients: (store) => store.insertClients([{ ...NEWER_CLIENT, id: 'newer' as ClientId }]),
    updateClients: (store, { client }) => store.updateClients([{ ...NEWER_CLIENT, id: client }]),
    deleteClients: (store, { client }) => store.deleteClients([client]),
    upsertGrants: (store, { client }) =>
      store.upsertGrants([{ clientId: client, token: READ, byDefault: false }]),
    deleteGrants: (store, { client }) => store.deleteGrants([{ clientId: client, token: READ }]),
  }),
  ...asked(
    'credentialBatchStore',
    (connection, { workspaceId }) => credentialBatchStore(connection, workspaceId),
    {
      listStoredCredentials: async (store) =>
        (await store.listStoredCredentials(undefined, 10)).map(({ id, label }) => ({ id, label })),
      listLive: async (store, { client }) =>
        (await store.listLive([client])).map(({ id, label }) => ({ id, label })),
      // Copies of acme's: what is counted is that there are none where there is nobody.
      listHashes: async (store, { client }) => (await store.listHashes([client])).length,
      insertCredentials: (store, { client }) =>
        store.insertCredentials([
          {
            clientId: client,
            slot: 4,
            id: 'n'.repeat(16) as CredentialId,
            origin: 'generated',
            label: '',
            createdBy: 'test',
            bcryptHash: HASH,
            digest: undefined,
            state: 'live',
            notBefore: undefined,
            expiresAt: undefined,
          },
        ]),
      updateCredentials: (store, { client, credentialId }) =>
        store.updateCredentials([
          { clientId: client, id: credentialId, label: 'newer', expiresAt: undefined },
        ]),
      revokeCredentials: (store, { client, credentialId }) =>
        store.revokeCredentials([{ clientId: client, id: credentialId }]),
    },
  ),
  ...asked('knownClientStore', (connection, { workspaceId }) => knownClientStore(connection, workspaceId), {
    findClients: async (store, { client }) => [...(await store.findClients([client]))],
    findClient: (store, { client }) => store.findClient(client),
  }),
  ...asked('clientListStore', (connection, { workspaceId }) => clientListStore(connection, workspaceId), {
    findWindowEnd: (store) => store.findWindowEnd(undefined, 1),
    listClients: async (store) =>
      (await store.listClients({}, undefined, 10)).map(({ id, name }) => ({ id, name })),
  }),
  ...asked(
    'credentialListStore',
    (connection, { workspaceId }) => credentialListStore(connection, workspaceId),
    {
      listCredentials: async (store) =>
        (await store.listCredentials({}, undefined, 10)).map(({ id, label }) => ({ id, label })),
    },
  ),
  ...asked(
    'administratorStore',
    (connection, { workspaceId }) => administratorStore(connection, workspaceId),
    { countLiveAdministrators: (store) => store.countLiveAdministrators() },
  ),
  ...asked('neighbourStore', (connection, { workspaceId }) => neighbourStore(connection, workspaceId), {
    listNeighboursInUse: (store) => store.listNeighboursInUse('a' as ClientId),
  }),
  ...asked(
    'resourceServerStore',
    (connection, { workspaceId }) => resourceServerStore(connection, workspaceId),
    {
      listSigningAlgorithms: (store) => store.listSigningAlgorithms(),
      listResourceServers: async (store) =>
        (await store.listResourceServers(undefined, 10)).map(({ name }) => name),
      updateName: (store, { resourceServerId }) => store.updateName(resourceServerId, 'renamed'),
      deleteResourceServer: (store, { emptyServerId }) => store.deleteResourceServer(emptyServerId),
      deleteScope: (store, { resourceServerId }) =>
        store.deleteScope(resourceServerId, 'unwanted' as ScopeToken),
      updateSigning: (store, { resourceServerId }) => store.updateSigning(resourceServerId, 'ES384', 'JWT'),
      findResourceServer: (store) => store.findResourceServer(ORDERS as ResourceIdentifier),
      listScopes: (store) => store.listScopes(),
      insertResourceServer: (store) =>
        store.insertResourceServer({
          id: NEWER as ResourceServerId,
          identifier: 'https://newer.example' as ResourceIdentifier,
          name: 'newer',
          signingAlgorithm: undefined,
          jwtType: 'at+jwt',
        }),
      insertScope: (store, { resourceServerId }) =>
        store.insertScope({ token: 'newer' as ScopeToken, resourceServerId, description: '' }),
    },
  ),
  ...asked('scopeBatchStore', (connection, { workspaceId }) => scopeBatchStore(connection, workspaceId), {
    insertScopes: (store, { resourceServerId }) =>
      store.insertScopes([{ token: 'newer' as ScopeToken, resourceServerId, description: '' }]),
    updateDescriptions: (store, { resourceServerId }) =>
      store.updateDescriptions([{ token: READ, resourceServerId, description: 'newer' }]),
  }),
  ...asked(
    'tombstoneStore',
    (connection, { region, workspaceId }) => tombstoneStore(connection, region, workspaceId),
    {
      isBuried: (store, { buried }) => store.isBuried('client', buried),
      insertTombstone: (store) => store.insertTombstone('client', 'newer'),
      listBuried: (store, { buried }) => store.listBuried('client', [buried]),
      insertTombstones: (store) => store.insertTombstones('client', ['newer']),
    },
  ),
  ...asked(
    'credentialFactsStore',
    (connection, { workspaceId }) => credentialFactsStore(connection, workspaceId),
    {
      updateDigest: (store, { client, credentialId, bcryptHash }) =>
        store.updateDigest(client, credentialId, bcryptHash, { keyId: 'newer', bytes: Buffer.alloc(32, 9) }),
      updateHash: (store, { client, credentialId, bcryptHash }) =>
        store.updateHash(client, credentialId, bcryptHash, HASH, undefined),
    },
  ),
  ...asked('tenantUseStore', (connection, { workspaceId }) => tenantUseStore(connection, workspaceId), {
    findUse: (store, { client, credentialId }) => store.findUse(client, credentialId),
    listCounts: (store, { client }) => store.listCounts(client),
    countUnexpired: (store) => store.countUnexpired(600, 0),
  }),
  ...asked('workspaceStore', workspaceStore, {
    findWorkspace: (store) => store.findWorkspace('orders' as WorkspaceSlug),
    findTenant: (store) => store.findTenant(),
    listWorkspaces: (store) => store.listWorkspaces(),
    listTakenSlugs: (store) => store.listTakenSlugs(['orders']),
    insertWorkspace: (store, { workspace }) =>
      store.insertWorkspace({
        ...workspace,
        id: NEWER as WorkspaceId,
        slug: 'newer' as WorkspaceSlug,
        issuer: `${workspace.issuer}-newer` as typeof workspace.issuer,
      }),
  }),
  ...asked('workspaceSettingsStore', workspaceSettingsStore, {
    updateWorkspace: (store, { workspace }, { workspaceId }) =>
      store.updateWorkspace({ ...workspace, id: workspaceId, accessTokenLifetime: 77 }),
    raiseHashWork: (store, _names, { workspaceId }) =>
      store.raiseHashWork(workspaceId, { bcryptCost: 12, iterations: 25_000 }),
    updateRotationDue: (store, _names, { workspaceId }) => store.updateRotationDue(workspaceId, LATER),
    updateWorkspaceState: (store, _names, { workspaceId }) =>
      store.updateWorkspaceState(workspaceId, 'disabled'),
    updateEmptied: (store, _names, { workspaceId }) => store.updateEmptied(workspaceId),
    updateWorkspaceLimit: (store, _names, { workspaceId }) => store.updateWorkspaceLimit(workspaceId, 7),
  }),
  ...asked('idempotencyStore', idempotencyStore, {
    insertRequest: (store, _names, { tenantId }) =>
      store.insertRequest(requestOf(tenantId, 'newer'), MAC, 60),
    findAnswer: async (store, _names, { tenantId }) =>
      (await store.findAnswer(requestOf(tenantId, 'kept')))?.requestDigest.toString(),
    updateAnswer: (store, _names, { tenantId }) =>
      store.updateAnswer(requestOf(tenantId, 'kept'), { bytes: MAC, masterKeyId: 'test' as MasterKeyId }, 60),
    deleteExpiredRequest: (store, _names, { tenantId }) =>
      store.deleteExpiredRequest(requestOf(tenantId, 'old')),
  }),
  ...asked('quotaStore', quotaStore, {
    findQuotas: async (store) => (await store.findQuotas()).clients,
    count: (store) => store.count('clients'),
  }),
  ...asked('feedStore', (connection, { region }) => feedStore(connection, region), {
    appendFeedEntry: (store, _names, neighbour) =>
      store.appendFeedEntry(neighbour.tenantId, event(neighbour)),
  }),
  ...asked('auditStore', auditStore, {
    lockHead: (store) => store.lockHead(),
    findHead: (store) => store.findHead(),
    updateHead: (store) => store.updateHead({ sequence: 7, mac: MAC, headMac: MAC }),
    insertEvents: (store, _names, { workspaceId }) =>
      store.insertEvents([
        {
          sequence: 1_000_000,
          eventId: NEWER,
          workspaceId,
          action: 'client_created',
          subject: 'robot',
          actor: 'test',
          requestId: null,
          peer: null,
          details: '{}',
          occurredAt: '1790000000000000',
          mac: MAC,
        },
      ]),
    // Copies of acme's: what they tell of is acme's, who did it is marked.
    listEventsAfter: async (store) =>
      (await store.listEventsAfter(0, 10)).map(({ actor, sequence }) => ({ actor, sequence })),
    countUnchained: (store) => store.countUnchained(),
  }),
  ...asked('keyStore', (connection, { workspaceId }) => keyStore(connection, workspaceId), {
    listKeys: (store) => store.listKeys(),
    listKeysWithSecrets: (store) => store.listKeysWithSecrets(),
    insertKey: (store) =>
      store.insertKey(
        {
          publicJwk: { kty: 'OKP', kid: 'n'.repeat(43) as Kid, use: 'sig', alg: 'EdDSA' },
          sealed: { masterKeyId: 'test' as MasterKeyId, bytes: Buffer.from('newer') },
          publishedAt: LATER,
          maySignAt: LATER,
          maxTokenLifetime: 600,
          maxJwksAge: 900,
          maxStale: 0,
        },
        false,
      ),
    moveKey: (store, { activeKid }) => store.moveKey(activeKid, 'active', 'retired', LATER),
    raiseMaxima: (store) => store.raiseMaxima(80_000, 80_000),
    lockKeys: (store) => store.lockKeys(),
  }),
]

/** Asked by whoever has no tenant: each has a test of its own below. */
const OF_NOBODY = [
  'tenantNames.findTenantId',
  'tenantRegistry.insertTenant',
  'tenantRegistry.updateTenantLimit',
  'tenantRegistry.updateQuotas',
  'idempotencyPruning.deleteExpired',
  'tenantListStore.listTenants',
  'rotationDueStore.updateDue',
  // test/chores/.
  'expiringStore.countExpiring',
  'expiringStore.takeExpiring',
  'removalStore.listDeleted',
  'removalStore.removeRows',
  'tenantRegistry.updateTenantState',
  'keyStoreSamples.listSamples',
  'auditHeadStore.takeMovedHeads',
  'auditKeyStore.findAuditKey',
  'auditKeyStore.insertAuditKey',
  // Of all tenants of a region, by operators: test/isolation/resealing.test.ts.
  'sealedKeysStore.takeSealedKeys',
  'sealedKeysStore.updateSealedKeys',
  'sealedKeysStore.countSealedKeys',
  'sealedAnswersStore.takeSealedAnswers',
  'sealedAnswersStore.updateSealedAnswers',
  'sealedAnswersStore.countSealedAnswers',
  'sealedAuditKeyStore.updateAuditKey',
  'digestCountStore.countDigests',
  'nodeKeysStore.listNodeKeys',
  // Of a region as a whole, for operators: test/directory/ and test/records/.
  'feedPosition.readNumber',
  'changeFeedReader.listEntriesFrom',
  'changeFeedPruning.deleteEntriesBefore',
  'nodeStore.upsertNode',
  'nodeStore.deleteNode',
  'nodeStore.listLiveNodes',
  'nodeStore.listUnconfirmedNodes',
  'nodeStore.deleteNodesBefore',
  'useGapStore.insertGap',
  'useGapStore.insertGapsOfNodesBefore',
  'useGapStore.deleteGapsBefore',
  'useGapStore.findKnownUntil',
  // Of all tenants of a database, by operators, since a batch spans tenants: test/isolation/facts.test.ts.
  'issuanceStore.insertIssued',
  'issuanceStore.insertIssuedAgain',
  'issuanceStore.insertRefused',
  'issuanceStore.insertDropped',
  'issuanceStore.attachDays',
  'issuanceStore.detachDays',
  'issuanceStore.dropDays',
  'useStore.readClock',
  'useStore.addUses',
  'useStore.addCounts',
  'useStore.deleteCountsBefore',
]

/** What a tenant that has nothing is answered nevertheless: its own name, its own number. */
const OWN_ANSWERS = [
  'workspaceStore.findTenant',
  'quotaStore.findQuotas',
  'idempotencyStore.insertRequest',
  'feedStore.appendFeedEntry',
  'auditStore.countUnchained',
]
/** Names, issuers and numbers: each neighbour has its own. */
const ANSWERS_DIFFER = ['workspaceStore', 'feedStore', 'auditStore']
/** Belongs to a tenant, not to one workspace of it. */
const isOfTenant = (name: string) =>
  /^(?:workspaceStore|workspaceSettingsStore|auditStore|quotaStore|idempotencyStore)\./.test(name)
const neighboursOf = (name: string) =>
  isOfTenant(name)
    ? (['rival', 'namesake'] as const)
    : (['rival', 'namesake', 'sibling', 'youngest'] as const)

const isNothing = (answer: unknown) =>
  answer === undefined || answer === false || answer === 0 || (Array.isArray(answer) && answer.length === 0)

/** As text, bytes too. */
function show(answer: unknown) {
  const bytes = (_: string, value: unknown) =>
    Object(value).type === 'Buffer' ? Buffer.from(Object(value).data).toString() : value
  return JSON.stringify(answer, bytes) ?? ''
}

const unmarked = (answer: unknown, { name }: Neighbour) =>
  show(answer).replaceAll(`of ${name}`, 'of somebody')

/** What was answered, or the SQLSTATE of the refusal. */
async function outcome(asking: Promise<unknown>): Promise<{ answer?: unknown; refused?: string }> {
  try {
    return { answer: await asking }
  } catch (error) {
    const refused = sqlState(error)
    if (refused === undefined) throw error
    return { refused }
  }
}

describe('stores', () => {
  let place: Neighbourhood
  let acme: Neighbour

  beforeAll(async () => {
    place = await openNeighbourhood()
    acme = place.neighbours.acme
  })
  afterAll(() => place.close())

  /** A superuser's transaction that is rolled back; whoever works in it may take a role. */
  async function trying<T>(opening: string, work: (client: PoolClient, db: Kysely<Schema>) => Promise<T>) {
    const client = await place.superuser.connect()
    try {
      await client.query(`begin; ${opening}`)
      return await work(client, kyselyOn<Schema>(client).withSchema('regent'))
    } finally {
      await client.query('rollback')
      client.release()
    }
  }

  const as = (db: Kysely<Schema>, { tenantId }: Neighbour) => ({ db, tenantId }) as TenantConnection
  const runtime = ({ tenantId }: Neighbour) =>
    `set local role regent_runtime; set local regent.tenant = '${tenantId}'`

  const expectNothingOfAcme = (answer: unknown, who: Neighbour) => {
    const words = [
      'of acme',
      place.names.workspace.issuer,
      ...(who.tenantId === acme.tenantId ? [] : [acme.tenantId]),
    ]
    expect(words.filter((word) => show(answer).includes(word))).toEqual([])
  }

  /** Fails with 55P03 while somebody else holds a row of acme's that can be locked. */
  const lockAcme = (client: Pick<ClientBase, 'query'>) =>
    client.query(
      `select from regent.client join regent.signing_key using (tenant_id, workspace_id)
       where tenant_id = '${acme.tenantId}' and workspace_id = '${acme.workspaceId}' for update nowait`,
    )

  it('have a question here for every method that they have', async () => {
    const modules = readSource().filter(({ path }) => path.endsWith('-store.ts'))
    expect(modules.length).toBeGreaterThan(5)
    const found: string[] = []
    for (const { path } of modules) {
      const exported = (await import(resolve(path))) as Record<string, unknown>
      for (const [name, factory] of Object.entries(exported)) {
        if (typeof factory !== 'function') throw new Error(`${path} exports ${name}, which makes no store`)
        const store: unknown = factory({ db: {}, tenantId: acme.tenantId }, 'eu', acme.workspaceId)
        found.push(...Object.keys(Object(store)).map((method) => `${name}.${method}`))
      }
    }
    expect([...OF_TENANTS.map(([name]) => name), ...OF_NOBODY].toSorted()).toEqual(found.toSorted())
  })

  describe.each(OF_TENANTS)('%s', (name, ask) => {
    it('is of use to its own tenant', async () => {
      const before = await place.dump(acme, 'whole tenant')
      await trying(runtime(acme), async (client, db) => {
        const answer = await ask(as(db, acme), acme, place.names)
        await client.query('reset role')
        const changed = show(await place.dump(acme, 'whole tenant', client)) !== show(before)
        const { refused } = await outcome(lockAcme(place.superuser))
        expect(changed || refused === '55P03' || !isNothing(answer)).toBe(true)
      })
    })

    it.each(neighboursOf(name))(
      'in the transaction of a %s with the same ids, works on its own rows only',
      async (who) => {
        const neighbour = place.neighbours[who]
        const before = await place.dump(acme)
        const { answer, refused } = await place.world.database.inTenant(
          neighbour.tenantId,
          async (connection) => {
            const done = await outcome(ask(connection, neighbour, place.names))
            await lockAcme(place.superuser)
            return done
          },
        )
        expect(refused).toBeUndefined()
        expectNothingOfAcme(answer, neighbour)
        expect(await place.dump(acme)).toEqual(before)
        await place.plant(neighbour)
      },
    )

    it.each(neighboursOf(name))(
      'names tenant and workspace itself: does the same to a %s where no row-level security helps',
      async (who) => {
        const neighbour = place.neighbours[who]
        const before = await place.dump(acme)
        const { rival } = place.neighbours
        // It has one workspace, and row-level security sees to the rest.
        const simple = await trying(runtime(rival), (_client, db) => ask(as(db, rival), rival, place.names))
        await trying('', async (client, db) => {
          const answer = await ask(as(db, neighbour), neighbour, place.names)
          if (!ANSWERS_DIFFER.includes(name.split('.')[0] ?? ''))
            expect(unmarked(answer, neighbour)).toBe(unmarked(simple, rival))
          await lockAcme(place.superuser)
          expectNothingOfAcme(answer, neighbour)
          expect(await place.dump(acme, 'workspace', client)).toEqual(before)
        })
      },
    )

    it('in the transaction of a tenant that has nothing, sees nothing and changes nothing', async () => {
      const { newcomer } = place.neighbours
      const before = await place.dump(acme)
      const asking = place.world.database.inTenant(newcomer.tenantId, (connection) =>
        ask(connection, newcomer, place.names),
      )
      const { answer, refused } = await outcome(asking)
      // 23503: what it would belong to is not there.
      if (refused !== undefined) expect(refused).toBe('23503')
      else if (!OWN_ANSWERS.includes(name)) expect(isNothing(answer)).toBe(true)
      expectNothingOfAcme(answer, newcomer)
      expect(await place.dump(acme)).toEqual(before)
      await place.plant(newcomer)
    })

    it.each([
      ['of another tenant', () => runtime(place.neighbours.newcomer)],
      ['of no tenant', () => 'set local role regent_runtime'],
    ])(
      'made for one tenant in a transaction %s, is stopped by row-level security',
      async (_case, opening) => {
        const before = await place.dump(acme)
        await trying(opening(), async (client, db) => {
          await client.query('savepoint before')
          const { answer, refused } = await outcome(ask(as(db, acme), acme, place.names))
          if (refused !== undefined) expect(refused).toBe('42501')
          else expect(isNothing(answer)).toBe(true)
          if (refused !== undefined) await client.query('rollback to before')
          await client.query('reset role')
          expect(await place.dump(acme, 'workspace', client)).toEqual(before)
        })
      },
    )

    it('without the role line, may do nothing (42501)', async () => {
      const client = await place.world.pool.connect()
      try {
        await client.query(`begin; set local regent.tenant = '${acme.tenantId}'`)
        const db = kyselyOn<Schema>(client).withSchema('regent')
        const { refused } = await outcome(ask(as(db, acme), acme, place.names))
        expect(refused).toBe('42501')
      } finally {
        await client.query('rollback')
        client.release()
      }
    })
  })

  describe('tenantNames.findTenantId', () => {
    const find = (slug: string, region: 'eu' | 'us' | 'au') =>
      place.world.database.beforeTenant((connection) =>
        tenantNames(connection).findTenantId(region, slug as TenantSlug),
      )

    it('finds the tenant of that name in that region and no other', async () => {
      const { rival, namesake } = place.neighbours
      expect(await find('acme', 'eu')).toBe(acme.tenantId)
      expect(await find('acme', 'us')).toBe(namesake.tenantId)
      expect(await find('rival', 'eu')).toBe(rival.tenantId)
      expect(await find('acme', 'au')).toBeUndefined()
      expect(await find('ACME', 'eu')).toBeUndefined()
    })

    it('without the role line, may do nothing (42501)', async () => {
      const db = kyselyOn<Schema>(place.world.pool as unknown as PoolClient)
      const asking = tenantNames({ db } as Parameters<typeof tenantNames>[0])
      await expect(asking.findTenantId('eu', 'acme' as TenantSlug)).rejects.toMatchObject({ code: '42501' })
    })
  })

  describe('tenantRegistry.insertTenant', () => {
    const take = (db: Kysely<Schema>, over: object) =>
      tenantRegistry({ db } as OperatorConnection).insertTenant({
        id: NEWER as TenantId,
        slug: 'newer' as TenantSlug,
        region: 'eu',
        ...over,
      })

    it.each([
      ['an operator makes a tenant', 'set local role regent_operator', {}, undefined],
      ['not with an id that is taken', 'set local role regent_operator', { id: 'ACME' }, '23505'],
      ['not with a name that is taken there', 'set local role regent_operator', { slug: 'acme' }, '23505'],
      ['who serves requests makes none', 'set local role regent_runtime', {}, '42501'],
      ['nor for its own tenant', 'OF ACME', {}, '42501'],
      ['nor does the login', 'set local role regent_test_login', {}, '42501'],
    ])('%s', async (_case, opening, over, refused) => {
      const before = await place.dump(acme)
      await trying(opening === 'OF ACME' ? runtime(acme) : opening, async (_client, db) => {
        const input = 'id' in over ? { id: acme.tenantId } : over
        expect((await outcome(take(db, input))).refused).toBe(refused)
      })
      expect(await place.dump(acme)).toEqual(before)
    })
  })

  describe('tenantRegistry.updateTenantLimit', () => {
    const limit = (db: Kysely<Schema>, region = acme.region) =>
      tenantRegistry({ db } as OperatorConnection).updateTenantLimit(
        { id: acme.tenantId, slug: 'acme' as TenantSlug, region },
        7,
      )

    it('lets an operator limit that tenant and no other', async () => {
      await trying('set local role regent_operator', async (client, db) => {
        expect(await limit(db)).toBe(true)
        const { rows } = await client.query('select tenant_id from regent.tenant where tokens_per_minute = 7')
        expect(rows).toEqual([{ tenant_id: acme.tenantId }])
      })
    })

    it('limits nobody under the name of another region', async () => {
      await trying('set local role regent_operator', async (_client, db) => {
        expect(await limit(db, 'us')).toBe(false)
      })
    })

    it.each([
      ['a tenant not itself', () => runtime(acme)],
      ['nor another', () => runtime(place.neighbours.rival)],
      ['nor may the login, without the role line', () => 'set local role regent_test_login'],
    ])('lets %s (42501)', async (_case, opening) => {
      await trying(opening(), async (_client, db) => {
        expect((await outcome(limit(db))).refused).toBe('42501')
      })
    })
  })

  describe('keyStoreSamples.listSamples', () => {
    const owners = async (opening: string, region: string) =>
      trying(opening, async (_client, db) => {
        const samples = await keyStoreSamples({ db } as OperatorConnection).listSamples(region)
        return samples.map(({ tenantId }) => tenantId)
      })

    it('shows an operator keys of that region only', async () => {
      const operator = 'set local role regent_operator'
      const { rival, namesake } = place.neighbours
      expect(await owners(operator, 'us')).toEqual([namesake.tenantId])
      expect([acme.tenantId, rival.tenantId]).toContain((await owners(operator, 'eu'))[0])
      expect(await owners(operator, 'au')).toEqual([])
    })

    it('shows a tenant none but its own', async () => {
      const { rival, newcomer } = place.neighbours
      expect(await owners(runtime(rival), 'eu')).toEqual([rival.tenantId])
      expect(await owners(runtime(newcomer), 'eu')).toEqual([])
      expect(await owners('set local role regent_runtime', 'eu')).toEqual([])
    })

    it('without the role line, may do nothing (42501)', async () => {
      await expect(owners('set local role regent_test_login', 'eu')).rejects.toMatchObject({ code: '42501' })
    })
  })
})
