/** The audit trail as a chain: what was done to it by whoever may write rows is found. REGENT_TRIALS sets how often it is tried. */
import type { ChangeNeeds } from '../../src/changes/change.ts'
import { setClientState } from '../../src/changes/client-changes.ts'
import { checkpointAudit } from '../../src/changes/checkpoint-audit.ts'
import { createTenant } from '../../src/changes/create-tenant.ts'
import { verifyAudit, type AuditVerdict } from '../../src/changes/verify-audit.ts'
import type { ClientId } from '../../src/ids.ts'
import type { AuditCheckpoint, Observation } from '../../src/observe/observation.ts'
import { kyselyOn } from '../../src/storage/kysely-on.ts'
import type { Schema } from '../../src/storage/schema.ts'
import type { Database, TenantConnection } from '../../src/storage/transaction.ts'
import type { Tenant } from '../../src/tenancy/tenant.ts'
import pg from 'pg'
import { openWorld, type World, type WorldWorkspace } from '../support/world.ts'
import { TAMPERINGS, type Random, type Trail } from './tamperings.ts'

const TRIALS = Number(process.env.REGENT_TRIALS ?? 400)
const ROBOT = 'robot' as ClientId

describe('the audit trail', () => {
  let world: World
  let orders: WorldWorkspace
  let tenant: Tenant
  let needs: ChangeNeeds
  let superuser: pg.Client
  let trail: Trail

  beforeAll(async () => {
    world = await openWorld()
    orders = await world.workspace('https://acme.eu.token.example/orders')
    tenant = orders.workspace.tenant
    needs = { ...orders.change, peer: '192.0.2.7', requestId: 'request-1' }
    await orders.client('robot')
    for (const state of ['disabled', 'enabled', 'disabled', 'enabled'] as const)
      await setClientState(needs, orders.workspace, ROBOT, state)
    superuser = new pg.Client({ connectionString: world.urls.superuser })
    await superuser.connect()
    const other = (await createTenant(world.needs('eu'), { slug: 'rival' })).tenant
    const verdict = await verify()
    trail = { tenantId: tenant.id, other: other.id, last: verdict.events }
  })
  afterAll(async () => {
    await superuser.end()
    await world.close()
  })

  const verify = (checkpoint?: AuditCheckpoint, database: Database = world.database): Promise<AuditVerdict> =>
    verifyAudit(database, needs.keyring, tenant, checkpoint)

  /** What is verified after something was done, all of which is undone afterwards. */
  async function after(
    doing: string,
    checkpoint?: AuditCheckpoint,
    then?: (database: Database) => Promise<unknown>,
  ) {
    const db = kyselyOn<Schema>(superuser as unknown as pg.PoolClient).withSchema('regent')
    const inPlace = {
      inTenant: (tenantId: string, work: (connection: TenantConnection) => Promise<unknown>) =>
        work({ tenantId, db } as TenantConnection),
    } as unknown as Database
    await superuser.query('begin')
    try {
      await superuser.query(doing)
      await then?.(inPlace)
      return await verify(checkpoint, inPlace)
    } finally {
      await superuser.query('rollback')
    }
  }

  it('is whole when nobody touched it, and says where it ends', async () => {
    const { faults, events, unchained, checkpoint, vouchedUpTo } = await verify()
    expect(faults).toEqual([])
    expect(events).toBeGreaterThan(8)
    expect(unchained).toBe(0)
    expect(vouchedUpTo).toBeUndefined()
    expect(checkpoint).toMatchObject({ region: 'eu', tenant: 'acme', sequence: events })
    expect(await verify(checkpoint)).toMatchObject({ faults: [], vouchedUpTo: events })
  })

  it('keeps who asked, from where, in which request', async () => {
    const { rows } = await superuser.query(
      `select actor, peer, request_id from regent.audit_event where tenant_id = $1 and action = 'client_enabled' limit 1`,
      [tenant.id],
    )
    expect(rows).toEqual([{ actor: 'test', peer: '192.0.2.7', request_id: 'request-1' }])
  })

  it.each(Object.keys(TAMPERINGS))(`is found to be tampered with, by random (T59): %s`, async (name) => {
    const random = randomFrom(name)
    const tampering = TAMPERINGS[name]
    if (tampering === undefined) throw new Error('none of that name')
    const times = Math.ceil(TRIALS / Object.keys(TAMPERINGS).length)
    const missed: string[] = []
    for (let time = 0; time < times; time++) {
      const sql = tampering(trail, random)
      const { faults } = await after(sql)
      if (faults.length === 0) missed.push(sql)
    }
    expect(missed).toEqual([])
  })

  it('tells of an end that was cut off for ever, also when changes went on after it (T59)', async () => {
    const cut = `delete from regent.audit_event where tenant_id = '${tenant.id}' and sequence = ${trail.last};
      update regent.audit_head head set sequence = e.sequence, mac = e.mac from regent.audit_event e
      where e.tenant_id = head.tenant_id and head.tenant_id = '${tenant.id}' and e.sequence = ${trail.last - 1}`
    const { faults } = await after(cut, undefined, (database) =>
      setClientState({ ...needs, database }, orders.workspace, ROBOT, 'disabled'),
    )
    expect(faults).toEqual([{ sequence: trail.last, what: 'the trail before it had lost its end' }])
  })

  it('tells of a trail that was removed as a whole and began anew', async () => {
    const removed = `delete from regent.audit_event where tenant_id = '${tenant.id}';
      delete from regent.audit_head where tenant_id = '${tenant.id}'`
    const { faults } = await after(removed, undefined, (database) =>
      setClientState({ ...needs, database }, orders.workspace, ROBOT, 'disabled'),
    )
    expect(faults).toEqual([{ sequence: 1, what: 'the trail does not begin with the making of the tenant' }])
  })

  it('is found to be an old one that was put back, by a checkpoint that was kept elsewhere', async () => {
    const before = await superuser.query(`select * from regent.audit_head where tenant_id = $1`, [tenant.id])
    const old = before.rows[0] as { sequence: string; mac: Buffer; head_mac: Buffer }
    await setClientState(needs, orders.workspace, ROBOT, 'enabled')
    const { checkpoint } = await verify()
    const putBack = `delete from regent.audit_event where tenant_id = '${tenant.id}' and sequence > ${old.sequence};
      update regent.audit_head set sequence = ${old.sequence}, mac = '\\x${old.mac.toString('hex')}',
        head_mac = '\\x${old.head_mac.toString('hex')}' where tenant_id = '${tenant.id}'`
    expect((await after(putBack)).faults).toEqual([])
    expect((await after(putBack, checkpoint)).faults).toEqual([
      { sequence: trail.last + 1, what: `event ${trail.last + 1} is missing` },
    ])
    trail = { ...trail, last: trail.last + 1 }
  })

  it.each([
    ['another tenant’s', { tenant: 'rival' }],
    ['another region’s', { region: 'us' }],
    ['one with another number', { sequence: 3 }],
    ['one with another signature', { signature: Buffer.alloc(32).toString('base64url') }],
    ['one with no signature', { signature: '' }],
  ])('takes no checkpoint that this region did not make: %s', async (_what, change) => {
    const { checkpoint } = await verify()
    if (checkpoint === undefined) throw new Error('there is a checkpoint')
    const { faults, vouchedUpTo } = await verify({ ...checkpoint, ...change })
    expect(faults[0]?.what).toMatch(/checkpoint/)
    expect(vouchedUpTo).toBeUndefined()
  })

  it('is told of in the log, once for each time that it has grown, with a checkpoint that is taken', async () => {
    const seen: Observation[] = []
    const work = () =>
      checkpointAudit({
        region: 'eu',
        database: world.database,
        keyring: needs.keyring,
        observe: (observation) => seen.push(observation),
      })
    await work()
    expect(seen.map(({ type }) => type)).toEqual(['audit_checkpoint', 'audit_checkpoint'])
    const own = seen.find((one) => one.type === 'audit_checkpoint' && one.checkpoint.tenant === 'acme')
    const checkpoint = own?.type === 'audit_checkpoint' ? own.checkpoint : undefined
    expect(await verify(checkpoint)).toMatchObject({ faults: [], vouchedUpTo: trail.last })
    await work()
    expect(seen).toHaveLength(2)
    await world.superuser(
      `update regent.audit_head set sequence = sequence + 1 where tenant_id = '${trail.other}'`,
    )
    await work()
    expect(seen.at(-1)).toEqual({ type: 'audit_head_wrong', region: 'eu', tenant: 'rival' })
  })

  it('has every number once, in order, when many change at once', async () => {
    await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        setClientState(needs, orders.workspace, ROBOT, index % 2 === 0 ? 'disabled' : 'enabled'),
      ),
    )
    expect(await verify()).toMatchObject({ faults: [], events: trail.last + 20 })
  })

  it('begins once in a region where the first two changes come at once', async () => {
    await Promise.all(['one', 'two', 'three'].map((slug) => createTenant(world.needs('au'), { slug })))
    const { rows } = await superuser.query(`select region from regent.audit_key order by 1`)
    expect(rows).toEqual([{ region: 'au' }, { region: 'eu' }])
  })
})

/** The same numbers for the same seed (mulberry32). */
function randomFrom(seed: string): Random {
  let state = Buffer.from(seed).reduce((sum, byte) => (sum * 31 + byte) | 0, 7)
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound
  }
}
