/** Who may look after sealed values of all tenants of a region: an operator, of that region; no tenant, not even for itself; not the login. */
import { digestCountStore } from '../../src/clients/digest-count-store.ts'
import { auditKeyStore, sealedAuditKeyStore } from '../../src/changes/audit-store.ts'
import { sealedAnswersStore } from '../../src/changes/sealed-answers-store.ts'
import { nodeKeysStore } from '../../src/keys/node-keys-store.ts'
import { sealedKeysStore } from '../../src/keys/sealed-keys-store.ts'
import type { MasterKeyId } from '../../src/sealing/master-keys.ts'
import { kyselyOn } from '../../src/storage/kysely-on.ts'
import type { Schema } from '../../src/storage/schema.ts'
import { sqlState, type OperatorConnection } from '../../src/storage/transaction.ts'
import type { Region } from '../../src/tenancy/region.ts'
import { openNeighbourhood, type Neighbourhood } from './neighbours.ts'

const TEST = 'test' as MasterKeyId
const NEWER = 'newer' as MasterKeyId

describe('sealed values, for operators', () => {
  let place: Neighbourhood
  beforeAll(async () => {
    place = await openNeighbourhood()
    await place.superuser.query(
      `update regent.idempotency_record set master_key_id = 'test', sealed_answer = 'sealed' where key = 'kept'`,
    )
  })
  afterAll(() => place.close())

  async function trying<T>(role: string, work: (connection: OperatorConnection) => Promise<T>) {
    const client = await place.superuser.connect()
    try {
      await client.query(`begin; ${role}`)
      return await work({ db: kyselyOn<Schema>(client).withSchema('regent') } as OperatorConnection)
    } finally {
      await client.query('rollback')
      client.release()
    }
  }
  const OPERATOR = 'set local role regent_operator'

  it('are those of the region, and of no other', async () => {
    const { acme, rival, sibling, youngest, namesake } = place.neighbours
    const owners = async (region: Region) =>
      trying(OPERATOR, async (connection) => {
        const keys = await sealedKeysStore(connection, region).takeSealedKeys(TEST, undefined, 100)
        const answers = await sealedAnswersStore(connection, region).takeSealedAnswers(TEST, undefined, 100)
        return {
          keys: new Set(keys.map(({ tenantId, workspaceId }) => `${tenantId} ${workspaceId}`)),
          answers: new Set(answers.map(({ tenantId }) => tenantId)),
          counts: [
            (await sealedKeysStore(connection, region).countSealedKeys()).get(TEST) === keys.length,
            (await sealedAnswersStore(connection, region).countSealedAnswers()).get(TEST) === answers.length,
          ],
        }
      })
    const eu = await owners('eu')
    for (const { tenantId, workspaceId } of [acme, rival, sibling, youngest])
      expect(eu.keys).toContain(`${tenantId} ${workspaceId}`)
    expect([eu.answers.has(acme.tenantId), eu.answers.has(namesake.tenantId)]).toEqual([true, false])
    expect([...eu.keys].filter((owner) => owner.startsWith(namesake.tenantId))).toEqual([])
    const us = await owners('us')
    expect([...us.keys]).toEqual([`${namesake.tenantId} ${namesake.workspaceId}`])
    expect([eu.counts, us.counts]).toEqual([
      [true, true],
      [true, true],
    ])
    const counted = (region: Region) =>
      trying(OPERATOR, (connection) => digestCountStore(connection, region).countDigests())
    expect((await counted('us')).get(TEST)).toBeGreaterThan(0)
    expect(await counted('au')).toEqual(new Map())
  })

  it('change for whom they were read of, and stay as they are where somebody was there before', async () => {
    await trying(OPERATOR, async (connection) => {
      const keys = sealedKeysStore(connection, 'eu')
      const [row, other] = await keys.takeSealedKeys(TEST, undefined, 2)
      if (row === undefined || other === undefined) throw new Error('there are keys')
      const resealed = Buffer.from('anew')
      const stale = { ...other, bytes: Buffer.from('as it was before') }
      expect(await keys.updateSealedKeys(TEST, NEWER, [])).toBe(0)
      const pairs = [row, stale].map((one) => ({ row: one, resealed }))
      expect(await keys.updateSealedKeys(TEST, NEWER, pairs)).toBe(1)
      // It is under another key now.
      expect(await keys.updateSealedKeys(TEST, NEWER, pairs)).toBe(0)
      const { db } = connection
      const changed = await db
        .selectFrom('signing_key')
        .select(['tenant_id', 'workspace_id', 'kid'])
        .where('master_key_id', '=', NEWER)
        .execute()
      expect(changed).toEqual([{ tenant_id: row.tenantId, workspace_id: row.workspaceId, kid: row.kid }])

      const answers = sealedAnswersStore(connection, 'eu')
      const kept = await answers.takeSealedAnswers(TEST, undefined, 2)
      const [first, second] = kept
      if (first === undefined || second === undefined) throw new Error('there are answers')
      const moved = [first, { ...second, bytes: resealed }].map((one) => ({ row: one, resealed }))
      expect(await answers.updateSealedAnswers(TEST, NEWER, moved)).toBe(1)
      expect(await answers.countSealedAnswers()).toEqual(
        new Map([
          [NEWER, 1],
          [TEST, kept.length - 1],
        ]),
      )

      const was = await auditKeyStore(connection, 'eu').findAuditKey()
      if (was === undefined) throw new Error('there is an audit key')
      const audit = sealedAuditKeyStore(connection, 'eu')
      const anew = { bytes: resealed, masterKeyId: NEWER }
      expect(await audit.updateAuditKey({ ...was, bytes: resealed }, anew)).toBe(false)
      expect(await audit.updateAuditKey(was, anew)).toBe(true)
      expect(await auditKeyStore(connection, 'eu').findAuditKey()).toEqual(anew)
    })
  })

  const QUESTIONS: readonly (readonly [string, (connection: OperatorConnection) => Promise<unknown>])[] = [
    ['takeSealedKeys', (at) => sealedKeysStore(at, 'eu').takeSealedKeys(TEST, undefined, 1)],
    ['countSealedKeys', (at) => sealedKeysStore(at, 'eu').countSealedKeys()],
    ['takeSealedAnswers', (at) => sealedAnswersStore(at, 'eu').takeSealedAnswers(TEST, undefined, 1)],
    ['countSealedAnswers', (at) => sealedAnswersStore(at, 'eu').countSealedAnswers()],
    ['countDigests', (at) => digestCountStore(at, 'eu').countDigests()],
    ['listNodeKeys', (at) => nodeKeysStore(at, 'eu').listNodeKeys()],
    [
      'updateAuditKey',
      (at) => {
        const anew = { bytes: Buffer.from('anew'), masterKeyId: NEWER }
        return sealedAuditKeyStore(at, 'eu').updateAuditKey(anew, anew)
      },
    ],
  ]

  it.each(QUESTIONS)('%s may not be asked by the login without the role line (42501)', async (_name, ask) => {
    expect(await trying('set local role regent_test_login', ask).catch(sqlState)).toBe('42501')
  })

  it('shows a tenant of others nothing, and lets it change no audit key', async () => {
    const { rival, acme } = place.neighbours
    const asRival = `set local role regent_runtime; set local regent.tenant = '${rival.tenantId}'`
    const keys = await trying(asRival, (at) => sealedKeysStore(at, 'eu').takeSealedKeys(TEST, undefined, 100))
    const answers = await trying(asRival, (at) =>
      sealedAnswersStore(at, 'eu').takeSealedAnswers(TEST, undefined, 100),
    )
    const owners = new Set([...keys, ...answers].map(({ tenantId }) => tenantId))
    expect([owners.has(rival.tenantId), owners.has(acme.tenantId)]).toEqual([true, false])
    const anew = { bytes: Buffer.from('anew'), masterKeyId: NEWER }
    const refused = trying(asRival, (at) => sealedAuditKeyStore(at, 'eu').updateAuditKey(anew, anew))
    expect(await refused.catch(sqlState)).toBe('42501')
  })
})
