/** How many secrets end soon, and which: of the region, of those that live. */
import { revokeCredential, updateCredential } from '../../src/changes/credential-changes.ts'
import { watchExpiring } from '../../src/chores/watch-expiring.ts'
import type { ClientId, CredentialId } from '../../src/ids.ts'
import type { Observation } from '../../src/observe/observation.ts'
import { openWorld, type World, type WorldWorkspace } from '../support/world.ts'

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
    expect(seen.filter(({ type }) => type === 'secrets_expiring')).toEqual([
      { type: 'secrets_expiring', region: 'eu', day: 1, week: 3, month: 4 },
    ])
  })

  describe('are named, each', () => {
    let store: WorldWorkspace
    let credential: { id: string; credentialId: string }
    const told = async () => {
      const seen: Observation[] = []
      await Promise.all(
        Array.from({ length: 3 }, () => watchExpiring(world.database, 'eu', (one) => void seen.push(one))),
      )
      return seen.flatMap((one) =>
        one.type === 'secret_expiring' && one.workspace === 'store' ? [{ ...one, expiresAt: '' }] : [],
      )
    }
    const endsIn = (interval: string) =>
      world.superuser(
        `update regent.credential set expires_at = now() + interval '${interval}' where credential_id = $1`,
        [credential.credentialId],
      )
    const named = (days: number) => ({
      type: 'secret_expiring',
      region: 'eu',
      tenant: 'acme',
      workspace: 'store',
      clientId: credential.id,
      credentialId: credential.credentialId,
      days,
      expiresAt: '',
    })
    beforeAll(async () => {
      store = await world.workspace('https://acme.eu.token.example/store')
      credential = await store.client('robot', {
        secret: { expiresAt: Math.floor(Date.now() / 1000) + 31 * 86_400 },
      })
    })

    it('once when it comes within 30, 7 and 1 days of its end, by whichever node comes first', async () => {
      expect(await told()).toEqual([])
      for (const [interval, days] of [
        ['29 days', 30],
        ['6 days', 7],
        ['5 hours', 1],
      ] as const) {
        await endsIn(interval)
        expect(await told()).toEqual([named(days)])
        expect(await told()).toEqual([])
      }
    })

    it('again when it has got another end, and not while that is the same', async () => {
      const again = { expiresAt: Math.floor(Date.now() / 1000) + 20 * 86_400 }
      const change = (patch: object) =>
        updateCredential(
          store.change,
          store.workspace,
          credential.id as ClientId,
          credential.credentialId as CredentialId,
          patch,
        )
      await change(again)
      expect(await told()).toEqual([named(30)])
      await change({ label: 'the same end' })
      expect(await told()).toEqual([])
    })

    it.each(['revoked', 'of a deleted workspace', 'that waits for its first use'])(
      'but none %s',
      async (what) => {
        await world.superuser(`update regent.credential set expiry_told = null`)
        const undo = await made(what)
        expect(await told()).toEqual([])
        await undo()
      },
    )

    const made = async (what: string) => {
      const states: Readonly<Record<string, readonly [string, string]>> = {
        revoked: [
          `update regent.credential set state = 'revoked', slot = null where credential_id = '${credential.credentialId}'`,
          `update regent.credential set state = 'live', slot = 1 where credential_id = '${credential.credentialId}'`,
        ],
        'of a deleted workspace': [
          `update regent.workspace set state = 'deleted', deleted_at = now() where slug = 'store'`,
          `update regent.workspace set state = 'enabled', deleted_at = null where slug = 'store'`,
        ],
        'that waits for its first use': [
          `update regent.credential set awaits_use = true, replaces = 'x', overlap = 1 where credential_id = '${credential.credentialId}'`,
          `update regent.credential set awaits_use = false, replaces = null, overlap = null where credential_id = '${credential.credentialId}'`,
        ],
      }
      const [there, back] = states[what] ?? ['', '']
      await world.superuser(there)
      return () => world.superuser(back)
    }
  })
})
