/** The plan of a document, without a database: what is made, changed, ended or kept, and what cannot be. */
import { derivedId } from '../../../src/changes/apply/plan-credentials.ts'
import { planTenant } from '../../../src/changes/apply/plan.ts'
import type { PlanFault, Step } from '../../../src/changes/apply/step.ts'
import type { PresentTenant, PresentWorkspace } from '../../../src/changes/apply/wanted.ts'
import type { StoredCredential } from '../../../src/clients/credential-batch-store.ts'
import type { ClientId } from '../../../src/ids.ts'
import type { WorkspaceSlug } from '../../../src/tenancy/slug.ts'
import { readDocument } from '../../../src/admin/document/lines.ts'
import { documentReader } from '../../../src/admin/document/reader.ts'
import type { DocumentInput } from '../../../src/admin/document/document.ts'

type Workspaces = NonNullable<DocumentInput['workspaces']>
const HASH = `$2b$04$${'a'.repeat(53)}`
const SHOP: Workspaces[number] = {
  slug: 'shop',
  chosen_secrets: true,
  resource_servers: [
    { identifier: 'https://orders.example', name: 'Orders', scopes: [{ token: 'read' }, { token: 'write' }] },
  ],
  clients: [{ id: 'robot', name: 'Robot', scopes: ['read'], optional_scopes: ['write'] }],
}

async function wantedOf(workspaces: Workspaces) {
  const reader = documentReader()
  await readDocument({ regent: 1, tenant: 'acme', workspaces }, reader)
  expect(reader.faults).toEqual([])
  return reader.wanted()
}

/** A tenant that is as the document says, with ids as rows have them. */
async function presentOf(workspaces: Workspaces, credentials: readonly Partial<StoredCredential>[] = []) {
  const present = new Map<WorkspaceSlug, PresentWorkspace>()
  for (const { slug, settings, disabled, resourceServers, clients } of await wantedOf(workspaces)) {
    const servers = resourceServers.map(({ scopes, ...server }) => ({
      server: { ...server, id: `id of ${server.identifier}` as never },
      scopes,
    }))
    present.set(slug, {
      workspace: { ...settings, slug, disabled, id: slug as never, issuer: '' as never, tenant: {} as never },
      resourceServers: new Map(servers.map(({ server }) => [server.identifier, server])),
      scopes: new Map(
        servers.flatMap(({ server, scopes }) =>
          scopes.map((scope) => [scope.token, { ...scope, resourceServerId: server.id }]),
        ),
      ),
      clients: new Map(
        clients.map((client) => [
          client.id,
          { ...client, credentials: credentials.map(storedOf(client.id)) },
        ]),
      ),
    })
  }
  return { workspaces: present, takenSlugs: new Set<string>(present.keys()), buried: new Map() }
}

const storedOf = (clientId: ClientId) => (one: Partial<StoredCredential>, index: number) =>
  ({
    clientId,
    id: 'x'.repeat(16) as never,
    origin: 'generated',
    label: '',
    state: 'live',
    slot: index + 1,
    notBefore: undefined,
    expiresAt: undefined,
    ...one,
  }) as const

async function plan(wanted: Workspaces, present: PresentTenant, prune = false) {
  const planned = [...planTenant(await wantedOf(wanted), present, prune)]
  const faults: PlanFault[] = planned.flatMap((one) =>
    one !== undefined && 'fault' in one ? [one.fault] : [],
  )
  const steps: Step[] = planned.flatMap((one) => (one !== undefined && 'of' in one ? [one] : []))
  return {
    faults: faults.map(({ path, reason }) => `${path.join('/')} ${reason}`),
    steps,
    lines: steps.map(({ of, kind, name }) => `${of.do} ${kind} ${name}`),
  }
}

const NOBODY: PresentTenant = { workspaces: new Map(), takenSlugs: new Set(), buried: new Map() }
const withClient = (more: object): Workspaces => [
  {
    ...SHOP,
    clients: [{ id: 'robot', name: 'Robot', scopes: ['read'], optional_scopes: ['write'], ...more }],
  },
]

