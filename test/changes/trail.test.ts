/** What each change leaves in the audit trail and in the feed, and in which order readers of the feed see it. */
import { Client, Pool } from 'pg'
import type { ChangeAction } from '../../src/changes/change-event.ts'
import { addTenantAdministrator } from '../../src/changes/add-administrator.ts'
import { chooseSigning } from '../../src/changes/choose-signing.ts'
import { createClient, deleteClient, setClientState, updateClient } from '../../src/changes/client-changes.ts'
import { createResourceServer } from '../../src/changes/create-resource-server.ts'
import { createTenant } from '../../src/changes/create-tenant.ts'
import { createWorkspace } from '../../src/changes/create-workspace.ts'
import {
  createSecret,
  revokeCredential,
  rotateSecret,
  updateCredential,
} from '../../src/changes/credential-changes.ts'
import { maintainKeys } from '../../src/changes/key-changes.ts'
import { setIssuanceLimit } from '../../src/changes/limit-changes.ts'
import {
  addScopes,
  deleteResourceServer,
  removeScope,
  renameResourceServer,
} from '../../src/changes/resource-server-changes.ts'
import { noteRestore } from '../../src/changes/note-restore.ts'
import { confirmReplacement, replaceOwnSecret } from '../../src/changes/replace-own-secret.ts'
import { markEmptied } from '../../src/changes/remove-deleted.ts'
import { grantScopes, withdrawScopes } from '../../src/changes/scope-changes.ts'
import {
  deleteTenant,
  restoreTenant,
  resumeTenant,
  setQuotas,
  suspendTenant,
} from '../../src/changes/tenant-changes.ts'
import { setWorkspaceState, updateWorkspace } from '../../src/changes/workspace-changes.ts'
import type { ClientId, CredentialId, ResourceServerId } from '../../src/ids.ts'
import type { ScopeToken } from '../../src/oauth/scope.ts'
import { openWorld, type World, type WorldWorkspace } from '../support/world.ts'

const ROBOT = 'robot' as ClientId
const READ = 'read' as ScopeToken

