/** What an attempt costs and how it is answered, right or wrong, known or not: counted, not timed. */
import { hash } from 'bcrypt'
import { setClientState } from '../../src/changes/client-changes.ts'
import { createSecret, revokeCredential } from '../../src/changes/credential-changes.ts'
import { generateSecret } from '../../src/clients/secret.ts'
import type { ClientId, CredentialId } from '../../src/ids.ts'
import type { Database } from '../../src/storage/transaction.ts'
import { NOW, openWorld, type Credentials, type World, type WorldWorkspace } from '../support/world.ts'

const CHOSEN = 'a password of somebody'
const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

describe('client authentication', () => {
  let world: World
  let counted = { compares: 0, readings: 0 }

  beforeAll(async () => {
    world = await openWorld({
      regions: ['eu'],
      parts: { compare: (secret, bcryptHash) => comparing(secret, bcryptHash) },
      asSeen: (home): Database => ({
        ...home,
        inTenant(tenantId, work) {
          counted.readings += 1
          return home.inTenant(tenantId, work)
        },
      }),
    })
  })
  afterAll(() => world.close())

  const comparing = async (secret: string, bcryptHash: string) => {
    counted.compares += 1
    const { compare } = await import('bcrypt')
    return compare(secret, bcryptHash)
  }
  const count = async (work: () => Promise<{ status: number }>) => {
    counted = { compares: 0, readings: 0 }
    const { status } = await work()
    return { status, ...counted }
  }
  const forget = () => {
    for (const { directory } of world.node.nodes.values()) directory.forgetAll()
  }
  /** Facts are written shortly after the answer. */
  const digestOf = async (credentialId: string) => {
    await wait(300)
    const { rows } = await world.superuser<{ key: string | null }>(
      'select digest_key_id as key from regent.credential where credential_id = $1',
      [credentialId],
    )
    return rows[0]?.key
  }

  describe('with a right secret', () => {
    it('that Regent generated asks bcrypt for nothing, cold or warm', async () => {
      const orders = await world.workspace('https://right.eu.token.example/orders')
      const robot = await orders.client('robot')
      expect(await count(() => orders.token(robot))).toMatchObject({ status: 200, compares: 0 })
      expect(await count(() => orders.token(robot))).toEqual({ status: 200, compares: 0, readings: 0 })
    })

    it('that somebody chose asks bcrypt once, and no node ever again', async () => {
      const orders = await world.workspace('https://chosen.eu.token.example/orders', { chosenSecrets: true })
      const robot = await orders.client('robot', { secret: { chosen: CHOSEN } })
      expect(await count(() => orders.token(robot))).toMatchObject({ status: 200, compares: 1 })
      expect(await count(() => orders.token(robot))).toEqual({ status: 200, compares: 0, readings: 0 })
      expect(await digestOf(robot.credentialId)).toBe('test')
      forget()
      expect(await count(() => orders.token(robot))).toMatchObject({ status: 200, compares: 0 })
    })

    it('that may be weak is never stored as a digest, and remembered by the process until it changes', async () => {
      const orders = await world.workspace('https://weak.eu.token.example/orders', {
        chosenSecrets: true,
        chosenDigests: false,
      })
      const robot = await orders.client('robot', { secret: { chosen: CHOSEN } })
      expect(await count(() => orders.token(robot))).toMatchObject({ status: 200, compares: 1 })
      expect(await count(() => orders.token(robot))).toMatchObject({ status: 200, compares: 0 })
      expect(await digestOf(robot.credentialId)).toBeNull()
      // The same secret under another hash is another credential.
      await world.superuser('update regent.credential set bcrypt_hash = $1 where credential_id = $2', [
        await hash(CHOSEN, 4),
        robot.credentialId,
      ])
      expect(await count(() => orders.token(robot))).toMatchObject({ status: 200, compares: 1 })
    })

    it('whose digest is of a key that is not known falls back to bcrypt, and is written anew', async () => {
      const orders = await world.workspace('https://rotated.eu.token.example/orders')
      const robot = await orders.client('robot')
      await world.superuser(`update regent.credential set digest_key_id = 'gone' where credential_id = $1`, [
        robot.credentialId,
      ])
      expect(await count(() => orders.token(robot))).toMatchObject({ status: 200, compares: 1 })
      expect(await digestOf(robot.credentialId)).toBe('test')
      forget()
      expect(await count(() => orders.token(robot))).toMatchObject({ status: 200, compares: 0 })
    })

    it('that was made before there were digests gets one', async () => {
      const orders = await world.workspace('https://older.eu.token.example/orders')
      const robot = await orders.client('robot')
      await world.superuser(
        `update regent.credential set digest = null, digest_key_id = null where credential_id = $1`,
        [robot.credentialId],
      )
      expect(await count(() => orders.token(robot))).toMatchObject({ status: 200, compares: 1 })
      expect(await digestOf(robot.credentialId)).toBe('test')
    })

    it('that took the place of another one is known at once', async () => {
      const orders = await world.workspace('https://replaced.eu.token.example/orders', {
        chosenSecrets: true,
      })
      const robot = await orders.client('robot', { secret: { chosen: CHOSEN } })
      await orders.token(robot).expect(200)
      const behind = { ...orders.change, database: world.database }
      await revokeCredential(
        behind,
        orders.workspace,
        'robot' as ClientId,
        robot.credentialId as CredentialId,
      )
      await createSecret(behind, orders.workspace, 'robot' as ClientId, { chosen: `${CHOSEN} anew` })
      await orders.token({ id: 'robot', secret: `${CHOSEN} anew` }).expect(200)
      await orders.token(robot).expect(401)
    })
  })

  describe('T15 that fails costs the same whoever is meant', () => {
    type Kind = readonly [name: string, attempt: (orders: WorldWorkspace) => Promise<Credentials>]
    const wrongFor = ({ credentialId }: { credentialId: string }) =>
      generateSecret(credentialId as CredentialId)
    let serial = 0
    const robotOf = (
      orders: WorldWorkspace,
      chosen: boolean,
      times: { notBefore?: number; expiresAt?: number } = {},
    ) => orders.client(`robot-${serial++}`, { secret: { ...times, ...(chosen && { chosen: CHOSEN }) } })
    const kinds = (chosen: boolean): readonly Kind[] => [
      [
        'unknown',
        async () => ({
          id: `nobody-${serial++}`,
          secret: chosen ? CHOSEN : generateSecret('N'.repeat(16) as CredentialId),
        }),
      ],
      [
        'wrong',
        async (orders) => {
          const robot = await robotOf(orders, chosen)
          await orders.token(robot).expect(200)
          return { id: robot.id, secret: chosen ? 'another one' : wrongFor(robot) }
        },
      ],
      [
        'disabled',
        async (orders) => {
          const robot = await robotOf(orders, chosen)
          await setClientState(orders.change, orders.workspace, robot.id as ClientId, 'disabled')
          return robot
        },
      ],
      ['expired', (orders) => robotOf(orders, chosen, { expiresAt: NOW - 1 })],
      ['not yet valid', (orders) => robotOf(orders, chosen, { notBefore: NOW + 10 })],
    ]

    it.each([
      ['a generated secret', false, {}, 0],
      ['a generated secret, where others are chosen', false, { chosenSecrets: true }, 0],
      ['a chosen secret', true, { chosenSecrets: true }, 1],
    ] as const)('with %s', async (_case, chosen, settings, compares) => {
      const orders = await world.workspace(`https://fails-${serial++}.eu.token.example/orders`, settings)
      const answers = new Set<string>()
      for (const [name, attempt] of kinds(chosen)) {
        const credentials = await attempt(orders)
        const response = { status: 0, compares: 0, readings: 0 }
        Object.assign(
          response,
          await count(async () => {
            const answer = await orders.token(credentials)
            answers.add(JSON.stringify(answer.body).replaceAll(/request [\w-]+/g, 'request'))
            return answer
          }),
        )
        expect({ name, status: response.status, compares: response.compares }).toEqual({
          name,
          status: 401,
          compares,
        })
        // At the most one to find the client, and one to be sure.
        expect(response.readings).toBeLessThanOrEqual(2)
      }
      expect(answers.size).toBe(1)
    })

    it('and a secret of no possible form costs nothing at all', async () => {
      const orders = await world.workspace('https://forms.eu.token.example/orders')
      await orders.client('robot')
      await orders.token({ id: 'robot', secret: 'x' }).expect(401)
      for (const secret of ['not of our form', 'rgs_damaged', 'x'.repeat(73)]) {
        expect(await count(() => orders.token({ id: 'robot', secret }))).toEqual({
          status: 401,
          compares: 0,
          readings: 0,
        })
      }
    })

    it('a wrong secret of a credential that is there is final: the database is not asked', async () => {
      const orders = await world.workspace('https://final.eu.token.example/orders')
      const robot = await orders.client('robot')
      await orders.token(robot).expect(200)
      expect(await count(() => orders.token({ id: 'robot', secret: wrongFor(robot) }))).toEqual({
        status: 401,
        compares: 0,
        readings: 0,
      })
    })
  })
})

