/** Failing attempts at the token endpoint: what they cost, how long they wait, and what a restart forgets. */
import { setTimeout as sleep } from 'node:timers/promises'
import { compare } from 'bcrypt'
import type { KyselyPlugin } from 'kysely'
import { setClientState } from '../../src/changes/client-changes.ts'
import { createSecret, revokeCredential } from '../../src/changes/credential-changes.ts'
import { attemptLimits } from '../../src/clients/attempt-limits.ts'
import { clientAuthentication } from '../../src/clients/authenticate.ts'
import { readCredentials } from '../../src/clients/credentials.ts'
import { hashQueue } from '../../src/clients/hash-queue.ts'
import { generateSecret } from '../../src/clients/secret.ts'
import { verifiedSecrets } from '../../src/clients/verified-secrets.ts'
import { monotonic } from '../../src/clock.ts'
import type { Directory } from '../../src/directory/directory.ts'
import { clientAuthenticator } from '../../src/endpoints/authenticate-client.ts'
import { newCredentialId, type ClientId, type CredentialId } from '../../src/ids.ts'
import { assembleServer } from '../../src/server/assemble.ts'
import {
  listen,
  NOW,
  openWorld,
  type Credentials,
  type World,
  type WorldWorkspace,
} from '../support/world.ts'
import { ask } from './attempt.ts'

const INTERVAL = 100
const TURN = 50

describe('failing attempts (T15)', () => {
  let world: World
  const asked = { transactions: 0, statements: 0 }
  const counting: KyselyPlugin = {
    transformQuery({ node }) {
      asked.statements += 1
      return node
    },
    transformResult: async ({ result }) => result,
  }

  beforeAll(async () => {
    world = await openWorld({
      regions: ['eu'],
      parts: {
        memory: { confirmInterval: TURN },
        attempts: { failureInterval: INTERVAL, attempts: 1_000_000 },
      },
      asSeen: (home) => ({
        ...home,
        inTenant(tenantId, work) {
          asked.transactions += 1
          return home.inTenant(tenantId, (connection) =>
            work({ ...connection, db: connection.db.withPlugin(counting) }),
          )
        },
      }),
    })
  })
  afterAll(() => world.close())

  /** One client for each way to fail, with what it presents; `form` decides what kind of secret that is. */
  async function failing(name: string, form: 'generated' | 'chosen', chosenSecrets = true) {
    const orders = await world.workspace(`https://${name}.eu.token.example/orders`, { chosenSecrets })
    const { change, workspace } = orders
    const make = (id: string, input: object = {}, more: object = {}) =>
      orders.client(id, {
        ...more,
        secret: { ...input, ...(form === 'chosen' && { chosen: `secret of ${id}` }) },
      })
    const wrong = (credentialId: CredentialId) =>
      form === 'chosen' ? 'nobody has this one' : generateSecret(credentialId)
    const robot = await make('robot')
    const disabled = await make('disabled')
    await setClientState(change, workspace, 'disabled' as ClientId, 'disabled')
    const revoked = await make('revoked')
    await revokeCredential(change, workspace, 'revoked' as ClientId, revoked.credentialId as CredentialId)
    const ways: Record<string, Credentials> = {
      unknown: { id: 'nobody', secret: wrong(newCredentialId()) },
      'an id that nobody can have': { id: 'no body', secret: wrong(newCredentialId()) },
      wrong: { id: 'robot', secret: wrong(robot.credentialId as CredentialId) },
      'wrong, of another credential': { id: 'robot', secret: wrong(newCredentialId()) },
      disabled,
      revoked,
      expired: await make('expired', { expiresAt: NOW }),
      early: await make('early', { notBefore: NOW + 1 }),
      'another method': await make(
        'strict',
        {},
        { strictAuthMethod: true, tokenEndpointAuthMethod: 'client_secret_basic' },
      ),
    }
    return { orders, ways }
  }

  /** The door's own parts around a real memory and a real bcrypt, each counted. */
  function counted({ workspace }: WorldWorkspace) {
    const directory = world.node.nodes.get('eu')?.directory as Directory
    let compares = 0
    const limits = attemptLimits({ monotonic, maxEntries: 1000, attempts: 1_000_000, perSeconds: 60 })
    const authenticateClient = clientAuthenticator({
      authenticate: clientAuthentication({
        clock: world.clock,
        bcryptCost: 4,
        digestKeys: world.parts.digestKeys,
        hashQueue: hashQueue({
          threads: 1,
          maxWaiting: 100,
          maxWaitingPerTenant: 100,
          monotonic,
          compare(secret, hash) {
            compares += 1
            return compare(secret, hash)
          },
        }),
        verified: verifiedSecrets({ maxEntries: 100 }),
        limits,
        rehash: () => {},
      }),
      limits,
      noteDigest: () => {},
      noteUse: () => {},
      noteReplacement: () => {},
      monotonic,
      failureInterval: 0,
    })
    return async ({ id, secret }: Credentials) => {
      const presented = readCredentials([], { client_id: id, client_secret: secret }, workspace)
      compares = 0
      Object.assign(asked, { transactions: 0, statements: 0 })
      const outcome = await authenticateClient(presented, workspace, directory, '192.0.2.1').catch(
        (error: { code: string }) => error.code,
      )
      return { compares, ...asked, outcome }
    }
  }

  it.each([
    ['generated', 'generated', true, 0],
    ['generated-only', 'generated', false, 0],
    ['chosen', 'chosen', true, 1],
  ] as const)(
    '%s: each costs the same comparisons and one reading of as many statements, cold and warm',
    async (name, form, chosen, compares) => {
      const { orders, ways } = await failing(name, form, chosen)
      const attempt = counted(orders)
      for (const [way, client] of Object.entries(ways)) {
        // Nobody can have it, which everybody knows.
        const isRead = way !== 'an id that nobody can have'
        const read = isRead ? { transactions: 1, statements: 4 } : { transactions: 0, statements: 0 }
        // Past the turn of whoever failed with this id before: within it, what was forgotten is compared with nobody's hash too.
        await sleep(2 * TURN)
        world.node.nodes.get('eu')?.directory.forgetAll()
        for (const temperature of ['cold', 'warm', 'warm again'])
          expect([way, temperature, await attempt(client)]).toEqual([
            way,
            temperature,
            { compares, ...read, outcome: 'invalid_client' },
          ])
      }
    },
  )

  it.each([
    ['chosen-bytes', 'chosen'],
    ['generated-bytes', 'generated'],
  ] as const)(
    '%s: a hundred answers each, the same bytes, none before its interval ends',
    async (name, form) => {
      const { orders, ways } = await failing(name, form)
      const all = Object.entries(ways).flatMap(([way, client]) =>
        Array.from({ length: 100 }, () => ({ way, client })),
      )
      const shuffled = all.map((one) => ({ one, at: Math.random() })).toSorted((a, b) => a.at - b.at)
      const answers = new Map<string, Set<string>>()
      const early: string[] = []
      const next = shuffled.values()
      await Promise.all(
        Array.from({ length: 20 }, async () => {
          for (const { one } of next) {
            const { bytes, milliseconds } = await ask(world.port, orders, one.client)
            answers.set(bytes, (answers.get(bytes) ?? new Set()).add(one.way))
            // Timers of Node may be early by a millisecond.
            if (milliseconds < INTERVAL - 2) early.push(one.way)
          }
        }),
      )
      expect([answers.size, early]).toEqual([1, []])
      expect([...answers.values()][0]?.size).toBe(9)
    },
  )
})

