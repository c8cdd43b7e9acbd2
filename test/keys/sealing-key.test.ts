/** Which master key seals in a region: the first of a process's own that all of its nodes know, silent ones too. */
import type { NodeId } from '../../src/ids.ts'
import { nodeKeysStore, type NodeKeys } from '../../src/keys/node-keys-store.ts'
import { agreedKey, findSealingKey, resealingKey, sealingKey } from '../../src/keys/sealing-key.ts'
import type { MasterKeyId } from '../../src/sealing/master-keys.ts'
import { openMigratedDatabase } from '../support/world.ts'

const node = (number: number, masterKeyIds: readonly string[], live = true): NodeKeys => ({
  id: `00000000-0000-4000-8000-00000000000${number}` as NodeId,
  masterKeyIds,
  live,
})
const ring = (...ids: string[]) => ({
  masterKeyIds: ids as unknown as readonly [MasterKeyId, ...MasterKeyId[]],
})

describe('the master key that all live nodes seal with', () => {
  it.each([
    ['of nodes that know one', [node(1, ['a']), node(2, ['a'])], 'a'],
    ['the first, where all have it first', [node(1, ['b', 'a']), node(2, ['b', 'a'])], 'b'],
    ['not one that a node does not know', [node(1, ['b', 'a']), node(2, ['a'])], 'a'],
    ['none, where they differ in their order', [node(1, ['b', 'a']), node(2, ['a', 'b'])], undefined],
    ['none, where they have none in common', [node(1, ['b']), node(2, ['a'])], undefined],
    ['not one that a silent node does not know', [node(1, ['b', 'a']), node(2, ['a'], false)], 'a'],
    ['whatever the order of a silent node', [node(1, ['b', 'a']), node(2, ['a', 'b'], false)], 'b'],
    ['none, where no node lives', [node(1, ['a'], false)], undefined],
  ])('%s', (_case, nodes, key) => {
    expect(agreedKey(nodes)).toBe(key)
  })
})

describe('the master key that a process seals with', () => {
  let home: Awaited<ReturnType<typeof openMigratedDatabase>>
  beforeAll(async () => {
    home = await openMigratedDatabase()
  })
  afterAll(() => home.drop())

  /** @param silent seconds since its last heartbeat */
  const planted = (region: string, { id, masterKeyIds }: NodeKeys, silent = 0, maxStale = 60) =>
    home.database.asOperator(({ db }) =>
      db
        .insertInto('node')
        .values({
          region,
          node_id: id,
          feed_number: '0',
          connections: 1,
          master_key_ids: [...masterKeyIds],
          version: '0',
          max_stale: maxStale,
          seen_at: new Date(Date.now() - silent * 1000),
        })
        .execute(),
    )
  const asked = (...ids: string[]) =>
    home.database.asOperator((connection) => findSealingKey(connection, 'eu', ring(...ids)))
  const resealed = (...ids: string[]) =>
    home.database.asOperator((connection) => resealingKey(connection, 'eu', ring(...ids)))

  it('is its first where there is no node', async () => {
    expect([await asked('b', 'a'), await resealed('b', 'a')]).toEqual(['b', 'b'])
  })

  it('is one that every node of the region knows: those that live, and those that may come back', async () => {
    await planted('us', node(1, ['x']))
    await planted('eu', node(2, ['c', 'b', 'a']))
    await planted('eu', node(3, ['x']), 61)
    expect(await asked('d', 'c', 'b', 'a')).toBe('c')
    // Silent for a while, and it could go on without its database for longer.
    await planted('eu', node(4, ['b', 'a']), 30)
    expect(await asked('c', 'b', 'a')).toBe('b')
    expect(await asked('a', 'b')).toBe('a')
    expect(await asked('c')).toBeUndefined()
    const nodes = await home.database.asOperator((connection) =>
      nodeKeysStore(connection, 'eu').listNodeKeys(),
    )
    expect(nodes).toEqual([node(2, ['c', 'b', 'a']), node(4, ['b', 'a'], false)])
  })

  it('seals anew with what the nodes seal with, and with nothing where that is not known here', async () => {
    expect(await resealed('a', 'b', 'c')).toBe('b')
    expect(await resealed('a', 'c')).toBeUndefined()
  })

  it('is refused where none of its own is known to all: nothing is sealed that they could not open', async () => {
    const sealing = home.database.asOperator((connection) => sealingKey(connection, 'eu', ring('c', 'd')))
    await expect(sealing).rejects.toThrow(/\(c, d\) is known to all nodes of region eu/)
  })
})
