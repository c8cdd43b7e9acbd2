/** Which check decides, what it costs, and what is worth storing afterwards: by values, with bcrypt itself, counted. */
import { createSecretKey, randomBytes } from 'node:crypto'
import { hashSync } from 'bcrypt'
import { attemptLimits } from '../../src/clients/attempt-limits.ts'
import { clientAuthentication, type Attempt } from '../../src/clients/authenticate.ts'
import type { Credential, KnownClient } from '../../src/clients/client.ts'
import type { Presented } from '../../src/clients/credentials.ts'
import { digestSecret, type Digest, type DigestKey, type DigestOwner } from '../../src/clients/digest.ts'
import { compareHash, type FailingWork } from '../../src/clients/compare-hash.ts'
import { hashQueue, type Turn } from '../../src/clients/hash-queue.ts'
import type { Rehash } from '../../src/clients/rehashing.ts'
import { generateSecret } from '../../src/clients/secret.ts'
import { verifiedSecrets } from '../../src/clients/verified-secrets.ts'
import type { ClientId, CredentialId, TenantId, WorkspaceId } from '../../src/ids.ts'
import type { Workspace } from '../../src/tenancy/tenant.ts'

const NOW = 1_790_000_000
const ID = 'abcdefghijklmnop' as CredentialId
const CHOSEN = 'a chosen secret'
const GENERATED = generateSecret(ID)
/** As Hydra stores it. */
const HYDRAS = 'some-secret-of-hydra'
const HYDRA = '$pbkdf2-sha256$i=25000,l=32$AAECAwQFBgcICQoLDA0ODw$Z4qHcyrQC04D3zR6ahhTn1QxPJFtxaYA+vuhvamk5Yk'
const key = (id: string): DigestKey => ({ id, key: createSecretKey(randomBytes(32)) })
const [newest, older, unknown] = [key('newest'), key('older'), key('unknown')]
const OWNER: DigestOwner = {
  region: 'eu',
  tenantId: 'acme' as TenantId,
  workspaceId: 'orders' as WorkspaceId,
  clientId: 'robot' as ClientId,
  credentialId: ID,
}
const workspaceWith = (chosenDigests: boolean, more: Partial<Workspace> = {}) =>
  ({
    id: OWNER.workspaceId,
    tenant: { id: OWNER.tenantId, region: OWNER.region },
    chosenSecrets: true,
    chosenDigests,
    ...more,
  }) as unknown as Workspace

function clientWith(secret: string, more: Partial<Credential> = {}): KnownClient {
  const origin = secret.startsWith('rgs_') ? 'generated' : 'chosen'
  const credential: Credential = {
    id: ID,
    origin,
    bcryptHash: hashSync(secret, 4),
    digest: undefined,
    state: 'live',
    notBefore: undefined,
    expiresAt: undefined,
    ...more,
  }
  return {
    id: OWNER.clientId,
    state: 'enabled',
    tokenEndpointAuthMethod: 'client_secret_basic',
    strictAuthMethod: false,
    grantTypes: [],
    defaultResourceServerId: undefined,
    severalResources: false,
    allowedNetworks: [],
    tokensPerMinute: undefined,
    credentials: [credential],
    grants: [],
  }
}

const present = (secret: string): Presented => ({
  method: 'client_secret_basic',
  clientId: OWNER.clientId,
  secret,
  form: secret.startsWith('rgs_')
    ? { form: 'generated', credentialId: secret.slice(4, 20) as CredentialId }
    : { form: 'chosen' },
})

