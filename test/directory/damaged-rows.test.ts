/** T74 A row that cannot be used fails whoever needs it, by name in the log, and nobody else. */
import { openWorld, type Credentials, type World, type WorldWorkspace } from '../support/world.ts'
import { OF_CLIENT, OF_RESOURCE_SERVER, OF_TENANT, OF_WORKSPACE, type Damage } from './damage.ts'

const TABLES = [
  'tenant',
  'workspace',
  'resource_server',
  'scope',
  'client',
  'credential',
  'scope_grant',
  'signing_key',
]
/** Constraints keep damage out; what a disk, a hand or a later release does, they do not. */
const WITHOUT_CONSTRAINTS = `do $$ declare
  damageable constant regclass[] = '{${[...TABLES, 'change_feed'].map((table) => `regent.${table}`).join()}}';
  found record;
begin
  for found in select conrelid::regclass as rel, conname from pg_constraint
    where conrelid = any(damageable)
    order by contype <> 'f', contype <> 'p' loop
    execute format('alter table %s drop constraint if exists %I cascade', found.rel, found.conname);
  end loop;
  for found in select attrelid::regclass as rel, attname from pg_attribute
    where attrelid = any(damageable) and attnotnull and attnum > 0 loop
    execute format('alter table %s alter column %I drop not null', found.rel, found.attname);
  end loop;
  for found in select indexrelid::regclass as index from pg_index where indrelid = any(damageable) loop
    execute format('drop index %s', found.index);
  end loop;
end $$`

type Place = { readonly story: WorldWorkspace; readonly robot: Credentials; readonly other: Credentials }