describe('chosen secrets', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ regions: ['eu'] })
  })
  afterAll(() => world.close())

  /** A node that was just started, beside the others: it remembers nothing. */
  async function startAnother() {
    const node = assembleServer(world.parts)
    await node.start()
    const port = await listen(node.http)
    return {
      ask: (orders: WorldWorkspace, client: Credentials) => ask(port, orders, client),
      async stop() {
        node.http.closeAllConnections()
        node.http.close()
        await node.stop()
      },
    }
  }
  const spoilHashes = (orders: WorldWorkspace) =>
    world.superuser(
      `update regent.credential set bcrypt_hash = '$2b$04$' || repeat('.', 53) where workspace_id = $1`,
      [orders.workspace.id],
    )

  it('T17 are compared once ever: after a restart with 50 clients, digests decide, and bcrypt is not asked', async () => {
    const orders = await world.workspace('https://imported.eu.token.example/orders', { chosenSecrets: true })
    const clients: Credentials[] = []
    for (let number = 0; number < 50; number++)
      clients.push(
        await orders.client(`robot-${number}`, { secret: { chosen: `imported secret ${number}` } }),
      )
    const first = await startAnother()
    for (const client of clients) expect((await first.ask(orders, client)).status).toBe(200)
    // A node that stops writes what waits.
    await first.stop()
    await spoilHashes(orders)
    const second = await startAnother()
    const statuses = await Promise.all(
      clients.map(async (client) => (await second.ask(orders, client)).status),
    )
    await second.stop()
    expect(statuses).toEqual(clients.map(() => 200))
  })

  it('leave no digest where the workspace forbids it: another node asks bcrypt again', async () => {
    const orders = await world.workspace('https://weak.eu.token.example/orders', {
      chosenSecrets: true,
      chosenDigests: false,
    })
    const robot = await orders.client('robot', { secret: { chosen: 'weak' } })
    const first = await startAnother()
    for (let tries = 0; tries < 2; tries++) expect((await first.ask(orders, robot)).status).toBe(200)
    await first.stop()
    const { rows } = await world.superuser('select digest from regent.credential where workspace_id = $1', [
      orders.workspace.id,
    ])
    expect(rows).toEqual([{ digest: null }])
    await spoilHashes(orders)
    const second = await startAnother()
    expect((await second.ask(orders, robot)).status).toBe(401)
    await second.stop()
  })

  it('T19 a chosen secret that replaces another is known at once, and the other no more', async () => {
    const orders = await world.workspace('https://swap.eu.token.example/orders', { chosenSecrets: true })
    const old = await orders.client('robot', { secret: { chosen: 'the old one' } })
    await orders.token(old).expect(200)
    await revokeCredential(
      orders.change,
      orders.workspace,
      'robot' as ClientId,
      old.credentialId as CredentialId,
    )
    await createSecret(orders.change, orders.workspace, 'robot' as ClientId, { chosen: 'the new one' })
    for (let tries = 0; tries < 2; tries++) {
      await orders.token({ id: 'robot', secret: 'the new one' }).expect(200)
      await orders.token(old).expect(401)
    }
  })

  it('T18 every byte of 72 counts, also where memory and a digest know the secret', async () => {
    const orders = await world.workspace('https://long.eu.token.example/orders', { chosenSecrets: true })
    const secret = 'long '.repeat(15).slice(0, 72)
    const robot = await orders.client('robot', { secret: { chosen: secret } })
    for (let round = 0; round < 2; round++) {
      await orders.token(robot).expect(200)
      for (const other of [
        `${secret}x`,
        secret.slice(0, -1),
        `${secret.slice(0, -1)}x`,
        `x${secret.slice(1)}`,
        secret.slice(1),
        ' ',
      ])
        await orders.token({ ...robot, secret: other }).expect(401)
      await orders.token({ ...robot, secret: `${secret.slice(0, 10)}\0${secret.slice(11)}` }).expect(400)
    }
  })
})