/** @returns the outcome, with the bcrypt comparisons that it took */
function open({
  chosenDigests = true,
  turns = [],
  failing = [],
  rehashed = [],
  workspace = {},
  digestKeyOf = () => newest,
}: {
  chosenDigests?: boolean
  turns?: Turn[]
  /** What each comparison was to cost, should the attempt fail. */
  failing?: (FailingWork | undefined)[]
  rehashed?: Parameters<Rehash>[]
  workspace?: Partial<Workspace>
  digestKeyOf?: () => DigestKey
} = {}) {
  let compares = 0
  const monotonic = () => 0
  const queue = hashQueue({
    threads: 1,
    maxWaiting: 100,
    maxWaitingPerTenant: 100,
    monotonic,
    compare(secret, hash, most) {
      compares += 1
      failing.push(most)
      return compareHash(secret, hash)
    },
  })
  const authenticate = clientAuthentication({
    clock: { now: () => NOW },
    bcryptCost: 4,
    digestKeys: [newest, older],
    digestKeyOf,
    hashQueue: {
      ...queue,
      compare(turn, ...asked) {
        turns.push(turn)
        return queue.compare(turn, ...asked)
      },
    },
    verified: verifiedSecrets({ maxEntries: 100 }),
    limits: attemptLimits({ monotonic, maxEntries: 100, attempts: 1000, perSeconds: 60 }),
    rehash: (...asked) => void rehashed.push(asked),
  })
  return async (
    secret: string,
    client: KnownClient | undefined,
    peer = '192.0.2.1',
  ): Promise<Attempt & { compares: number }> => {
    const before = compares
    const asked = { presented: present(secret), workspace: workspaceWith(chosenDigests, workspace), peer }
    return { ...(await authenticate(asked, client)), compares: compares - before }
  }
}

const digestOf = (secret: string, by: DigestKey): Digest => digestSecret(by, OWNER, secret)
const passed = (compares: number, newDigest: boolean) => ({
  outcome: 'authenticated',
  credentialId: ID,
  compares,
  newDigest: newDigest ? expect.anything() : undefined,
})
const summary = (attempt: Attempt & { compares: number }) =>
  attempt.outcome === 'failed'
    ? { outcome: 'failed', reason: attempt.reason, compares: attempt.compares }
    : {
        outcome: attempt.outcome,
        credentialId: attempt.credentialId,
        compares: attempt.compares,
        newDigest: attempt.newDigest,
      }