describe('T74 a damaged row', () => {
  let world: World
  let damaged: Place
  let sibling: Place
  let rival: Place

  beforeAll(async () => {
    world = await openWorld({ regions: ['eu'] })
    const place = async (issuer: string): Promise<Place> => {
      const story = await world.workspace(issuer)
      return { story, robot: await story.client('robot'), other: await story.client('other') }
    }
    damaged = await place('https://acme.eu.token.example/orders')
    sibling = await place('https://acme.eu.token.example/depot')
    rival = await place('https://rival.eu.token.example/orders')
    await world.superuser(WITHOUT_CONSTRAINTS)
    for (const table of TABLES)
      await world.superuser(`create table public.${table} as select * from regent.${table}`)
  })
  afterAll(() => world.close())

  const isServed = async ({ story, robot, other }: Place) => {
    await Promise.all([story.token(robot).expect(200), story.token(other).expect(200)])
    await story.get(`${story.path}/.well-known/jwks.json`).expect(200)
  }
  const faults = () =>
    world.seen.flatMap((seen) => (seen.type === 'server_error' ? [String(Object(seen.error).message)] : []))

  async function plant({ table, column, value }: Damage) {
    const { tenant, id } = damaged.story.workspace
    const ofWorkspace = table === 'tenant' ? '' : ` and workspace_id = '${id}'`
    const ofClient = ['client', 'credential', 'scope_grant'].includes(table) ? ` and client_id = 'robot'` : ''
    const { rowCount } = await world.superuser(
      `update regent.${table} set ${column} = ${value} where tenant_id = '${tenant.id}'${ofWorkspace}${ofClient}`,
    )
    expect(rowCount).toBeGreaterThan(0)
    world.seen.length = 0
  }
  const mend = ({ table }: Damage) =>
    world.superuser(`truncate regent.${table}; insert into regent.${table} select * from public.${table}`)

  /** Whoever needs the row, and those who do not. */
  async function check(damage: Damage, needing: readonly Credentials[], others: () => Promise<void>) {
    try {
      await plant(damage)
      await meet(damage, needing, others)
    } finally {
      await mend(damage)
    }
    await Promise.all([isServed(damaged), isServed(sibling), isServed(rival)])
  }
  async function meet(damage: Damage, needing: readonly Credentials[], others: () => Promise<void>) {
    const { outcome, table, column, loggedAs } = damage
    const [answers] = await Promise.all([
      Promise.all(needing.map((client) => damaged.story.token(client))),
      isServed(rival),
      others(),
    ])
    const bodies = answers.map(({ status, body }) => `${status} ${String(body.error)}`)
    if (outcome === 'fault') {
      expect(bodies).toEqual(needing.map(() => '500 server_error'))
      const where = loggedAs ?? `regent.${table}`
      expect(
        faults().filter((message) => message.includes(where) && (loggedAs || message.includes(column))),
      ).not.toEqual([])
      expect(faults().join().length).toBeLessThan(2000)
    } else if (outcome === 'absent') {
      for (const { status } of answers) expect([400, 401, 404]).toContain(status)
      expect(faults()).toEqual([])
    } else {
      expect(answers.map(({ status }) => status)).toEqual(needing.map(() => 200))
    }
  }
  const titled = (damages: readonly Damage[]) =>
    damages.map(
      (damage) => [`${damage.table}.${damage.column} = ${damage.value.slice(0, 70)}`, damage] as const,
    )

  it.each(titled(OF_TENANT))('%s fails its tenant, and no other', (_title, damage) =>
    check(damage, [damaged.robot, damaged.other], async () => {}),
  )

  it.each(titled(OF_WORKSPACE))('%s fails its workspace, and no other', (_title, damage) =>
    check(damage, [damaged.robot, damaged.other], () => isServed(sibling)),
  )

  it.each(titled(OF_RESOURCE_SERVER))(
    '%s fails whom it was granted to, and no other workspace',
    (_title, damage) =>
      check(damage, [damaged.robot, damaged.other], async () => {
        await isServed(sibling)
        await damaged.story.get(`${damaged.story.path}/.well-known/jwks.json`).expect(200)
      }),
  )

  it.each(titled(OF_CLIENT))('%s fails its client, and no other of the workspace', (_title, damage) =>
    check(damage, [damaged.robot], async () => {
      await isServed(sibling)
      await damaged.story.token(damaged.other).expect(200)
    }),
  )

  it.each([
    ['of a kind that nobody knows', {}],
    ['without a kind', { kind: 'null' }],
    ['without a tenant', { tenant_id: 'null' }],
    ['without a workspace and a subject', { workspace_id: 'null', subject: 'null' }],
    ['without an id', { entry_id: 'null' }],
    ['of a huge subject', { subject: `repeat('x', 1048576)` }],
  ])(
    'an entry of the feed %s makes forget what it may concern, and fails nothing',
    async (_title, values) => {
      await Promise.all([isServed(damaged), isServed(rival)])
      const { feed, size } = world.node.nodes.get('eu')?.directory ?? notServed()
      const before = feed.number()
      const { tenant, id } = damaged.story.workspace
      const row = {
        region: `'eu'`,
        number: 'number',
        entry_id: 'gen_random_uuid()',
        kind: `'later'`,
        tenant_id: `'${tenant.id}'`,
        workspace_id: `'${id}'`,
        subject: `'x'`,
        ...values,
      }
      const { Client } = await import('pg')
      const superuser = new Client({ connectionString: world.urls.superuser })
      await superuser.connect()
      try {
        await superuser.query(`
        update regent.client set state = 'disabled' where workspace_id = '${id}' and client_id = 'robot';
        update regent.change_counter set number = number + 1 where region = 'eu';
        insert into regent.change_feed (${Object.keys(row).join()})
          select ${Object.values(row).join()} from regent.change_counter where region = 'eu'`)
        await feed.poll()
        expect(feed.number()).toBe(before + 1)
        expect(size().workspaces).toBeGreaterThan(0)
        await damaged.story.token(damaged.robot).expect(401)
        await isServed(rival)
      } finally {
        await superuser.end()
      }
      await mend({ table: 'client', column: '', value: '', outcome: 'unharmed' })
      await isServed(damaged)
    },
  )
})

function notServed(): never {
  throw new Error('eu is not served')
}
