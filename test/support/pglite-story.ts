/**
 * The contract suite's story on PGlite, as a program of its own: PGlite does not run in Jest's sandbox. Prints what it
 * saw as JSON. Argument: a folder for the database.
 */
import { createClient } from '../../src/changes/client-changes.ts'
import { createResourceServer } from '../../src/changes/create-resource-server.ts'
import { createTenant } from '../../src/changes/create-tenant.ts'
import { createWorkspace } from '../../src/changes/create-workspace.ts'
import { createSecret } from '../../src/changes/credential-changes.ts'
import { grantScopes } from '../../src/changes/scope-changes.ts'
import { clientStore } from '../../src/clients/client-store.ts'
import { knownClientStore } from '../../src/clients/known-client-store.ts'
import { deriveKeys } from '../../src/sealing/derive.ts'
import type { ClientId } from '../../src/ids.ts'
import { keyring } from '../../src/keys/keyring.ts'
import { parseMasterKeys } from '../../src/sealing/master-keys.ts'
import { sealing } from '../../src/sealing/seal.ts'
import { openEmbedded } from '../../src/storage/embedded.ts'
import { migrateDown, migrateUp, migrationStatus } from '../../src/storage/migrate.ts'
import { createRoles } from '../../src/storage/roles.ts'
import { database, sqlState } from '../../src/storage/transaction.ts'
import { parseOrigin } from '../../src/tenancy/origin.ts'

const { pool, close } = await openEmbedded(process.argv[2] ?? '')
const saw: Record<string, unknown> = {}

const client = await pool.connect()
saw.roles = (await createRoles(client, 'postgres')).filter(({ done }) => done).length
saw.up = (await migrateUp({ client }, ['eu'])).length
saw.down = (await migrateDown({ client })).length
saw.again = (await migrateUp({ client }, ['eu'])).length
saw.status = await migrationStatus({ client })
saw.user = (await client.query<{ who: string }>('select current_user as who')).rows[0]?.who
client.release()

const masterKeys = parseMasterKeys(`k:${Buffer.alloc(32, 5).toString('base64')}`)
const origin = parseOrigin('https://token.example')
if (typeof masterKeys === 'string' || origin === undefined) throw new Error('the story cannot begin')
const one = database(pool, { statement: 5000, lock: 3000, idle: 5000, deadline: 20_000 })
const needs = {
  region: 'eu',
  database: one,
  origin,
  keyring: keyring(sealing(masterKeys)),
  bcryptCost: 4,
  digestKeys: deriveKeys(masterKeys, 'credential digest'),
  maxStale: 3600,
  actor: 'story',
} as const
const ROBOT = 'robot' as ClientId

const made = []
for (const slug of ['acme', 'rival']) {
  const { tenant } = await createTenant(needs, { slug })
  const { workspace } = await createWorkspace(needs, tenant, { slug: 'orders' })
  await createResourceServer(needs, workspace, {
    identifier: 'https://orders.example',
    name: 'x',
    scopes: { read: '' },
  })
  await createClient(needs, workspace, { id: ROBOT, name: slug })
  await grantScopes(needs, workspace, ROBOT, ['read'])
  await createSecret(needs, workspace, ROBOT)
  made.push({ tenant, workspace })
}
const [acme, rival] = made
if (acme === undefined || rival === undefined) throw new Error('nobody was made')

saw.own = await one.inTenant(acme.tenant.id, async (connection) => {
  const found = await knownClientStore(connection, acme.workspace.id).findClient(ROBOT)
  return { id: found?.id, credentials: found?.credentials.length, grants: found?.grants.length }
})
// Row-level security holds although the login is a superuser: the transaction acts as regent_runtime.
saw.seenOfOther = await one.inTenant(rival.tenant.id, async (connection) => {
  const { db } = connection
  const lied = { ...connection, tenantId: acme.tenant.id }
  return {
    client: (await knownClientStore(lied, acme.workspace.id).findClient(ROBOT)) ?? 'nothing',
    tenants: (await db.selectFrom('tenant').select('slug').execute()).map(({ slug }) => slug),
  }
})
saw.writtenToOther = await one
  .inTenant(rival.tenant.id, (connection) =>
    clientStore({ ...connection, tenantId: acme.tenant.id }, acme.workspace.id).upsertGrant(
      ROBOT,
      'read' as never,
      true,
    ),
  )
  .then(() => 'written', sqlState)
saw.usableAfterwards = (await pool.query<{ two: number }>('select 1 + 1 as two')).rows[0]?.two

await close()
process.stdout.write(JSON.stringify(saw))
