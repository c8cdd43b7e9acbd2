/**
 * Facts are written by operators, many tenants in one statement, since nobody waits for a transaction of each. So it is held
 * here who may: not a tenant, not even for itself, and not the login; and what a tenant is shown.
 */
import { newRandomId, type ClientId, type CredentialId } from '../../src/ids.ts'
import { issuanceBatch } from '../../src/records/issuance-batch.ts'
import { issuanceStore } from '../../src/records/issuance-store.ts'
import { useGapStore } from '../../src/records/node-store.ts'
import { useStore } from '../../src/records/use-store.ts'
import { kyselyOn } from '../../src/storage/kysely-on.ts'
import type { Schema } from '../../src/storage/schema.ts'
import { sqlState, type OperatorConnection } from '../../src/storage/transaction.ts'
import { openNeighbourhood, type Neighbour, type Neighbourhood } from './neighbours.ts'

describe('facts of the data path', () => {
  let place: Neighbourhood
  let acme: Neighbour

  beforeAll(async () => {
    place = await openNeighbourhood()
    acme = place.neighbours.acme
  })
  afterAll(() => place.close())

  const owner = () => ({
    tenantId: acme.tenantId,
    workspaceId: acme.workspaceId,
    clientId: 'robot' as ClientId,
  })
  const columns = () => {
    const { workspace, credentialId } = place.names
    const batch = issuanceBatch(1)
    batch.add(
      {
        workspace,
        clientId: 'robot' as ClientId,
        credentialId,
        scope: 'read',
        resources: ['x'],
        tokenId: newRandomId(),
        peer: 'x',
        requestId: 'x',
      },
      Date.now(),
    )
    return batch.columns()
  }
  const WRITES: readonly (readonly [string, (connection: OperatorConnection) => Promise<unknown>])[] = [
    ['issuanceStore.insertIssued', (connection) => issuanceStore(connection).insertIssued(columns())],
    [
      'issuanceStore.insertIssuedAgain',
      (connection) => issuanceStore(connection).insertIssuedAgain(columns()),
    ],
    [
      'issuanceStore.insertRefused',
      (connection) => {
        const asked = { scope: 'read', audience: 'x', peer: 'x', requestId: 'x', reason: 'scope_not_granted' }
        const row = { ...owner(), ...asked, credentialId: place.names.credentialId }
        return issuanceStore(connection).insertRefused([
          { ...row, id: newRandomId(), at: Date.now(), events: 1 },
        ])
      },
    ],
    [
      'issuanceStore.insertDropped',
      (connection) =>
        issuanceStore(connection).insertDropped([
          { ...owner(), id: newRandomId(), at: Date.now(), events: 1 },
        ]),
    ],
    ['issuanceStore.attachDays', (connection) => issuanceStore(connection).attachDays()],
    ['issuanceStore.detachDays', (connection) => issuanceStore(connection).detachDays(7)],
    ['issuanceStore.dropDays', (connection) => issuanceStore(connection).dropDays(7)],
    [
      'useStore.addUses',
      (connection) =>
        useStore(connection).addUses([
          {
            ...owner(),
            credentialId: place.names.credentialId,
            lastUsedAt: Date.now(),
            lastUsedFrom: 'x',
            uses: 1,
          },
        ]),
    ],
    [
      'useStore.addCounts',
      (connection) => useStore(connection).addCounts([{ ...owner(), day: '2026-11-25', issued: 1 }]),
    ],
    ['useStore.deleteCountsBefore', (connection) => useStore(connection).deleteCountsBefore(400)],
    ['useGapStore.insertGap', (connection) => useGapStore(connection, 'eu').insertGap(acme.tenantId, 1)],
    [
      'useGapStore.insertGapsOfNodesBefore',
      (connection) => useGapStore(connection, 'eu').insertGapsOfNodesBefore(1),
    ],
    ['useGapStore.deleteGapsBefore', (connection) => useGapStore(connection, 'eu').deleteGapsBefore(1)],
    ['useGapStore.findKnownUntil', (connection) => useGapStore(connection, 'eu').findKnownUntil(new Date())],
  ]

  async function trying(opening: string, work: (connection: OperatorConnection) => Promise<unknown>) {
    const client = await place.superuser.connect()
    try {
      await client.query(`begin; ${opening}`)
      const db = kyselyOn<Schema>(client).withSchema('regent')
      return await work({ db } as OperatorConnection).then(() => 'done', sqlState)
    } finally {
      await client.query('rollback')
      client.release()
    }
  }

  describe.each(WRITES)('%s', (_name, write) => {
    it('is done by an operator', async () => {
      expect(await trying('set local role regent_operator', write)).toBe('done')
    })

    it.each([
      [
        'a tenant, not even for itself',
        () => `set local role regent_runtime; set local regent.tenant = '${acme.tenantId}'`,
      ],
      [
        'a tenant for another one',
        () => `set local role regent_runtime; set local regent.tenant = '${place.neighbours.rival.tenantId}'`,
      ],
      ['the login without the role line', () => 'set local role regent_test_login'],
    ])('is not done by %s (42501)', async (_case, opening) => {
      expect(await trying(opening(), write)).toBe('42501')
    })
  })

  it.each(['issuance', 'credential_use', 'issuance_count'] as const)(
    'shows a tenant its own rows of %s, through the whole and through no part',
    async (table) => {
      const owners = (tenantId: string) =>
        place.world.database.inTenant(tenantId as Neighbour['tenantId'], async ({ db }) => {
          const rows = await db.selectFrom(table).select('tenant_id').distinct().execute()
          return rows.map((row) => row.tenant_id)
        })
      const { rival, newcomer } = place.neighbours
      expect(await owners(acme.tenantId)).toEqual([acme.tenantId])
      expect(await owners(rival.tenantId)).toEqual([rival.tenantId])
      expect(await owners(newcomer.tenantId)).toEqual([])
    },
  )

  it.each(['regent_runtime', 'regent_operator'])(
    'lets %s into no day of the log by its own name',
    async (role) => {
      const {
        rows: [day],
      } = await place.superuser.query<{ name: string }>(
        `select tableoid::regclass::text as name from regent.issuance limit 1`,
      )
      expect(day?.name).toMatch(/^regent\.issuance_[0-9]{8}$/)
      for (const statement of [
        `select from ${day?.name}`,
        `delete from ${day?.name}`,
        `drop table ${day?.name}`,
      ]) {
        const client = await place.superuser.connect()
        try {
          await client.query(`begin; set local role ${role}; set local regent.tenant = '${acme.tenantId}'`)
          await expect(client.query(statement)).rejects.toMatchObject({ code: '42501' })
        } finally {
          await client.query('rollback')
          client.release()
        }
      }
    },
  )

  it('writes no use of a credential that is not there, and those of others beside it', async () => {
    const { credentialId } = place.names
    const use = { ...owner(), credentialId, lastUsedAt: Date.now(), lastUsedFrom: 'x', uses: 1 }
    const uses = await place.superuser.query<{ uses: string }>(
      `select uses from regent.credential_use where tenant_id = $1 and workspace_id = $2`,
      [acme.tenantId, acme.workspaceId],
    )
    await place.world.database.asOperator((connection) =>
      useStore(connection).addUses([
        { ...use, credentialId: 'n'.repeat(16) as CredentialId },
        { ...use, clientId: 'nobody' as ClientId },
        { ...use, uses: 5 },
      ]),
    )
    const after = await place.superuser.query<{ uses: string }>(
      `select uses from regent.credential_use where tenant_id = $1 and workspace_id = $2`,
      [acme.tenantId, acme.workspaceId],
    )
    expect(after.rows.map(({ uses: sum }) => Number(sum))).toEqual(
      uses.rows.map(({ uses: sum }) => Number(sum) + 5),
    )
  })
})
