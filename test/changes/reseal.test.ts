/** What lies under an older master key is sealed anew: all of it, whoever else works there, and it stays what it was. */
import type { Kid } from '../../src/ids.ts'
import { claimRequest, keepAnswer } from '../../src/changes/idempotency.ts'
import { revokeKey, rotateKeys } from '../../src/changes/key-changes.ts'
import { masterKeyStatus } from '../../src/changes/master-key-status.ts'
import { reseal } from '../../src/changes/reseal.ts'
import { listUnopened } from '../../src/changes/unopened.ts'
import { verifyAudit } from '../../src/changes/verify-audit.ts'
import { resealOlder, watchMasterKeys } from '../../src/chores/tend-master-keys.ts'
import { keyring } from '../../src/keys/keyring.ts'
import type { Observation } from '../../src/observe/observation.ts'
import { deriveKeys } from '../../src/sealing/derive.ts'
import { parseMasterKeys, type MasterKeyId } from '../../src/sealing/master-keys.ts'
import { sealing } from '../../src/sealing/seal.ts'
import {
  MASTER_KEYS,
  openWorld,
  type Credentials,
  type World,
  type WorldWorkspace,
} from '../support/world.ts'

const NEWER = 'newer' as MasterKeyId

function keysOf(text: string) {
  const keys = parseMasterKeys(text)
  if (typeof keys === 'string') throw new Error(keys)
  return keys
}
const BOTH = keysOf(`newer:${Buffer.alloc(32, 8).toString('base64')},${MASTER_KEYS}`)
const NEWER_ONLY = keyring(sealing(keysOf(`newer:${Buffer.alloc(32, 8).toString('base64')}`)))
const both = keyring(sealing(BOTH))

