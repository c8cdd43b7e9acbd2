/** How many secrets end soon: of the region, of those that live. */
import { revokeCredential } from '../../src/changes/credential-changes.ts'
import { watchExpiring } from '../../src/chores/watch-expiring.ts'
import type { ClientId, CredentialId } from '../../src/ids.ts'
import type { Observation } from '../../src/observe/observation.ts'
import { openWorld, type World } from '../support/world.ts'

describe('secrets that end soon', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld()
  })
  afterAll(() => world.close())

  it('are counted by region, within a day, a week and a month', async () => {
    const shop = await world.workspace('https://acme.eu.token.example/shop')
    const elsewhere = await world.workspace('https://acme.us.token.example/shop')
    const inDays = (days: number) => ({
      secret: { expiresAt: Math.floor(Date.now() / 1000 + days * 86_400) },
    })
    for (const days of [0.5, 3, 5, 20, 40]) await shop.client(`in-${days}`.replace('.', '-'), inDays(days))
    await shop.client('for-ever')
    const { id, credentialId } = await shop.client('revoked', inDays(0.5))
    await revokeCredential(shop.change, shop.workspace, id as ClientId, credentialId as CredentialId)
    await elsewhere.client('other', inDays(0.5))
    const seen: Observation[] = []
    await watchExpiring(world.database, 'eu', (observation) => void seen.push(observation))
    expect(seen).toEqual([{ type: 'secrets_expiring', region: 'eu', day: 1, week: 3, month: 4 }])
  })
})