describe('changes', () => {
  let world: World
  let orders: WorldWorkspace
  let superuser: Client

  beforeAll(async () => {
    world = await openWorld()
    orders = await world.workspace('https://acme.eu.token.example/orders', { chosenSecrets: true })
    superuser = new Client({ connectionString: world.urls.superuser })
    await superuser.connect()
  })
  afterAll(async () => {
    await superuser.end()
    await world.close()
  })

  const rows = async <Row extends object>(text: string, values: readonly unknown[] = []) =>
    (await superuser.query<Row>(text, [...values])).rows
  /** Every row that there is, as text. */
  const dump = async () => {
    const tables = await rows<{ name: string }>(
      `select tablename as name from pg_tables where schemaname = 'regent' order by 1`,
    )
    const texts: string[] = []
    for (const { name } of tables) {
      const all = await rows<{ row: string }>(
        `select to_jsonb(t)::text as row from regent.${name} t order by 1`,
      )
      texts.push(...all.map(({ row }) => `${name} ${row}`))
    }
    return texts
  }

  type Told = { readonly feedNumber: number }
  let secret = ''
  let credentialId = '' as CredentialId
  let replacementId = '' as CredentialId
  const change = () => ({ ...orders.change, actor: 'alice', requestId: 'request-1' })
  /** Of operators: bootstrap.test.ts; what a document alone does, in one change with others: test/admin/document/. */
  type Elsewhere =
    | 'operator_recovered'
    | 'document_applied'
    | 'resource_server_changed'
    | 'scope_changed'
    | 'secret_imported'
  /** In the order of a client's life. The compiler asks for each action that there is. */
  const LIFE: Record<
    Exclude<ChangeAction, Elsewhere>,
    { subject: string; details?: unknown; work: () => Promise<Told> }
  > = {
    tenant_created: {
      subject: 'beta',
      details: { region: 'eu', administrator: 'admin' },
      work: () => createTenant(change(), { slug: 'beta' }),
    },
    tenant_suspended: {
      subject: 'acme',
      details: { state: 'suspended' },
      work: () => suspendTenant(change(), orders.workspace.tenant),
    },
    tenant_resumed: {
      subject: 'acme',
      details: { state: 'live' },
      work: () => resumeTenant(change(), orders.workspace.tenant),
    },
    tenant_deleted: {
      subject: 'acme',
      details: { state: 'deleted', wait: 60 },
      work: () => deleteTenant(change(), orders.workspace.tenant, 60),
    },
    tenant_restored: {
      subject: 'acme',
      details: { state: 'suspended' },
      work: () => restoreTenant(change(), orders.workspace.tenant),
    },
    database_restored: {
      subject: 'acme',
      details: { since: '2026-11-26T02:00:00.000Z', lost: 3 },
      work: () =>
        noteRestore(change(), orders.workspace.tenant, { since: '2026-11-26T02:00:00.000Z', lost: 3 }),
    },
    quotas_set: {
      subject: 'acme',
      details: { clients: 1000 },
      work: () => setQuotas(change(), orders.workspace.tenant, { clients: 1000 }),
    },
    administrator_added: {
      subject: expect.stringMatching(/^admin-/),
      work: () => addTenantAdministrator(change(), orders.workspace.tenant),
    },
    workspace_created: {
      subject: 'new',
      details: { issuer: 'https://acme.eu.token.example/acme/new' },
      work: () => createWorkspace(change(), orders.workspace.tenant, { slug: 'new' }),
    },
    workspace_changed: {
      subject: 'orders',
      details: { before: { accessTokenLifetime: 600 }, after: { accessTokenLifetime: 601 } },
      work: () => updateWorkspace(change(), orders.workspace, { accessTokenLifetime: 601 }),
    },
    workspace_disabled: {
      subject: 'orders',
      work: () => setWorkspaceState(change(), orders.workspace, 'disabled'),
    },
    workspace_enabled: {
      subject: 'orders',
      work: () => setWorkspaceState(change(), orders.workspace, 'enabled'),
    },
    resource_server_created: {
      subject: 'https://new.example',
      details: { name: 'New', scopes: ['new:read'], jwtType: 'at+jwt' },
      work: () =>
        createResourceServer(change(), orders.workspace, {
          identifier: 'https://new.example',
          name: 'New',
          scopes: { 'new:read': 'read' },
        }),
    },
    resource_server_renamed: {
      subject: 'https://orders.example',
      details: { before: { name: 'Orders' }, after: { name: 'All orders' } },
      work: () => renameResourceServer(change(), orders.workspace, orders.orders, 'All orders'),
    },
    scopes_added: {
      subject: 'https://orders.example',
      details: { scopes: ['new'] },
      work: () => addScopes(change(), orders.workspace, orders.orders, { new: 'new' }),
    },
    scope_removed: {
      subject: 'https://orders.example',
      details: { scope: 'new' },
      work: () => removeScope(change(), orders.workspace, orders.orders, 'new' as ScopeToken),
    },
    resource_server_deleted: {
      subject: 'https://invoices.example',
      work: () => deleteResourceServer(change(), orders.workspace, orders.invoices),
    },
    signing_chosen: {
      subject: 'https://orders.example',
      details: { algorithm: 'ES256', jwtType: 'JWT', steps: [] },
      work: () => chooseSigning(change(), orders.workspace, orders.orders, 'ES256', 'JWT'),
    },
    client_created: {
      subject: 'robot',
      details: expect.objectContaining({
        name: 'Robot',
        state: 'enabled',
        tokenEndpointAuthMethod: 'client_secret_basic',
      }),
      work: () => createClient(change(), orders.workspace, { id: 'robot', name: 'Robot' }),
    },
    client_changed: {
      subject: 'robot',
      details: { before: { name: 'Robot' }, after: { name: 'The robot' } },
      work: () => updateClient(change(), orders.workspace, ROBOT, { name: 'The robot' }),
    },
    client_disabled: {
      subject: 'robot',
      work: () => setClientState(change(), orders.workspace, ROBOT, 'disabled'),
    },
    client_enabled: {
      subject: 'robot',
      work: () => setClientState(change(), orders.workspace, ROBOT, 'enabled'),
    },
    scopes_granted: {
      subject: 'robot',
      details: { scopes: ['read'], byDefault: false },
      work: () => grantScopes(change(), orders.workspace, ROBOT, ['read'], false),
    },
    scopes_withdrawn: {
      subject: 'robot',
      details: { scopes: ['read'] },
      work: () => withdrawScopes(change(), orders.workspace, ROBOT, [READ]),
    },
    secret_created: {
      subject: 'robot',
      details: {
        id: expect.any(String),
        origin: 'generated',
        label: 'first',
        state: 'live',
        expiresAt: 2_000_000_000,
        createdBy: 'alice',
      },
      async work() {
        const made = await createSecret(change(), orders.workspace, ROBOT, {
          label: 'first',
          expiresAt: 2_000_000_000,
        })
        ;({ secret, credentialId } = made)
        return made
      },
    },
    secret_rotated: {
      subject: 'robot',
      details: {
        credentialId: expect.any(String),
        replaces: expect.any(String),
        oldExpiresAt: expect.any(Number),
      },
      work: () => rotateSecret(change(), orders.workspace, ROBOT, credentialId, { overlap: 60 }),
    },
    secret_replaced: {
      subject: 'robot',
      details: { credentialId: expect.any(String), replaces: expect.any(String), overlap: 60 },
      async work() {
        const made = await replaceOwnSecret(change(), orders.workspace, ROBOT, credentialId, { overlap: 60 })
        replacementId = made.credentialId
        return made
      },
    },
    replacement_used: {
      subject: 'robot',
      details: { credentialId: expect.any(String), replaces: expect.any(String), overlap: 60 },
      async work() {
        await confirmReplacement(change(), orders.workspace, ROBOT, replacementId)
        const [row] = await rows<{ number: string }>(
          `select number from regent.change_counter where region = 'eu'`,
        )
        return { feedNumber: Number(row?.number) }
      },
    },
    credential_changed: {
      subject: 'robot',
      details: {
        credentialId: expect.any(String),
        before: { label: 'first', expiresAt: expect.any(Number) },
        after: { label: 'old', expiresAt: expect.any(Number) },
      },
      work: () => updateCredential(change(), orders.workspace, ROBOT, credentialId, { label: 'old' }),
    },
    credential_revoked: {
      subject: 'robot',
      details: { credentialId: expect.any(String) },
      work: () => revokeCredential(change(), orders.workspace, ROBOT, credentialId),
    },
    keys_changed: {
      subject: 'orders',
      details: { rotate: false, steps: [] },
      work: () => maintainKeys(change(), orders.workspace),
    },
    limit_set: {
      subject: 'robot',
      details: { of: 'client', tokensPerMinute: 60 },
      work: () => setIssuanceLimit(change(), { workspace: orders.workspace, clientId: ROBOT }, 60),
    },
    client_deleted: { subject: 'robot', work: () => deleteClient(change(), orders.workspace, ROBOT) },
    workspace_deleted: {
      subject: 'orders',
      work: () => setWorkspaceState(change(), orders.workspace, 'deleted'),
    },
    workspace_emptied: {
      subject: 'orders',
      work: () =>
        markEmptied(change(), {
          tenantId: orders.workspace.tenant.id,
          workspaceId: orders.workspace.id,
          slug: 'orders',
        }),
    },
  }

  it.each(Object.entries(LIFE))(
    'leave one audit event and one feed entry of %s',
    async (action, { subject, details = {}, work }) => {
      const [last] = await rows<{ number: string }>(
        `select number from regent.change_counter where region = 'eu'`,
      )
      const known = (await rows<{ id: string }>('select event_id as id from regent.audit_event')).map(
        ({ id }) => id,
      )
      const { feedNumber } = await work()
      expect(feedNumber).toBe(Number(last?.number) + 1)

      const ofWhat = {
        tenant_id:
          action === 'tenant_created'
            ? expect.not.stringMatching(orders.workspace.tenant.id)
            : orders.workspace.tenant.id,
        workspace_id:
          action === 'workspace_created' || action === 'administrator_added'
            ? expect.any(String)
            : /^(?:tenant|quotas|database)_/.test(action)
              ? null
              : orders.workspace.id,
        subject,
      }
      expect(await rows('select * from regent.change_feed where number > $1', [last?.number])).toEqual([
        {
          region: 'eu',
          number: String(feedNumber),
          entry_id: expect.any(String),
          kind: action,
          ...ofWhat,
          changed_at: expect.any(Date),
        },
      ])
      expect(await rows('select * from regent.audit_event where event_id <> all ($1)', [known])).toEqual([
        {
          event_id: expect.any(String),
          action,
          ...ofWhat,
          actor: 'alice',
          request_id: 'request-1',
          details,
          occurred_at: expect.any(Date),
          peer: null,
          sequence: expect.any(String),
          mac: expect.any(Buffer),
        },
      ])
    },
  )

  it('keep no part of a secret, no hash outside its row, and no private key', async () => {
    const { secret: chosen } = await (async () => {
      await createClient(change(), orders.workspace, { id: 'keeper', name: 'x' })
      return createSecret(change(), orders.workspace, 'keeper' as ClientId, {
        chosen: 'Tr0ub4dor-and-3-friends',
      })
    })()
    const all = await dump()
    expect(all.length).toBeGreaterThan(60)
    const random = secret.slice(21, 64)
    for (const hidden of [
      secret,
      random,
      random.slice(0, 12),
      chosen,
      Buffer.from(chosen).toString('hex'),
      'PRIVATE KEY',
      '"d":',
    ])
      expect(all.filter((row) => row.includes(hidden))).toEqual([])
    // PKCS #8 of an elliptic curve begins so; a sealed one does not.
    expect(all.filter((row) => row.includes('\\x308187020100'))).toEqual([])
    expect(all.filter((row) => row.includes('$2b$') && !row.startsWith('credential '))).toEqual([])
  })

  it('come to readers in the order of their numbers: none is seen while a smaller one is missing', async () => {
    const readers = new Pool({ connectionString: world.urls.superuser, max: 2 })
    const [start] = await rows<{ number: string }>(
      `select number from regent.change_counter where region = 'eu'`,
    )
    const first = Number(start?.number)
    const state = { over: false }
    const views: number[][] = []
    const reading = (async () => {
      while (!state.over) {
        const { rows: seen } = await readers.query<{ number: string }>(
          `select number from regent.change_feed where region = 'eu' and number > $1 order by number`,
          [first],
        )
        views.push(seen.map(({ number }) => Number(number)))
      }
    })()
    const made = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        index % 5 === 0
          ? createClient(orders.change, orders.workspace, { id: 'a:b', name: 'refused' }).catch(
              () => undefined,
            )
          : createClient(orders.change, orders.workspace, { id: `many-${index}`, name: 'x' }),
      ),
    )
    state.over = true
    await reading
    await readers.end()
    expect(made.flatMap((one) => one?.feedNumber ?? []).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 40 }, (_, index) => first + 1 + index),
    )
    expect(views.length).toBeGreaterThan(3)
    for (const view of views)
      expect(view).toEqual(Array.from({ length: view.length }, (_, index) => first + 1 + index))
  })

  it('of two regions are counted apart', async () => {
    const count = (region: string) =>
      rows<{ number: string }>('select number from regent.change_counter where region = $1', [region])
    const before = await count('eu')
    const { feedNumber } = await createTenant(world.needs('us'), { slug: 'acme' })
    expect(await count('eu')).toEqual(before)
    expect(await count('us')).toEqual([{ number: String(feedNumber) }])
    const tenants = await rows(
      `select region, count(*)::int from regent.tenant where slug = 'acme' group by region order by 1`,
    )
    expect(tenants).toEqual([
      { region: 'eu', count: 1 },
      { region: 'us', count: 1 },
    ])
  })

  it('never give a name out again, in whatever order who deletes and who creates arrive', async () => {
    for (let round = 0; round < 20; round++) {
      const id = `phoenix-${round}`
      await createClient(orders.change, orders.workspace, { id, name: 'first' })
      const outcomes = await Promise.allSettled([
        createClient(orders.change, orders.workspace, { id, name: 'second' }),
        deleteClient(orders.change, orders.workspace, id as ClientId),
        createClient(orders.change, orders.workspace, { id, name: 'third' }),
        deleteClient(orders.change, orders.workspace, id as ClientId),
      ])
      const states = outcomes.map((outcome) =>
        outcome.status === 'fulfilled' ? 'done' : Object(outcome.reason).reason,
      )
      expect([states[0], states[2], [states[1], states[3]].toSorted()]).toEqual([
        'name_taken',
        'name_taken',
        ['done', 'unknown_client'],
      ])
      expect(await rows('select from regent.client where client_id = $1', [id])).toEqual([])
      expect(await rows('select from regent.tombstone where name = $1', [id])).toHaveLength(1)
    }
  })

  it('give a new resource server no name that one had before', async () => {
    await superuser.query(
      `insert into regent.tombstone (region, tenant_id, workspace_id, kind, name) values ('eu', $1, $2, 'resource_server', 'https://gone.example')`,
      [orders.workspace.tenant.id, orders.workspace.id],
    )
    const make = (workspace = orders.workspace) =>
      createResourceServer(orders.change, workspace, {
        identifier: 'https://gone.example',
        name: 'x',
        scopes: {},
      })
    await expect(make()).rejects.toMatchObject({ field: 'identifier', reason: 'name_taken' })
    const other = await world.workspace('https://acme.eu.token.example/other')
    await expect(make(other.workspace)).resolves.toBeDefined()
  })

  it('free the slot of a revoked secret, five times over, and the place of a chosen one', async () => {
    await createClient(orders.change, orders.workspace, { id: 'rotating', name: 'x' })
    const make = (chosen?: string) =>
      createSecret(
        orders.change,
        orders.workspace,
        'rotating' as ClientId,
        chosen === undefined ? {} : { chosen },
      )
    const ids = [await make('chosen-1'), await make(), await make(), await make(), await make()].map(
      (made) => made.credentialId,
    )
    for (const [index, id] of ids.entries()) {
      await expect(make()).rejects.toMatchObject({ reason: 'too_many_credentials' })
      await revokeCredential(orders.change, orders.workspace, 'rotating' as ClientId, id)
      await expect(
        revokeCredential(orders.change, orders.workspace, 'rotating' as ClientId, id),
      ).rejects.toMatchObject({
        reason: 'unknown_credential',
      })
      await (index === 0 ? make('chosen-2') : make())
      const slots = await rows<{ slot: number }>(
        `select slot from regent.credential where client_id = 'rotating' and state = 'live' order by slot`,
      )
      expect(slots.map(({ slot }) => slot)).toEqual([1, 2, 3, 4, 5])
    }
  })

  describe('of what the database would refuse', () => {
    const client = (over: object) =>
      createClient(orders.change, orders.workspace, { id: 'refused', name: 'x', ...over })
    const server = (over: object) =>
      createResourceServer(orders.change, orders.workspace, {
        identifier: 'https://refused.example',
        name: 'x',
        scopes: {},
        ...over,
      })
    const issue = (over: object) => createSecret(orders.change, orders.workspace, 'keeper' as ClientId, over)
    const open = (settings: object) =>
      createWorkspace(orders.change, orders.workspace.tenant, { slug: 'refused', settings })
    const emoji = '\u{1F511}'

    it.each([
      ['a client without a name', () => client({ name: '' }), 'name'],
      ['a name of 201 characters', () => client({ name: 'x'.repeat(201) }), 'name'],
      ['a name with a zero character', () => client({ name: 'a\0b' }), 'name'],
      ['half a character', () => client({ name: 'a\uD83D' }), 'name'],
      [
        'a default resource server that is not there',
        () => client({ defaultResourceServerId: '00000000-0000-4000-8000-000000000000' as ResourceServerId }),
        'defaultResourceServerId',
      ],
      [
        'a default resource server of another workspace',
        async () => {
          const other = await createWorkspace(orders.change, orders.workspace.tenant, {
            slug: `w-${Date.now()}`,
          })
          const { resourceServer } = await createResourceServer(orders.change, other.workspace, {
            identifier: 'https://x.example',
            name: 'x',
            scopes: {},
          })
          return client({ defaultResourceServerId: resourceServer.id })
        },
        'defaultResourceServerId',
      ],
      ['a resource server without a name', () => server({ name: '' }), 'name'],
      ['a resource server with too long a name', () => server({ name: emoji.repeat(201) }), 'name'],
      ['a scope token of 201 characters', () => server({ scopes: { ['x'.repeat(201)]: '' } }), 'scopes'],
      ['a description of 1001 characters', () => server({ scopes: { fine: 'x'.repeat(1001) } }), 'scopes'],
      ['a description with a zero character', () => server({ scopes: { fine: '\0' } }), 'scopes'],
      ['a label of 201 characters', () => issue({ label: 'x'.repeat(201) }), 'label'],
      ['a label with a zero character', () => issue({ label: '\0' }), 'label'],
      [
        'a secret that ends before it begins',
        () => issue({ notBefore: 2_000_000_001, expiresAt: 2_000_000_000 }),
        'expiresAt',
      ],
      [
        'a secret that ends as it begins',
        () => issue({ notBefore: 2_000_000_000, expiresAt: 2_000_000_000 }),
        'expiresAt',
      ],
      ['half a second', () => issue({ expiresAt: 2_000_000_000.5 }), 'expiresAt'],
      [
        'milliseconds where seconds are meant',
        () => issue({ expiresAt: 2_000_000_000_000_000 }),
        'expiresAt',
      ],
      ['no time at all', () => issue({ notBefore: Number.NaN }), 'notBefore'],
      ['an age of a JWKS that is too short', () => open({ jwksMaxAge: 59 }), 'jwksMaxAge'],
      ['a life of tokens in fractions', () => open({ accessTokenLifetime: 600.5 }), 'accessTokenLifetime'],
      ['a lead of more than a month', () => open({ signingLead: 2_592_001 }), 'signingLead'],
    ] as [string, () => Promise<unknown>, string][])(
      '%s is refused by the name of its field',
      async (_case, work, field) => {
        await expect(work()).rejects.toMatchObject({
          name: 'ChangeRefusal',
          field,
          reason: expect.stringMatching(/^[a-z]+(?:_[a-z]+)+$/),
        })
        expect(await rows(`select from regent.client where client_id = 'refused'`)).toEqual([])
        expect(
          await rows(`select from regent.resource_server where identifier = 'https://refused.example'`),
        ).toEqual([])
      },
    )

    it.each([
      ['a name of 200 characters, whatever their size', () => client({ name: emoji.repeat(200) })],
      [
        'a description of 1000 characters',
        () => server({ scopes: { ['x'.repeat(200)]: emoji.repeat(1000) }, name: emoji.repeat(200) }),
      ],
      ['no label', () => issue({ label: '' })],
      ['a secret for one second', () => issue({ notBefore: 2_000_000_000, expiresAt: 2_000_000_001 })],
    ])('%s is not', async (_case, work) => {
      await expect(work()).resolves.toBeDefined()
    })
  })
})