describe('the sealing anew of what is under an older master key', () => {
  let world: World
  let orders: WorldWorkspace
  let idle: Credentials
  beforeAll(async () => {
    // Its server knows both keys, the newer one first; what is made beside it is sealed by who knows the older one only.
    world = await openWorld({
      parts: {
        keyring: both,
        masterKeyIds: both.masterKeyIds,
        digestKeys: deriveKeys(BOTH, 'credential digest'),
      },
    })
    orders = await world.workspace('https://acme.eu.token.example/orders')
    idle = await orders.client('idle')
  })
  afterAll(() => world.close())

  const needs = () => ({ region: 'eu' as const, database: world.database, keyring: both })
  const under = async (where = `state in ('published', 'active', 'retired')`) => {
    const { rows } = await world.superuser<{ id: string; count: number }>(
      `select master_key_id as id, count(*)::int as count from regent.signing_key
         join regent.tenant using (tenant_id) where region = 'eu' and ${where.replace(/\bstate\b/, 'signing_key.state')} group by 1`,
    )
    return Object.fromEntries(rows.map(({ id, count }) => [id, count]))
  }
  const backToOlder = () =>
    world.superuser(
      `update regent.signing_key key set sealed_private_key = was.sealed_private_key, master_key_id = was.master_key_id
         from sealed_before was where key.kid = was.kid`,
    )
  const remember = () =>
    world.superuser(
      `drop table if exists sealed_before; create table sealed_before as select kid, sealed_private_key, master_key_id from regent.signing_key`,
    )

  it('moves keys that sign, that will and that did; the audit key; answers; and leaves what is gone', async () => {
    const revoked = await world.superuser<{ kid: Kid }>(
      `select kid from regent.signing_key where state = 'active' and workspace_id = $1`,
      [orders.workspace.id],
    )
    await revokeKey(orders.change, orders.workspace, revoked.rows[0]?.kid ?? ('' as Kid))
    await rotateKeys(orders.change, orders.workspace, true)
    const name = {
      tenantId: orders.workspace.tenant.id,
      actor: 'robot',
      method: 'POST',
      route: 'client.create',
      key: 'k',
    }
    await world.database.inTenant(name.tenantId, async (connection) => {
      await claimRequest(connection, 'eu', orders.change.keyring, name, ['asked'])
      await keepAnswer(connection, 'eu', orders.change.keyring, name, 'a secret', true)
    })
    const robot = await orders.client('robot')
    const token = await orders.token(robot).expect(200)
    const keys = await under()
    expect(keys).toEqual({ test: expect.any(Number) })
    const before = await masterKeyStatus(world.database, 'eu')
    expect(before.sealsWith).toBe('newer')
    expect(before.keys.map(({ id, mayBeTakenAway }) => [id, mayBeTakenAway])).toEqual([
      ['newer', 'no'],
      ['test', 'no'],
    ])
    const feed = await world.superuser('select number from regent.change_counter order by 1')

    const done = await reseal(needs(), NEWER)
    expect(done).toEqual({ signingKeys: keys.test, auditKeys: 1, answers: 1, failed: 0 })
    expect(await under()).toEqual({ newer: keys.test })
    expect(await under(`state = 'revoked'`)).toEqual({ test: 1 })
    expect((await world.superuser('select number from regent.change_counter order by 1')).rows).toEqual(
      feed.rows,
    )

    // All is what it was, for who knows the newer key only.
    expect(await listUnopened(world.database, 'eu', NEWER_ONLY)).toEqual([])
    const { faults, events } = await verifyAudit(
      world.database,
      NEWER_ONLY,
      orders.workspace.tenant,
      undefined,
    )
    expect([faults, events > 5]).toEqual([[], true])
    const repeated = await world.database.inTenant(name.tenantId, (connection) =>
      claimRequest(connection, 'eu', NEWER_ONLY, name, ['asked']),
    )
    expect(repeated).toEqual({ outcome: 'repeated', answer: 'a secret' })
    // From memory, and from the rows as they are now.
    for (const directory of [undefined, world.node.nodes.get('eu')?.directory]) {
      directory?.forgetAll()
      const { body } = await orders.token(robot).expect(200)
      expect((await orders.verify(body.access_token)).protectedHeader.kid).toBe(
        (await orders.verify(token.body.access_token)).protectedHeader.kid,
      )
    }
    expect(await reseal(needs(), NEWER)).toEqual({ signingKeys: 0, auditKeys: 0, answers: 0, failed: 0 })
  })

  it('tells who repeats a request that its answer is gone, where the key of it was taken away', async () => {
    const name = {
      tenantId: orders.workspace.tenant.id,
      actor: 'robot',
      method: 'POST',
      route: 'r',
      key: 'k',
    }
    const outcome = await world.database.inTenant(name.tenantId, async (connection) => {
      await claimRequest(connection, 'eu', orders.change.keyring, name, ['asked'])
      await keepAnswer(connection, 'eu', orders.change.keyring, name, 'a secret', true)
      return claimRequest(connection, 'eu', NEWER_ONLY, name, ['asked'])
    })
    expect(outcome).toEqual({ outcome: 'answer_gone' })
  })

  it('counts digests that are left, each of which moves at the next use of its secret, asked for once', async () => {
    const of = async () => {
      const { keys } = await masterKeyStatus(world.database, 'eu')
      return keys.find(({ id }) => id === 'test')
    }
    await reseal(needs(), NEWER)
    const left = await of()
    // Of the administrator, of whom nobody has heard, and of this client.
    expect(left).toMatchObject({ signingKeys: 0, auditKeys: 0, answers: 0, mayBeTakenAway: 'slowly' })
    const row = async () => {
      const { rows } = await world.superuser<{ id: string }>(
        `select digest_key_id as id from regent.credential where client_id = 'idle'`,
      )
      return rows[0]?.id
    }
    expect(await row()).toBe('test')
    await orders.token(idle).expect(200)
    while ((await row()) !== 'newer') await new Promise((resolve) => setTimeout(resolve, 20))
    expect((await of())?.digests).toBe((left?.digests ?? 0) - 1)
  })

  it('passes over rows that somebody holds, and takes them the next time', async () => {
    await remember()
    const keys = await under()
    await sealOlder()
    const [held] = (
      await world.superuser<{ kid: string }>(
        `select kid from regent.signing_key where state = 'active' and workspace_id = '${orders.workspace.id}'`,
      )
    ).rows
    const done = await world.database.inTenant(orders.workspace.tenant.id, async ({ db }) => {
      await db
        .selectFrom('signing_key')
        .select('kid')
        .where('kid', '=', held?.kid as Kid)
        .forUpdate()
        .execute()
      return reseal(needs(), NEWER)
    })
    expect(done.signingKeys).toBe((keys.newer ?? 0) - 1)
    expect(await under()).toEqual({ newer: done.signingKeys, test: 1 })
    expect((await reseal(needs(), NEWER)).signingKeys).toBe(1)
  })

  /** As it was before all: every key of the region under the older one. */
  const sealOlder = async () => {
    const { rows } = await world.superuser<{ tenant: never; workspace: never; kid: Kid; bytes: Buffer }>(
      `select tenant_id as tenant, workspace_id as workspace, kid, sealed_private_key as bytes from regent.signing_key
         join regent.tenant using (tenant_id) where region = 'eu' and master_key_id = 'newer'`,
    )
    for (const { tenant, workspace, kid, bytes } of rows) {
      const owner = { region: 'eu' as const, tenantId: tenant, workspaceId: workspace }
      const older = both.resealKey({ bytes, masterKeyId: NEWER }, owner, kid, 'test' as MasterKeyId)
      await world.superuser(
        `update regent.signing_key set sealed_private_key = $1, master_key_id = 'test' where kid = $2`,
        [older.bytes, kid],
      )
    }
  }

  it('leaves a row that does not open as it is, says so, and goes on', async () => {
    await sealOlder()
    await remember()
    const keys = await under()
    await world.superuser(
      `update regent.signing_key set sealed_private_key = 'damaged' where kid in (select kid from regent.signing_key
         join regent.tenant using (tenant_id) where region = 'eu' and master_key_id = 'test' and signing_key.state = 'published' limit 1)`,
    )
    const seen: Observation[] = []
    await resealOlder({ ...needs(), observe: (one) => void seen.push(one) })
    expect(seen).toEqual([
      {
        type: 'values_resealed',
        region: 'eu',
        masterKeyId: 'newer',
        signingKeys: (keys.test ?? 0) - 1,
        auditKeys: 0,
        answers: 0,
        failed: 1,
      },
    ])
    expect(await under()).toEqual({ newer: (keys.test ?? 0) - 1, test: 1 })
    await backToOlder()
  })

  it('ends where a node comes that does not know the key, and a node tells of keys that it lacks', async () => {
    const keys = await under()
    await world.superuser(
      `insert into regent.node (region, node_id, feed_number, connections, master_key_ids, version, max_stale)
         values ('eu', '00000000-0000-4000-8000-000000000001', 0, 1, '{test}', '0', 3600)`,
    )
    const none = { signingKeys: 0, auditKeys: 0, answers: 0, failed: 0 }
    expect(await reseal(needs(), NEWER)).toEqual(none)
    const seen: Observation[] = []
    const observing = { ...needs(), observe: (one: Observation) => void seen.push(one) }
    await resealOlder(observing)
    expect(await under()).toEqual(keys)
    // All that it did: the audit key, which is the only value under the newer one, is back under what all know.
    expect(seen).toEqual([
      {
        type: 'values_resealed',
        region: 'eu',
        masterKeyId: 'test',
        ...none,
        auditKeys: 1,
        answers: expect.any(Number),
      },
    ])
    await world.superuser(`delete from regent.node where version = '0'`)

    await watchMasterKeys({ ...observing, keyring: NEWER_ONLY })
    await watchMasterKeys(observing)
    expect(seen.slice(1)).toEqual([
      { type: 'master_keys_compared', region: 'eu', missing: ['test'] },
      { type: 'master_keys_compared', region: 'eu', missing: [] },
    ])
  })

  it('may be done by any number at once: each value is moved once, and opens', async () => {
    await sealOlder()
    const keys = await under()
    const all = await Promise.all([1, 2, 3].map(() => reseal(needs(), NEWER)))
    const again = await reseal(needs(), NEWER)
    const moved = [...all, again].map(({ signingKeys }) => signingKeys)
    expect(moved.reduce((sum, one) => sum + one, 0)).toBe(keys.test)
    expect(await under()).toEqual({ newer: keys.test })
    expect(await listUnopened(world.database, 'eu', NEWER_ONLY)).toEqual([])
    // The audit key is looked at as well: without it nothing could be changed.
    await world.superuser(`update regent.audit_key set master_key_id = 'test' where region = 'eu'`)
    const unopened = await listUnopened(world.database, 'eu', NEWER_ONLY)
    expect(unopened.map(({ masterKeyId }) => masterKeyId)).toEqual(['test'])
  })
})
