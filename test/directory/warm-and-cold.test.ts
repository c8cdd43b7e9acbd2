/** How often a node asks its database: never once it is warm, and for many clients together when it is cold. */
import pg from 'pg'
import { digestSecret } from '../../src/clients/digest.ts'
import { generateSecret } from '../../src/clients/secret.ts'
import { newCredentialId, type ClientId } from '../../src/ids.ts'
import type { Database } from '../../src/storage/transaction.ts'
import { openWorld, type Credentials, type World, type WorldWorkspace } from '../support/world.ts'

const TOKENS = 2000
const WORKSPACES = 20
const CLIENTS_EACH = 500
const AT_ONCE = 200

/** So many at a time, until all were asked. */
async function inTurn<Item>(items: readonly Item[], ask: (item: Item) => Promise<unknown>): Promise<void> {
  const rest = items.values()
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const item of rest) await ask(item)
    }),
  )
}

describe('a warm node', () => {
  it(`asks its database nothing: ${TOKENS} tokens, no statement`, async () => {
    const world = await openWorld({ regions: ['eu'] })
    const onlooker = new pg.Client({ connectionString: world.urls.superuser })
    await onlooker.connect()
    /** By the word of the database, of the node's own connections: when the last one was asked something. */
    const lastStatement = async () => {
      const { rows } = await onlooker.query<{ at: string | null }>(
        `select max(query_start)::text as at from pg_stat_activity
           where datname = current_database() and usename = 'regent_test_login'`,
      )
      return rows[0]?.at ?? ''
    }
    try {
      const orders = await world.workspace('https://acme.eu.token.example/orders')
      const warm = await orders.client('warm')
      const cold = await orders.client('cold')
      await orders.token(warm).expect(200)
      // What follows the feed and says that the node lives asks by the clock: that is not about tokens.
      await world.node.nodes.get('eu')?.stop()

      const before = await lastStatement()
      expect(before).not.toBe('')
      // Looked at now and then: a connection that was idle for long is closed, and tells nothing any more.
      for (let n = 0; n < TOKENS; n += AT_ONCE) {
        await inTurn(Array.from({ length: AT_ONCE }), () => orders.token(warm).expect(200))
        expect(['', before]).toContain(await lastStatement())
      }

      // And this is what one question looks like.
      await orders.token(cold).expect(200)
      expect(['', before]).not.toContain(await lastStatement())
    } finally {
      await onlooker.end()
      await world.close()
    }
  })
})

describe('a cold node', () => {
  it('reads after a client those of its workspace that were in use lately, and no other', async () => {
    const world = await openWorld({ regions: ['eu'] })
    try {
      const orders = await world.workspace('https://acme.eu.token.example/orders')
      const [first, second, idle] = await Promise.all(['a', 'b', 'c'].map((id) => orders.client(id)))
      const directory = world.node.nodes.get('eu')?.directory
      await orders.token(second).expect(200)
      await world.node.nodes.get('eu')?.uses.flush()
      directory?.forgetAll()

      await orders.token(first).expect(200)
      while (directory?.size().clients === 1) await new Promise((done) => setTimeout(done, 10))
      const { misses = 0 } = directory?.lookups() ?? {}
      await orders.token(second).expect(200)
      expect(directory?.lookups().misses).toBe(misses)
      await orders.token(idle).expect(200)
      expect(directory?.lookups().misses).toBe(misses + 1)
    } finally {
      await world.close()
    }
  })
})

describe(`T76 a node that starts among ${WORKSPACES * CLIENTS_EACH} active clients`, () => {
  let world: World
  const asked = { all: 0 }
  const all: { readonly story: WorldWorkspace; readonly client: Credentials }[] = []

  const counting = (home: Database): Database => ({
    ...home,
    inTenant(tenantId, work) {
      asked.all += 1
      return home.inTenant(tenantId, work)
    },
    beforeThenInTenant(find, then) {
      asked.all += 1
      return home.beforeThenInTenant(find, then)
    },
  })

  beforeAll(async () => {
    world = await openWorld({ regions: ['eu'], asSeen: counting })
    for (let n = 0; n < WORKSPACES; n++) {
      const story = await world.workspace(`https://t${n % 5}.eu.token.example/w${n}`)
      await story.client('pattern')
      await addClients(story)
    }
  })
  afterAll(() => world.close())

  /** As `createClient` and `createSecret` would, at one stroke. */
  async function addClients(story: WorldWorkspace) {
    const { tenant, id } = story.workspace
    const rows = Array.from({ length: CLIENTS_EACH }, (_, n) => {
      const credentialId = newCredentialId()
      const clientId = `client-${n}` as ClientId
      const secret = generateSecret(credentialId)
      const owner = { region: tenant.region, tenantId: tenant.id, workspaceId: id, clientId, credentialId }
      all.push({ story, client: { id: clientId, secret } })
      return { clientId, credentialId, digest: digestSecret(world.parts.digestKeys[0], owner, secret).bytes }
    })
    const values = [
      rows.map((row) => row.clientId),
      rows.map((row) => row.credentialId),
      rows.map((row) => row.digest),
    ]
    const copied = (table: string, changed: string) =>
      `select made.* from regent.${table} pattern, unnest($1::text[], $2::text[], $3::bytea[]) new (client_id, credential_id, digest),
         jsonb_populate_record(pattern, ${changed}) made where pattern.workspace_id = '${id}' and pattern.client_id = 'pattern'`
    const byName = `jsonb_build_object('client_id', new.client_id)`
    for (const [table, changed] of [
      ['client', byName],
      [
        'credential',
        `jsonb_build_object('client_id', new.client_id, 'credential_id', new.credential_id, 'digest', new.digest)`,
      ],
      ['scope_grant', byName],
    ] as const) {
      await world.superuser(
        `insert into regent.${table} select * from (${copied(table, changed)}) rows where $2::text[] is not null and $3::bytea[] is not null`,
        values,
      )
    }
  }
  const forgetAll = () => {
    for (const { directory } of world.node.nodes.values()) directory.forgetAll()
    asked.all = 0
  }

  it('reads them together when all come at once, each once', async () => {
    forgetAll()
    const { directory } = world.node.nodes.get('eu') ?? notServed()
    const found = await Promise.all(
      all.map(async ({ story, client }) => {
        const workspace = await directory.locate({
          tenant: story.workspace.tenant.slug,
          workspace: story.workspace.slug,
        } as never)
        if (workspace === undefined) return undefined
        return (await directory.findClient(workspace, client.id as ClientId)).value?.id
      }),
    )
    expect(found).toEqual(all.map(({ client }) => client.id))
    expect(directory.size().clients).toBe(all.length)
    // Two for each workspace, and a batch of 500 for the clients of each: two where the first ones came before the others.
    expect(asked.all).toBeLessThanOrEqual(WORKSPACES * 2 + WORKSPACES * 3)
  })

  it('serves them by HTTP as well, and tells nobody to come again', async () => {
    forgetAll()
    const some = all.filter((_client, n) => n % 5 === 0)
    const statuses = new Map<number, number>()
    await inTurn(some, async ({ story, client }) => {
      const { status } = await story.token(client)
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    })
    expect([...statuses]).toEqual([[200, some.length]])
    expect(asked.all).toBeLessThan(some.length)
  })
})

function notServed(): never {
  throw new Error('eu is not served')
}
