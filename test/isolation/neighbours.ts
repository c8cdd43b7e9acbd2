/**
 * Neighbours that cannot be told apart by anything but their ids: one workspace with everything in it is made through
 * the doors, and its rows are copied to other tenants and to another workspace of its own, each with the same client
 * ids, credential ids, kids, identifiers and scope tokens. Only what people read is marked with the neighbour's name.
 */
import pg from 'pg'
import type { ClientId, CredentialId, Kid, TenantId, WorkspaceId } from '../../src/ids.ts'
import { revokeKey } from '../../src/changes/key-changes.ts'
import { createResourceServer } from '../../src/changes/create-resource-server.ts'
import { createSecret } from '../../src/changes/credential-changes.ts'
import { replaceOwnSecret } from '../../src/changes/replace-own-secret.ts'
import { addScopes } from '../../src/changes/resource-server-changes.ts'
import { grantScopes } from '../../src/changes/scope-changes.ts'
import { deleteClient } from '../../src/changes/client-changes.ts'
import type { Region } from '../../src/tenancy/region.ts'
import { openWorld, type World } from '../support/world.ts'

export type Neighbour = {
  readonly name: string
  readonly region: Region
  readonly tenantId: TenantId
  readonly workspaceId: WorkspaceId
}

export type Neighbourhood = Awaited<ReturnType<typeof openNeighbourhood>>

const id = (digit: string) => digit.repeat(8).concat('-0000-4000-8000-', '0'.repeat(12))

/** Tables in the order in which their rows can be made, and the columns that carry the neighbour's name. */
const MARKED: Readonly<Record<string, readonly string[]>> = {
  tenant: [],
  workspace: [],
  resource_server: ['name'],
  scope: ['description'],
  client: ['name'],
  credential: ['label'],
  scope_grant: [],
  signing_key: [],
  audit_event: ['actor'],
  audit_head: [],
  issuance: ['peer'],
  credential_use: [],
  issuance_count: [],
  idempotency_record: ['request_digest'],
  tombstone: [],
}