describe('T16 failing often', () => {
  it('is answered with 429 and Retry-After, at a turn a second; the right secret passes all the while', async () => {
    const world = await openWorld({
      regions: ['eu'],
      parts: { attempts: { failureInterval: 20, attempts: 5 }, memory: { confirmInterval: 50 } },
    })
    try {
      const orders = await world.workspace('https://acme.eu.token.example/orders', { chosenSecrets: true })
      const robot = await orders.client('robot')
      const wrong = { id: 'robot', secret: generateSecret(robot.credentialId as CredentialId) }
      const statuses: number[] = []
      for (let n = 0; n < 8; n++) {
        statuses.push((await orders.token(wrong)).status)
        await orders.token(robot).expect(200)
      }
      // The pair has succeeded: it is touched by no counter.
      expect(statuses).toEqual(Array.from({ length: 8 }, () => 401))
      const stranger = { id: 'stranger', secret: wrong.secret }
      const limited: number[] = []
      for (let n = 0; n < 8; n++) limited.push((await orders.token(stranger)).status)
      expect(limited).toEqual([401, 401, 401, 401, 401, 429, 429, 429])
      const last = await orders.token(stranger).expect(429)
      expect(Number(last.headers['retry-after'])).toBeGreaterThan(0)
      expect(last.body.error).toBe('temporarily_unavailable')
      await orders.token(robot).expect(200)
      // Imported secrets: over the limit, bcrypt is not even asked; another client id is.
      const imported = await orders.client('imported', { secret: { chosen: CHOSEN } })
      for (let n = 0; n < 6; n++) await orders.token({ id: 'guessed', secret: 'a guess' })
      await orders.token({ id: 'guessed', secret: 'a guess' }).expect(429)
      await orders.token(imported).expect(200)
    } finally {
      await world.close()
    }
  }, 30_000)

  it('leaves at multiples of the interval, and takes one turn of its client id at a time', async () => {
    const world = await openWorld({
      regions: ['eu'],
      parts: { attempts: { failureInterval: 200, attempts: 1000 }, memory: { confirmInterval: 600 } },
    })
    try {
      const orders = await world.workspace('https://acme.eu.token.example/orders')
      const robot = await orders.client('robot')
      await orders.token(robot).expect(200)
      const took = async (credentials: Credentials) => {
        const begun = performance.now()
        await orders.token(credentials).expect(401)
        return performance.now() - begun
      }
      const kinds = {
        unknown: { id: 'nobody', secret: generateSecret('N'.repeat(16) as CredentialId) },
        wrong: { id: 'robot', secret: generateSecret(robot.credentialId as CredentialId) },
      }
      for (const credentials of Object.values(kinds)) {
        // Lower bounds only: the first leaves at the interval's end, the second has waited for its turn before.
        expect(await took(credentials)).toBeGreaterThanOrEqual(199)
        const [second, third] = await Promise.all([took(credentials), took(credentials)])
        expect(Math.min(second, third)).toBeGreaterThanOrEqual(399)
      }
      // A right one never waits for a turn.
      await orders.token(robot).expect(200)
    } finally {
      await world.close()
    }
  }, 30_000)
})
