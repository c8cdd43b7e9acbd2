/** What a start looks at: one key for each master key in use, of its region. */
import { keyStoreSamples } from '../../src/keys/key-samples-store.ts'
import { openWorld, type World } from '../support/world.ts'

describe('samples of sealed keys', () => {
  let world: World

  beforeAll(async () => {
    world = await openWorld()
    for (const host of ['acme.eu', 'rival.eu', 'acme.us']) {
      await world.workspace(`https://${host}.token.example/orders`)
      await world.workspace(`https://${host}.token.example/invoices`)
    }
  })
  afterAll(() => world.close())

  const sampled = (region: string) =>
    world.database.asOperator(async (connection) => {
      const samples = await keyStoreSamples(connection).listSamples(region)
      return samples.map(({ masterKeyId }) => masterKeyId)
    })

  it('are one for each master key, of keys that may sign now or next', async () => {
    await world.superuser(`update regent.signing_key set master_key_id = 'older'
      where kid in (select kid from regent.signing_key key join regent.tenant using (tenant_id) where region = 'eu' limit 3)`)
    await world.superuser(`update regent.signing_key set master_key_id = 'oldest', state = 'revoked', revoked_at = now()
      where kid in (select kid from regent.signing_key where master_key_id = 'test' limit 1)`)
    expect(await sampled('eu')).toEqual(['older', 'test'])
    expect(await sampled('us')).toEqual(['test'])
    expect(await sampled('au')).toEqual([])
  })
})