describe('the plan of a document', () => {
  it('makes all of it where there is nothing, in the order of what needs what', async () => {
    const { lines, faults } = await plan(withClient({ credentials: [{ hash: HASH }] }), NOBODY)
    expect(faults).toEqual([])
    const id = derivedId('shop' as WorkspaceSlug, 'robot' as ClientId, HASH)
    expect(lines).toEqual([
      'create workspace shop',
      'create resource_server https://orders.example',
      'create client robot',
      `create credential ${id}`,
    ])
  })

  it('has no step where all is as it should be, whatever the order of scopes', async () => {
    const wanted = withClient({ scopes: ['write', 'read'], optional_scopes: [] })
    const present = await presentOf(withClient({ scopes: ['read', 'write'], optional_scopes: [] }))
    expect((await plan(wanted, present)).lines).toEqual([])
  })

  it('says of a change what was before and what will be, and nothing else', async () => {
    const { steps } = await plan(
      [
        {
          ...SHOP,
          access_token_lifetime: 300,
          clients: [{ id: 'robot', name: 'Machine', scopes: ['read'] }],
        },
      ],
      await presentOf([SHOP]),
    )
    expect(steps.map(({ before, after }) => ({ before, after }))).toEqual([
      { before: { accessTokenLifetime: 600 }, after: { accessTokenLifetime: 300 } },
      {
        before: { name: 'Robot', optionalScopes: ['write'] },
        after: { name: 'Machine', optionalScopes: [] },
      },
    ])
  })

  it('shows no hash', async () => {
    const { steps } = await plan(withClient({ credentials: [{ hash: HASH, label: 'old' }] }), NOBODY)
    const shown = steps.map(({ name, before, after, note }) => ({ name, before, after, note }))
    expect(JSON.stringify(shown)).toContain('old')
    expect(JSON.stringify(shown)).not.toContain('$2b$')
  })

  it.each([
    [false, 'keep'],
    [true, 'delete'],
  ])('with prune=%s: %s for what nobody wants', async (prune, does) => {
    const present = await presentOf(
      [
        {
          ...SHOP,
          resource_servers: [
            ...(SHOP.resource_servers ?? []),
            { identifier: 'https://old.example', name: 'Old', scopes: [{ token: 'old' }] },
          ],
          clients: [...(SHOP.clients ?? []), { id: 'old', name: 'Old' }],
        },
        { slug: 'old' },
      ],
      [{}],
    )
    const wanted: Workspaces = [
      {
        ...SHOP,
        resource_servers: [
          { identifier: 'https://orders.example', name: 'Orders', scopes: [{ token: 'read' }] },
        ],
        clients: [{ id: 'robot', name: 'Robot', scopes: ['read'], credentials: [] }],
      },
    ]
    expect((await plan(wanted, present, prune)).lines).toEqual([
      `${does} scope write`,
      `${does} resource_server https://old.example`,
      'update client robot',
      `${does} credential ${'x'.repeat(16)}`,
      `${does} client old`,
      `${does} workspace old`,
    ])
  })

  it.each<[string, Workspaces, string]>([
    [
      'a scope that nobody owns',
      withClient({ scopes: ['none'] }),
      'workspaces/0/clients/0/scopes/0 unknown_scope',
    ],
    [
      'a resource server that is not there',
      withClient({ default_resource_server: 'https://none.example' }),
      'workspaces/0/clients/0/defaultResourceServer unknown_resource_server',
    ],
    [
      'a scope of another resource server',
      [
        {
          ...SHOP,
          resource_servers: [{ identifier: 'https://new.example', name: 'New', scopes: [{ token: 'read' }] }],
        },
      ],
      'workspaces/0/resourceServers/0/scopes/0/token name_taken',
    ],
    [
      'a name that was given out before',
      withClient({ id: 'bygone' }),
      'workspaces/0/clients/0/id name_taken',
    ],
    ['a workspace that was deleted', [{ slug: 'gone' }], 'workspaces/0/slug name_taken'],
  ])('has a fault for %s', async (_what, wanted, fault) => {
    const present = {
      ...(await presentOf([SHOP])),
      takenSlugs: new Set(['shop', 'gone']),
      buried: new Map([
        ['shop' as WorkspaceSlug, { clients: new Set(['bygone']), resourceServers: new Set<string>() }],
      ]),
    }
    expect((await plan(wanted, present)).faults).toEqual([fault])
  })

  it('takes what is kept for granted, and not what is pruned', async () => {
    const wanted: Workspaces = [{ slug: 'shop', chosen_secrets: true, clients: SHOP.clients }]
    expect((await plan(wanted, await presentOf([SHOP]))).faults).toEqual([])
    expect((await plan(wanted, await presentOf([SHOP]), true)).faults).toHaveLength(2)
  })

  describe('of secrets', () => {
    const REVOKED = derivedId('shop' as WorkspaceSlug, 'robot' as ClientId, HASH)
    it.each<[string, readonly object[], readonly Partial<StoredCredential>[], readonly string[]]>([
      [
        'a reference to one that is not here',
        [{ id: 'y'.repeat(16) }],
        [],
        [`missing credential ${'y'.repeat(16)}`],
      ],
      [
        'another label of one that is',
        [{ id: 'x'.repeat(16), label: 'new' }],
        [{}],
        [`update credential ${'x'.repeat(16)}`],
      ],
      ['a reference that says no more', [{ id: 'x'.repeat(16) }], [{ label: 'old', expiresAt: 2e9 }], []],
      [
        'no end any more',
        [{ id: 'x'.repeat(16), expires_at: null }],
        [{ expiresAt: 2e9 }],
        [`update credential ${'x'.repeat(16)}`],
      ],
      ['a hash that came before, and was hashed anew since', [{ hash: HASH }], [{ origin: 'chosen' }], []],
      [
        'a hash whose secret was revoked',
        [{ hash: HASH }],
        [{ id: REVOKED, state: 'revoked' }],
        [`missing credential ${REVOKED}`],
      ],
    ])('%s', async (_what, credentials, present, lines) => {
      const planned = await plan(withClient({ credentials }), await presentOf([SHOP], present))
      expect([planned.lines, planned.faults]).toEqual([lines, []])
    })

    it.each<[string, readonly object[], readonly Partial<StoredCredential>[]]>([
      [
        'a second one that Regent did not generate',
        [{ id: 'z'.repeat(16), hash: HASH }],
        [{ origin: 'chosen' }],
      ],
      [
        'a sixth',
        [{ id: 'z'.repeat(16), hash: HASH, origin: 'generated' }],
        ['a', 'b', 'c', 'd', 'e'].map((id) => ({ id: id.repeat(16) as never })),
      ],
    ])('has a fault for %s', async (_what, credentials, present) => {
      const planned = await plan(withClient({ credentials }), await presentOf([SHOP], present))
      expect(planned.faults).toEqual(['workspaces/0/clients/0/credentials/0 too_many_credentials'])
    })
  })
})