describe('client authentication by digest and by hash', () => {
  it.each([
    ['a generated secret with a digest costs no bcrypt', GENERATED, newest, 0, false],
    ['an older key decides, and the digest is renewed', GENERATED, older, 0, true],
    ['where its key is not known, bcrypt decides, and the digest is made anew', GENERATED, unknown, 1, true],
    ['a chosen secret with a digest costs no bcrypt either', CHOSEN, newest, 0, false],
    ['a chosen one under an older key is renewed', CHOSEN, older, 0, true],
    ['a chosen one under a key that is not known: bcrypt, and anew', CHOSEN, unknown, 1, true],
    ['a generated secret without a digest: bcrypt, and one is made', GENERATED, undefined, 1, true],
    ['a chosen secret without a digest: bcrypt, and one is made', CHOSEN, undefined, 1, true],
  ] as const)('%s', async (_case, secret, by, compares, renewed) => {
    const client = clientWith(secret, { digest: by && digestOf(secret, by) })
    const attempt = await open()(secret, client)
    expect(summary(attempt)).toEqual(passed(compares, renewed))
    if (attempt.outcome === 'authenticated' && renewed) {
      expect(attempt.newDigest).toEqual({
        owner: OWNER,
        digest: digestOf(secret, newest),
        bcryptHash: client.credentials[0]?.bcryptHash,
      })
    }
  })

  it('asks for a digest once for each key that it is to be under, not with every token', async () => {
    let by: DigestKey = older
    const authenticate = open({ digestKeyOf: () => by })
    // As memory has it, until the client is read again.
    const client = clientWith(GENERATED, { digest: digestOf(GENERATED, older) })
    const asked = async () => {
      const attempt = await authenticate(GENERATED, client)
      return attempt.outcome === 'authenticated' ? attempt.newDigest?.digest.keyId : attempt
    }
    expect([await asked(), await asked()]).toEqual([undefined, undefined])
    by = newest
    expect([await asked(), await asked(), await asked()]).toEqual([newest.id, undefined, undefined])
  })

  it.each([true, false])('a chosen secret costs bcrypt once, stored digests allowed: %s', async (allowed) => {
    const authenticate = open({ chosenDigests: allowed })
    const client = clientWith(CHOSEN)
    expect(summary(await authenticate(CHOSEN, client))).toEqual(passed(1, allowed))
    // Even before the digest that was asked for is in a row.
    expect(summary(await authenticate(CHOSEN, client))).toEqual(passed(0, false))
    // Wrong ones are not remembered, as nothing is that could be filled by guessing.
    for (let tries = 0; tries < 2; tries++)
      expect(await authenticate('another', client)).toMatchObject({ reason: 'wrong_secret', compares: 1 })
  })

  it('renews no digest of a chosen secret where the workspace forbids them', async () => {
    const client = clientWith(CHOSEN, { digest: digestOf(CHOSEN, older) })
    expect(summary(await open({ chosenDigests: false })(CHOSEN, client))).toEqual(passed(0, false))
  })

  it('T19 remembers a secret until its credential has another hash, or another takes its place', async () => {
    const authenticate = open({ chosenDigests: false })
    await authenticate(CHOSEN, clientWith(CHOSEN))
    expect(await authenticate(CHOSEN, clientWith('another'))).toMatchObject({
      reason: 'wrong_secret',
      compares: 1,
    })
    const replaced = clientWith('another', { id: 'qrstuvwxyz012345' as CredentialId })
    expect(await authenticate(CHOSEN, replaced)).toMatchObject({ reason: 'wrong_secret', compares: 1 })
    expect(await authenticate('another', replaced)).toMatchObject({ outcome: 'authenticated', compares: 1 })
  })

  it.each([
    ['revoked', { state: 'revoked' }, 'credential_revoked'],
    ['expired', { expiresAt: NOW }, 'credential_expired'],
    ['not yet valid', { notBefore: NOW + 1 }, 'credential_not_yet_valid'],
  ] as const)('lets nobody in by memory whose credential is %s by now', async (_case, more, reason) => {
    const authenticate = open()
    const client = clientWith(GENERATED)
    await authenticate(GENERATED, client)
    const ended = { ...client, credentials: client.credentials.map((one) => ({ ...one, ...more })) }
    expect(await authenticate(GENERATED, ended)).toMatchObject({ reason, compares: 0 })
  })

  it('a digest that does not match decides on a generated secret, and costs no bcrypt', async () => {
    const client = clientWith(GENERATED, { digest: digestOf(GENERATED, newest) })
    expect(summary(await open()(generateSecret(ID), client))).toEqual({
      outcome: 'failed',
      reason: 'wrong_secret',
      compares: 0,
    })
  })

  it('T17 waits in the line of its tenant, and there of its network', async () => {
    const turns: Turn[] = []
    const authenticate = open({ turns })
    for (const peer of ['192.0.2.1', '::ffff:192.0.2.1', '192.0.2.2', '2001:db8::1', '2001:db8::2'])
      await authenticate('another', undefined, peer)
    const networks = ['192.0.2.1', '192.0.2.1', '192.0.2.2', '2001:db8:0:0::/64', '2001:db8:0:0::/64']
    expect(turns).toEqual(networks.map((network) => ({ tenantId: OWNER.tenantId, network })))
  })

  it('T17 compares once for all who ask for the same at once, right or wrong, there or not', async () => {
    for (const [secret, client] of [
      [CHOSEN, clientWith(CHOSEN)],
      ['another', clientWith(CHOSEN)],
      ['another', undefined],
    ] as const) {
      const turns: Turn[] = []
      const authenticate = open({ turns })
      const all = (peer: string) => Array.from({ length: 50 }, () => authenticate(secret, client, peer))
      const outcomes = (await Promise.all(all('192.0.2.1'))).map(({ outcome }) => outcome)
      expect(new Set(outcomes)).toEqual(new Set([secret === CHOSEN ? 'authenticated' : 'failed']))
      expect(turns).toHaveLength(1)
      // What has ended is not joined, and what another network asked for neither.
      await Promise.all([...all('192.0.2.1'), ...all('192.0.2.2')])
      expect(turns).toHaveLength(secret === CHOSEN ? 1 : 3)
    }
  })

  it('T17 compares other secrets by themselves, though they are asked about at once', async () => {
    const turns: Turn[] = []
    const authenticate = open({ turns })
    const client = clientWith(CHOSEN)
    const asked = [CHOSEN, 'another', 'a third'].map((secret) => authenticate(secret, client))
    const outcomes = (await Promise.all(asked)).map(({ outcome }) => outcome)
    expect([outcomes, turns.length]).toEqual([['authenticated', 'failed', 'failed'], 3])
  })

  it('T15 what fails costs by its form, whoever is found', async () => {
    const authenticate = open()
    const generated = clientWith(GENERATED, { digest: digestOf(GENERATED, newest) })
    const chosen = clientWith(CHOSEN)
    const cost = async (secret: string, client: KnownClient | undefined) => {
      const attempt = await authenticate(secret, client)
      expect(attempt.outcome).toBe('failed')
      return attempt.compares
    }
    const ended = (client: KnownClient) => ({ ...client, state: 'disabled' }) as const
    const wrong = generateSecret(ID)
    for (const client of [undefined, generated, chosen, ended(generated), ended(chosen)])
      expect([await cost(wrong, client), await cost('another', client)]).toEqual([0, 1])
    expect(await cost(GENERATED, ended(generated))).toBe(0)
    // With what only who has the secret can present, too: by the hash, by memory, by a digest.
    for (const digest of [undefined, digestOf(CHOSEN, newest), digestOf(CHOSEN, unknown)])
      expect(await cost(CHOSEN, ended(clientWith(CHOSEN, { digest })))).toBe(1)
  })

  it('T15 what fails costs as much as the slowest hash that came from elsewhere, whoever is found', async () => {
    const failing: (FailingWork | undefined)[] = []
    const hashWork = { bcryptCost: 12, iterations: 25_000 }
    const authenticate = open({ failing, workspace: { hashWork } })
    const hydra = clientWith(CHOSEN, { bcryptHash: HYDRA })
    for (const client of [undefined, clientWith(CHOSEN), hydra])
      expect(await authenticate('another', client)).toMatchObject({ outcome: 'failed', compares: 1 })
    // Who has the right secret of a client that is disabled learns no more.
    await authenticate(CHOSEN, { ...clientWith(CHOSEN), state: 'disabled' })
    expect(failing).toEqual([
      { ...hashWork, anyway: true },
      { ...hashWork, anyway: false },
      { ...hashWork, anyway: false },
      { ...hashWork, anyway: true },
    ])
    // What new hashes cost is the least.
    await open({ failing })('another', undefined)
    expect(failing.at(-1)).toEqual({ bcryptCost: 4, iterations: 0, anyway: true })
  })

  it('compares with a hash of PBKDF2, and asks for another one where the workspace says so', async () => {
    const rehashed: Parameters<Rehash>[] = []
    const hydra = clientWith(CHOSEN, { bcryptHash: HYDRA })
    const asked = (rehash: boolean, chosenDigests = true) =>
      open({ rehashed, chosenDigests, workspace: { rehash } })
    for (const secret of ['another', HYDRAS]) await asked(false)(secret, hydra)
    expect(await asked(true)('another', hydra)).toMatchObject({ reason: 'wrong_secret', compares: 1 })
    expect(rehashed).toEqual([])
    expect(await asked(true)(HYDRAS, hydra)).toMatchObject({ outcome: 'authenticated', compares: 1 })
    expect(await asked(true, false)(HYDRAS, hydra)).toMatchObject({ outcome: 'authenticated' })
    expect(rehashed).toEqual([
      [OWNER, HYDRA, HYDRAS, newest],
      [OWNER, HYDRA, HYDRAS, undefined],
    ])
  })
})
