import { createClient, deleteClient, setClientState } from '../../src/changes/client-changes.ts'
import { createResourceServer } from '../../src/changes/create-resource-server.ts'
import { createTenant } from '../../src/changes/create-tenant.ts'
import { createWorkspace } from '../../src/changes/create-workspace.ts'
import { createSecret, revokeCredential } from '../../src/changes/credential-changes.ts'
import { revokeKey, rotateKeys } from '../../src/changes/key-changes.ts'
import { grantScopes, withdrawScopes } from '../../src/changes/scope-changes.ts'
import type { ClientId, CredentialId, Kid } from '../../src/ids.ts'
import type { ScopeToken } from '../../src/oauth/scope.ts'
import { openWorld, ORDERS, type World, type WorldWorkspace } from '../support/world.ts'

const ROBOT = 'robot' as ClientId

describe('changes', () => {
  let world: World
  let orders: WorldWorkspace

  beforeAll(async () => {
    world = await openWorld()
    orders = await world.workspace('https://acme.eu.token.example/orders', { chosenSecrets: true })
    await orders.client('robot')
  })
  afterAll(() => world.close())

  const rows = async <Row extends object>(text: string, values: readonly unknown[] = []) =>
    (await world.superuser<Row>(text, values)).rows
  const feed = () =>
    rows<{ number: string; kind: string }>(
      `select number, kind from regent.change_feed where region = 'eu' order by number`,
    )
  /** The whole database as text, for finding what must not be in it; but for heartbeats, which come by themselves. */
  const dump = async () => {
    const tables = await rows<{ name: string }>(
      `select tablename as name from pg_tables where schemaname = 'regent' and tablename <> 'node'`,
    )
    const each = tables.map(({ name }) => `select '${name}' as name, t::text as row from regent.${name} t`)
    return JSON.stringify(await rows(`${each.join(' union all ')} order by 1, 2`))
  }

  it('leave their rows, an audit event and a feed entry, in one transaction', async () => {
    const before = await feed()
    const { feedNumber } = await setClientState(orders.change, orders.workspace, ROBOT, 'disabled')
    await setClientState(orders.change, orders.workspace, ROBOT, 'enabled')
    expect((await feed()).slice(before.length).map(({ kind }) => kind)).toEqual([
      'client_disabled',
      'client_enabled',
    ])
    expect(Number((await feed())[before.length]?.number)).toBe(feedNumber)
    const [event] = await rows(
      `select action, subject, actor, workspace_id from regent.audit_event where action = 'client_disabled'`,
    )
    expect(event).toEqual({
      action: 'client_disabled',
      subject: 'robot',
      actor: 'test',
      workspace_id: orders.workspace.id,
    })
  })

  it('are numbered without gaps, in the order of their commits, when many come at once', async () => {
    const before = (await feed()).length
    const made = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        createClient(orders.change, orders.workspace, { id: `many-${index}`, name: 'x' }),
      ),
    )
    const numbers = (await feed()).slice(before).map(({ number }) => Number(number))
    expect(numbers).toEqual(Array.from({ length: 50 }, (_, index) => before + 1 + index))
    expect(made.map(({ feedNumber }) => feedNumber).toSorted((a, b) => a - b)).toEqual(numbers)
  })

  it('keep no secret and no private key in the database, in no table (T55)', async () => {
    const { secret } = await createSecret(orders.change, orders.workspace, ROBOT, { label: 'seen once' })
    const { secret: chosen } = await createSecret(orders.change, orders.workspace, ROBOT, {
      chosen: 'chosen-by-somebody',
    })
    const text = await dump()
    expect(text).toContain('seen once')
    for (const hidden of [secret, secret.slice(21, 64), chosen, '"d":', 'PRIVATE KEY'])
      expect(text).not.toContain(hidden)
    const events = JSON.stringify(
      await rows(`select details from regent.audit_event where action = 'secret_created'`),
    )
    expect(events).not.toContain('$2b$')
  })

  it('give a client five live secrets and no sixth, also when ten are made at once', async () => {
    const five = await orders.client('five', { scope: [] })
    const attempts = await Promise.allSettled(
      Array.from({ length: 10 }, () => createSecret(orders.change, orders.workspace, 'five' as ClientId)),
    )
    const refused = attempts.flatMap((attempt) =>
      attempt.status === 'rejected' ? [attempt.reason as unknown] : [],
    )
    expect(refused).toHaveLength(6)
    for (const reason of refused)
      expect(reason).toMatchObject({ name: 'ChangeRefusal', reason: 'too_many_credentials' })
    await revokeCredential(
      orders.change,
      orders.workspace,
      'five' as ClientId,
      five.credentialId as CredentialId,
    )
    await expect(createSecret(orders.change, orders.workspace, 'five' as ClientId)).resolves.toMatchObject({
      secret: expect.any(String),
    })
  })

  it('never give a name out again', async () => {
    await createClient(orders.change, orders.workspace, { id: 'gone', name: 'x' })
    await deleteClient(orders.change, orders.workspace, 'gone' as ClientId)
    await expect(
      createClient(orders.change, orders.workspace, { id: 'gone', name: 'x' }),
    ).rejects.toMatchObject({ reason: 'name_taken' })
    // At once: whoever creates waits for the deletion, and then finds the tombstone.
    await createClient(orders.change, orders.workspace, { id: 'going', name: 'x' })
    const [deleted, created] = await Promise.allSettled([
      deleteClient(orders.change, orders.workspace, 'going' as ClientId),
      createClient(orders.change, orders.workspace, { id: 'going', name: 'y' }),
    ])
    expect(deleted.status).toBe('fulfilled')
    expect(created).toMatchObject({ status: 'rejected', reason: { reason: 'name_taken' } })
    const elsewhere = await world.workspace('https://acme.eu.token.example/elsewhere')
    await expect(
      createClient(elsewhere.change, elsewhere.workspace, { id: 'gone', name: 'x' }),
    ).resolves.toBeDefined()
  })

  it('make two tenants of one name in two regions, and never two in one', async () => {
    const eu = await createTenant(world.needs('eu'), { slug: 'twin' })
    const us = await createTenant(world.needs('us'), { slug: 'twin' })
    expect(eu.tenant.id).not.toBe(us.tenant.id)
    await expect(createTenant(world.needs('eu'), { slug: 'twin' })).rejects.toMatchObject({
      reason: 'name_taken',
    })
  })

  const settle = (promise: Promise<unknown>) =>
    promise.then(
      () => undefined,
      (error: unknown) => error,
    )
  const change = () => orders.change
  const workspace = () => orders.workspace
  it.each([
    ['a tenant with a reserved name', () => createTenant(change(), { slug: 'mtls' }), 'slug', 'slug_syntax'],
    ['a tenant called system', () => createTenant(change(), { slug: 'system' }), 'slug', 'slug_syntax'],
    [
      'a workspace with a name in upper case',
      () => createWorkspace(change(), workspace().tenant, { slug: 'Orders' }),
      'slug',
      'slug_syntax',
    ],
    [
      'a workspace twice',
      () => createWorkspace(change(), workspace().tenant, { slug: 'orders' }),
      'slug',
      'name_taken',
    ],
    [
      'a lead shorter than two ages',
      () => createWorkspace(change(), workspace().tenant, { slug: 'x', settings: { signingLead: 1799 } }),
      'signingLead',
      'out_of_bounds',
    ],
    [
      'tokens that live too long',
      () =>
        createWorkspace(change(), workspace().tenant, {
          slug: 'x',
          settings: { accessTokenLifetime: 86_401 },
        }),
      'accessTokenLifetime',
      'out_of_bounds',
    ],
    [
      'a resource server twice',
      () => createResourceServer(change(), workspace(), { identifier: ORDERS, name: 'x', scopes: {} }),
      'identifier',
      'name_taken',
    ],
    [
      'an identifier with a fragment',
      () =>
        createResourceServer(change(), workspace(), {
          identifier: 'https://x.example/#',
          name: 'x',
          scopes: {},
        }),
      'identifier',
      'identifier_syntax',
    ],
    [
      'a scope of another resource server',
      () =>
        createResourceServer(change(), workspace(), {
          identifier: 'https://y.example',
          name: 'x',
          scopes: { read: '' },
        }),
      'scopes',
      'name_taken',
    ],
    [
      'the scope openid',
      () =>
        createResourceServer(change(), workspace(), {
          identifier: 'https://y.example',
          name: 'x',
          scopes: { openid: '' },
        }),
      'scopes',
      'scope_syntax',
    ],
    [
      'a scope with a space',
      () =>
        createResourceServer(change(), workspace(), {
          identifier: 'https://y.example',
          name: 'x',
          scopes: { 'a b': '' },
        }),
      'scopes',
      'scope_syntax',
    ],
    [
      'a client id with a colon',
      () => createClient(change(), workspace(), { id: 'a:b', name: 'x' }),
      'id',
      'client_id_syntax',
    ],
    [
      'a client twice',
      () => createClient(change(), workspace(), { id: 'robot', name: 'x' }),
      'id',
      'name_taken',
    ],
    [
      'to disable nobody',
      () => setClientState(change(), workspace(), 'nobody' as ClientId, 'disabled'),
      'id',
      'unknown_client',
    ],
    [
      'to delete nobody',
      () => deleteClient(change(), workspace(), 'nobody' as ClientId),
      'id',
      'unknown_client',
    ],
    [
      'a scope that nobody owns',
      () => grantScopes(change(), workspace(), ROBOT, ['read', 'unheard-of']),
      'scopes',
      'unknown_scope',
    ],
    [
      'to withdraw what was not granted',
      () => withdrawScopes(change(), workspace(), ROBOT, ['invoices:pay' as ScopeToken]),
      'scopes',
      'unknown_scope',
    ],
    [
      'a secret for nobody',
      () => createSecret(change(), workspace(), 'nobody' as ClientId),
      'id',
      'unknown_client',
    ],
    [
      'a second chosen secret',
      () => createSecret(change(), workspace(), ROBOT, { chosen: 'another' }),
      'chosen',
      'name_taken',
    ],
    [
      'a chosen secret of 73 bytes',
      () => createSecret(change(), workspace(), ROBOT, { chosen: 'x'.repeat(73) }),
      'chosen',
      'secret_syntax',
    ],
    [
      'a chosen secret that looks generated',
      () => createSecret(change(), workspace(), ROBOT, { chosen: 'rgs_x' }),
      'chosen',
      'secret_syntax',
    ],
    [
      'to revoke what is not there',
      () => revokeCredential(change(), workspace(), ROBOT, 'x' as CredentialId),
      'id',
      'unknown_credential',
    ],
    [
      'to rotate before verifiers can have the next key',
      () => rotateKeys(change(), workspace()),
      'workspace',
      'key_too_young',
    ],
    [
      'to revoke a key that is not there',
      () => revokeKey(change(), workspace(), 'x' as Kid),
      'kid',
      'unknown_key',
    ],
  ] as [string, () => Promise<unknown>, string, string][])(
    'refuse %s, name the field, and write nothing',
    async (_case, work, field, reason) => {
      const before = await dump()
      expect(await settle(work())).toMatchObject({
        name: 'ChangeRefusal',
        field,
        reason,
        message: expect.stringMatching(/^[a-z]/),
      })
      expect(await dump()).toBe(before)
    },
  )

  it('refuse chosen secrets where the workspace takes none', async () => {
    const strict = await world.workspace('https://acme.eu.token.example/strict')
    await strict.client('robot')
    await expect(createSecret(strict.change, strict.workspace, ROBOT, { chosen: 'x' })).rejects.toMatchObject(
      { reason: 'chosen_secrets_off' },
    )
  })
})