export async function openNeighbourhood() {
  const world: World = await openWorld()
  const superuser = new pg.Pool({ connectionString: world.urls.superuser, max: 2 })
  const story = await world.workspace('https://acme.eu.token.example/orders', { chosenSecrets: true })
  const { credentialId } = await story.client('robot', { onRequest: ['invoices:read'] })
  // What nobody was granted and nothing hangs on; and what an administrator has.
  await addScopes(story.change, story.workspace, story.orders, {
    unwanted: '',
    'clients:write': '',
    'credentials:write': '',
  })
  await grantScopes(story.change, story.workspace, 'robot' as ClientId, [
    'clients:write',
    'credentials:write',
  ])
  const { resourceServer: emptyServer } = await createResourceServer(story.change, story.workspace, {
    identifier: 'https://empty.example',
    name: 'Empty',
    scopes: {},
  })
  const { credentialId: pendingId } = await replaceOwnSecret(
    story.change,
    story.workspace,
    'robot' as ClientId,
    credentialId as CredentialId,
  )
  const ended = await createSecret(story.change, story.workspace, 'robot' as ClientId)
  await superuser.query(
    `update regent.credential set expires_at = now() - interval '1 h' where credential_id = $1`,
    [ended.credentialId],
  )
  await story.client('bygone')
  await deleteClient(story.change, story.workspace, 'bygone' as ClientId)
  await superuser.query(`update regent.resource_server set signing_algorithm = 'ES256'`)
  await superuser.query(`update regent.tenant set max_clients = 77`)
  const first = await superuser.query<{ kid: Kid }>(
    `select kid from regent.signing_key where state = 'active' and workspace_id = '${story.workspace.id}'`,
  )
  const {
    rows: [credential],
  } = await superuser.query<{ hash: string }>(
    `select bcrypt_hash as hash from regent.credential where credential_id = $1`,
    [credentialId],
  )
  await superuser.query(
    `insert into regent.issuance select tenant_id, workspace_id, now(), 1, 'jti', client_id, credential_id, 'read', 'x', 'x', 'x', 'issued'
       from regent.credential where credential_id = $1`,
    [credentialId],
  )
  await superuser.query(
    `insert into regent.credential_use select tenant_id, workspace_id, client_id, credential_id, now(), 1
       from regent.credential where credential_id = $1`,
    [credentialId],
  )
  await superuser.query(
    `insert into regent.issuance_count select tenant_id, workspace_id, client_id, now(), 1
       from regent.credential where credential_id = $1`,
    [credentialId],
  )
  await superuser.query(
    `insert into regent.audit_event (tenant_id, event_id, action, subject, actor, details)
       select tenant_id, gen_random_uuid(), 'client_created', 'from before the chain', 'test', '{}' from regent.tenant`,
  )
  await superuser.query(
    `insert into regent.idempotency_record select tenant_id, 'robot', 'POST', 'client.create', key, convert_to('of acme', 'utf8'),
         null, null, now() + ends, now() + ends
       from regent.tenant, (values ('kept', interval '1 day'), ('old', interval '-1 day')) kept (key, ends)`,
  )
  await revokeKey(story.change, story.workspace, first.rows[0]?.kid ?? ('' as Kid))
  const { rows: keys } = await superuser.query<{ kid: Kid; state: string }>(
    `select kid, state from regent.signing_key where state in ('active', 'published')
       and workspace_id = '${story.workspace.id}' order by state`,
  )

  const { tenant } = story.workspace
  const acme: Neighbour = { name: 'acme', region: 'eu', tenantId: tenant.id, workspaceId: story.workspace.id }
  const neighbours = {
    acme,
    /** Of the same region. */
    rival: { ...acme, name: 'rival', tenantId: id('1') as TenantId },
    /** Of another region of the same database, where it has the same slug. */
    namesake: { ...acme, name: 'namesake', region: 'us', tenantId: id('2') as TenantId },
    /** Other workspaces of the same tenant: before and behind its own in every index. */
    sibling: { ...acme, name: 'sibling', workspaceId: id('0') as WorkspaceId },
    youngest: { ...acme, name: 'youngest', workspaceId: id('f') as WorkspaceId },
    /** A tenant that has nothing. */
    newcomer: { ...acme, name: 'newcomer', tenantId: id('4') as TenantId },
  } satisfies Record<string, Neighbour>

  /** Makes a neighbour's rows anew from those of acme, whatever was done to them: one message, for there are many. */
  async function plant(neighbour: Neighbour) {
    const mark = `of ${neighbour.name}`
    const ownTenant = neighbour.tenantId !== acme.tenantId
    const of = ({ tenantId, workspaceId }: Neighbour) =>
      `tenant_id = '${tenantId}' and workspace_id = '${workspaceId}'`
    const statements = [...Object.keys(MARKED), 'change_feed']
      .toReversed()
      .filter((table) => ownTenant || !['tenant', 'audit_head', 'idempotency_record'].includes(table))
      .map(
        (table) =>
          `delete from regent.${table} where ${ownTenant ? `tenant_id = '${neighbour.tenantId}'` : of(neighbour)}`,
      )
    for (const [table, columns] of Object.entries(MARKED)) {
      if (table === 'tenant' ? !ownTenant : neighbour.name === 'newcomer') continue
      // Their ids are the tenant's, not the workspace's.
      if (['audit_event', 'audit_head', 'idempotency_record', 'issuance'].includes(table) && !ownTenant)
        continue
      const changed = {
        ...Object.fromEntries(columns.map((column) => [column, mark])),
        tenant_id: neighbour.tenantId,
        ...(!['tenant', 'audit_head', 'idempotency_record'].includes(table) && {
          workspace_id: neighbour.workspaceId,
        }),
        ...(table === 'tenant' && { slug: neighbour.region === 'us' ? tenant.slug : neighbour.name }),
        ...(['tenant', 'tombstone'].includes(table) && { region: neighbour.region }),
        ...(table === 'workspace' && {
          slug: ownTenant ? 'orders' : neighbour.name,
          issuer: `https://of-${neighbour.name}.token.example/x/y`,
        }),
      }
      statements.push(
        `insert into regent.${table}
         select (jsonb_populate_record(null::regent.${table}, to_jsonb(original) || '${JSON.stringify(changed)}')).*
         from regent.${table} original where tenant_id = '${acme.tenantId}'
           and coalesce(to_jsonb(original) ->> 'workspace_id', '${acme.workspaceId}') = '${acme.workspaceId}'`,
      )
    }
    statements.push(
      `update regent.signing_key set sealed_private_key = convert_to('${mark}', 'utf8'),
         public_jwk = public_jwk || '{"x": "${mark}"}' where ${of(neighbour)}`,
    )
    await superuser.query(statements.join('; '))
  }

  // Acme's own rows are marked as well, in place.
  for (const [table, columns] of Object.entries(MARKED)) {
    for (const column of columns)
      await superuser.query(`update regent.${table} set ${column} = 'of acme' where tenant_id = $1`, [
        tenant.id,
      ])
  }
  await superuser.query(
    `update regent.signing_key set sealed_private_key = convert_to('of acme', 'utf8'),
       public_jwk = public_jwk || '{"x": "of acme"}'`,
  )
  for (const neighbour of Object.values(neighbours)) if (neighbour !== acme) await plant(neighbour)

  const { rows: tables } = await superuser.query<{ table: string; ofWorkspace: boolean }>(
    `select relname as table, exists (select from pg_attribute where attrelid = c.oid and attname = 'workspace_id')
       as "ofWorkspace"
     from pg_class c join pg_attribute on attrelid = c.oid and attname = 'tenant_id'
     where relnamespace = 'regent'::regnamespace and relkind in ('r', 'p') and not relispartition order by 1`,
  )

  const forgotten = tables.filter(({ table }) => !(table in MARKED) && table !== 'change_feed')
  if (forgotten.length > 0)
    throw new Error(
      `rows of ${forgotten.map(({ table }) => table).join(', ')} are not copied to the neighbours`,
    )

  return {
    world,
    superuser,
    neighbours,
    names: {
      client: 'robot' as ClientId,
      buried: 'bygone',
      credentialId: credentialId as CredentialId,
      pendingId,
      bcryptHash: credential?.hash ?? '',
      activeKid: keys[0]?.kid ?? ('' as Kid),
      publishedKid: keys[1]?.kid ?? ('' as Kid),
      resourceServerId: story.orders.id,
      emptyServerId: emptyServer.id,
      workspace: story.workspace,
    },
    plant,

    /** Every row of a workspace and of its tenant as such, table by table, past all locks. */
    async dump(
      { tenantId, workspaceId }: Neighbour,
      what: 'workspace' | 'whole tenant' = 'workspace',
      client: pg.Pool | pg.ClientBase = superuser,
    ) {
      const parts = tables.map(
        ({ table, ofWorkspace }) =>
          `select '${table}' as table, to_jsonb(t) as row from regent.${table} t where tenant_id = $1
           and ${ofWorkspace && what === 'workspace' ? '(workspace_id = $2 or workspace_id is null)' : '$2::uuid is not null'}`,
      )
      const text = `${parts.join(' union all ')} order by 1, 2`
      const { rows } = await client.query<{ table: string; row: unknown }>(text, [tenantId, workspaceId])
      return rows
    },

    async close() {
      await superuser.end()
      await world.close()
    },
  }
}
