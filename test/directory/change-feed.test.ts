/** Following the feed, and finding out that it is another one: a fail-over, a restored backup, a gap. */
import { createClient, setClientState } from '../../src/changes/client-changes.ts'
import { pruneFeed } from '../../src/changes/prune-feed.ts'
import type { ClientId } from '../../src/ids.ts'
import { openWorld, type World, type WorldWorkspace } from '../support/world.ts'

const ROBOT = 'robot' as ClientId

describe('the change feed', () => {
  let world: World
  let orders: WorldWorkspace
  let robot: Awaited<ReturnType<WorldWorkspace['client']>>

  beforeAll(async () => {
    world = await openWorld({ regions: ['eu'] })
  })
  afterAll(() => world.close())
  beforeEach(async () => {
    orders = await world.workspace(`https://t${Date.now()}.eu.token.example/orders`)
    robot = await orders.client('robot')
    await orders.token(robot).expect(200)
  })

  const directory = () => {
    const node = world.node.nodes.get('eu')
    if (node === undefined) throw new Error('eu is not served')
    return node.directory
  }
  const emptied = () => world.seen.filter(({ type }) => type === 'memory_emptied').length
  /** Past the server: nobody but the feed tells it. */
  const behindItsBack = () => ({ ...orders.change, database: world.database })
  /** As a superuser, without the world's own forgetting. */
  const damage = async (text: string) => {
    const { Client } = await import('pg')
    const client = new Client({ connectionString: world.urls.superuser })
    await client.connect()
    await client.query(text).finally(() => client.end())
  }

  it('T19 tells of a change that another node made: disabled is refused, enabled is served', async () => {
    await setClientState(behindItsBack(), orders.workspace, ROBOT, 'disabled')
    await directory().feed.poll()
    await orders.token(robot).expect(401)
    await setClientState(behindItsBack(), orders.workspace, ROBOT, 'enabled')
    await orders.token(robot).expect(200)
  })

  it('goes on from where it was: nothing is forgotten while nothing changes, nor by a change elsewhere', async () => {
    const before = directory().size()
    const times = emptied()
    for (let n = 0; n < 3; n++) await directory().feed.poll()
    await createClient(behindItsBack(), orders.workspace, { id: 'other', name: 'x' })
    await directory().feed.poll()
    expect(directory().size()).toMatchObject({ clients: before.clients, workspaces: before.workspaces })
    expect(emptied()).toBe(times)
  })

  it('takes more entries than it reads at a time', async () => {
    await damage(`
      insert into regent.change_feed (region, number, entry_id, kind, tenant_id)
        select 'eu', number + n, gen_random_uuid(), 'later', '${orders.workspace.tenant.id}'
        from regent.change_counter, generate_series(1, 2500) n where region = 'eu';
      update regent.change_counter set number = number + 2500 where region = 'eu'`)
    const before = directory().feed.number()
    await directory().feed.poll()
    expect(directory().feed.number()).toBe(before + 2500)
    await orders.token(robot).expect(200)
  })

  it.each([
    [
      'regresses (a lagging replica was promoted)',
      `delete from regent.change_feed where region = 'eu' and number > (select number - 2 from regent.change_counter where region = 'eu');
       update regent.change_counter set number = number - 2 where region = 'eu'`,
    ],
    [
      'regresses, and as many other changes are made before it is read again',
      `update regent.change_feed set entry_id = gen_random_uuid(), kind = 'other' where region = 'eu'
         and number > (select number - 2 from regent.change_counter where region = 'eu')`,
    ],
    [
      'regresses, and more other changes are made before it is read again',
      `update regent.change_feed set entry_id = gen_random_uuid() where region = 'eu'
         and number > (select number - 2 from regent.change_counter where region = 'eu');
       insert into regent.change_feed (region, number, entry_id, kind, tenant_id)
         select 'eu', number + 1, gen_random_uuid(), 'other', '00000000-0000-4000-8000-000000000001'
         from regent.change_counter where region = 'eu';
       update regent.change_counter set number = number + 1 where region = 'eu'`,
    ],
    [
      'has a gap',
      `insert into regent.change_feed (region, number, entry_id, kind, tenant_id)
         select 'eu', number + 2, gen_random_uuid(), 'other', '00000000-0000-4000-8000-000000000001'
         from regent.change_counter where region = 'eu';
       update regent.change_counter set number = number + 2 where region = 'eu'`,
    ],
    [
      'was pruned beyond what was read',
      `insert into regent.change_feed (region, number, entry_id, kind, tenant_id)
         select 'eu', number + 1, gen_random_uuid(), 'other', '00000000-0000-4000-8000-000000000001'
         from regent.change_counter where region = 'eu';
       update regent.change_counter set number = number + 1 where region = 'eu';
       delete from regent.change_feed where region = 'eu'
         and number < (select number from regent.change_counter where region = 'eu')`,
    ],
  ])('empties memory when it %s', async (_case, statements) => {
    const times = emptied()
    // What the other history lacks: to the memory of this node the client is enabled.
    await damage(`update regent.client set state = 'disabled' where workspace_id = '${orders.workspace.id}'`)
    await orders.token(robot).expect(200)
    await damage(statements)
    await directory().feed.poll()
    expect(emptied()).toBe(times + 1)
    await orders.token(robot).expect(401)

    // And it follows the feed that there is now.
    await setClientState(behindItsBack(), orders.workspace, ROBOT, 'enabled')
    await directory().feed.poll()
    expect(emptied()).toBe(times + 1)
    await orders.token(robot).expect(200)
    await setClientState(behindItsBack(), orders.workspace, ROBOT, 'disabled')
    await directory().feed.poll()
    expect(emptied()).toBe(times + 1)
    await orders.token(robot).expect(401)
  })

  it('is pruned after seven days but for its newest entry, by which it is recognised', async () => {
    const times = emptied()
    await damage(`update regent.change_feed set changed_at = now() - interval '7 days 1 minute'`)
    await setClientState(behindItsBack(), orders.workspace, ROBOT, 'enabled')
    await directory().feed.poll()
    const count = async () =>
      (await world.database.asOperator(({ db }) => db.selectFrom('change_feed').select('number').execute()))
        .length
    await pruneFeed(world.database, 'eu')
    expect(await count()).toBe(1)
    await damage(`update regent.change_feed set changed_at = now() - interval '7 days 1 minute'`)
    await pruneFeed(world.database, 'eu')
    expect(await count()).toBe(1)
    await directory().feed.poll()
    expect(emptied()).toBe(times)
    await orders.token(robot).expect(200)
  })
})
