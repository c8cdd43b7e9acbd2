/** The checker of the fault bench, with one wrong thing planted at a time. */
import { generateKeyPairSync, randomUUID, sign, type KeyObject } from 'node:crypto'
import type { Workspace } from '../../src/tenancy/tenant.ts'
import { POSTPONED, tokenChecker, type Ask } from './load/check-token.ts'
import { keySets, type JwkSet } from './load/key-sets.ts'
import { tokenIds } from './load/token-ids.ts'
import { EVERYWHERE, type Caller } from './place/population.ts'

const NOW = 1_790_000_000
const READ: Ask = { parameter: 'scope', value: 'read' }
type Claims = Record<string, unknown>

const pair = (kid: string) => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { kid, privateKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid, alg: 'ES256' } }
}

function caller(tenant: string): Caller {
  const issuer = `https://${tenant}.eu.token.example/${tenant}/orders`
  const workspace = {
    issuer,
    slug: 'orders',
    tenant: { slug: tenant },
    accessTokenLifetime: 300,
  } as Workspace
  const party = {
    region: 'eu',
    workspace,
    host: new URL(issuer).host,
    path: `/${tenant}/orders`,
    own: `${issuer}/api`,
  }
  return { party, clientId: 'robot', secret: 'x', credentialId: 'abc' } as unknown as Caller
}

describe('the checker of the fault bench', () => {
  const [own, next, others] = [pair('own'), pair('next'), pair('others')]
  const acme = caller('acme')
  const rival = caller('rival')
  let published: Map<string, JwkSet | undefined>
  let keys: ReturnType<typeof keySets>
  let checker: ReturnType<typeof tokenChecker>

  beforeEach(() => {
    published = new Map([
      [acme.party.workspace.issuer as string, { keys: [own.jwk] }],
      [rival.party.workspace.issuer as string, { keys: [others.jwk] }],
    ])
    keys = keySets(async (issuer) => published.get(issuer))
    checker = tokenChecker({ keys, ids: tokenIds(4), now: () => NOW })
  })

  const answer = (
    claims: Claims = {},
    {
      header = {},
      key = own.privateKey,
      body = {},
    }: { header?: Claims; key?: KeyObject; body?: Claims } = {},
  ) => {
    const all = {
      iss: acme.party.workspace.issuer,
      sub: 'robot',
      client_id: 'robot',
      aud: EVERYWHERE,
      scope: 'read',
      tid: 'acme',
      aid: 'orders',
      cred: 'abc',
      region: 'eu',
      iat: NOW,
      exp: NOW + 300,
      jti: randomUUID(),
      ...claims,
    }
    const parts = [{ alg: 'ES256', typ: 'at+jwt', kid: 'own', ...header }, all]
    const signed = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
    const signature = sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' }).toString(
      'base64url',
    )
    const token = {
      access_token: `${signed}.${signature}`,
      token_type: 'Bearer',
      expires_in: 300,
      scope: 'read',
    }
    return JSON.stringify({ ...token, ...body })
  }

  it('takes a token that is what was asked for', async () => {
    expect(await checker.check(acme, READ, answer())).toBeUndefined()
    const resource: Ask = { parameter: 'resource', value: acme.party.own }
    const body = answer({ aud: acme.party.own, scope: 'own' }, { body: { scope: 'own' } })
    expect(await checker.check(acme, resource, body)).toBeUndefined()
  })

  it.each<[string, string, () => string]>([
    ['signed with the key of another workspace', 'signature', () => answer({}, { key: others.privateKey })],
    [
      'signed with the key of another workspace, which it names (T05)',
      'kid is not in the JWKS of the workspace',
      () => answer({}, { key: others.privateKey, header: { kid: 'others' } }),
    ],
    ['of another issuer (T03)', 'iss', () => answer({ iss: rival.party.workspace.issuer })],
    ['for another audience', 'aud', () => answer({ aud: acme.party.own })],
    ['for another client', 'client_id', () => answer({ client_id: 'other' })],
    ['of another subject', 'sub', () => answer({ sub: 'other' })],
    ['with another scope', 'scope', () => answer({ scope: 'read write' }, { body: { scope: 'read write' } })],
    ['of another tenant', 'tid', () => answer({ tid: 'rival' })],
    ['of another region', 'region', () => answer({ region: 'us' })],
    ['of a credential that was not used', 'cred', () => answer({ cred: 'other' })],
    ['that lives as long as in another workspace', 'exp', () => answer({ exp: NOW + 301 })],
    ['of another time', 'iat', () => answer({ iat: NOW - 3600, exp: NOW - 3300 })],
    ['of another type', 'typ', () => answer({}, { header: { typ: 'JWT' } })],
    ['whose answer says another life', 'expires_in', () => answer({}, { body: { expires_in: 600 } })],
    [
      'whose answer says another scope',
      'scope of the answer',
      () => answer({}, { body: { scope: 'write' } }),
    ],
    ['without an id', 'jti', () => answer({ jti: '' })],
    ['that is none', 'no token in the answer', () => '{"access_token":"x.y.z"}'],
  ])('finds a token %s', async (_case, verdict, body) => {
    await checker.check(rival, READ, answer()) // its keys are known too
    expect(await checker.check(acme, READ, body())).toBe(verdict)
  })

  it('finds an id that was seen before, among many, in whatever workspace', async () => {
    const jti = 'an-id-that-comes-twice'
    expect(await checker.check(acme, READ, answer({ jti }))).toBeUndefined()
    for (let count = 0; count < 200; count++)
      expect(await checker.check(acme, READ, answer())).toBeUndefined()
    expect(await checker.check(acme, READ, answer({ jti }))).toBe('jti was seen before')
  })

  it('fetches the keys again for a kid that it does not know', async () => {
    await checker.check(acme, READ, answer())
    const body = answer({}, { key: next.privateKey, header: { kid: 'next' } })
    published.set(acme.party.workspace.issuer, { keys: [own.jwk, next.jwk] })
    expect(await checker.check(acme, READ, body)).toBeUndefined()
  })

  it('decides later what it cannot now, and does not forget it', async () => {
    published.set(acme.party.workspace.issuer, undefined)
    expect(await checker.check(acme, READ, answer())).toBe(POSTPONED)
    expect(await checker.check(acme, READ, answer({ aud: 'x' }))).toBe(POSTPONED)
    published.set(acme.party.workspace.issuer, { keys: [own.jwk] })
    expect(await checker.settle()).toEqual(['aud'])
    published = new Map()
    await checker.check(rival, READ, answer())
    expect(await checker.settle()).toEqual(['keys could not be fetched'])
  })

  it('finds a key in two sets, and a set without a key that signs', async () => {
    await checker.check(acme, READ, answer())
    expect(keys.take(acme.party.workspace.issuer, { keys: [own.jwk, next.jwk] })).toBe(true)
    expect(keys.take(acme.party.workspace.issuer, { keys: [next.jwk] })).toBe(false)
    expect(keys.shared()).toBe(0)
    keys.take(rival.party.workspace.issuer, { keys: [others.jwk, own.jwk] })
    expect(keys.shared()).toBe(1)
  })
})

describe('the ids of tokens', () => {
  it('are each found once, as the table grows', () => {
    const ids = tokenIds(4)
    const list = Array.from({ length: 20_000 }, (_, index) => `id-${index}`)
    expect(list.filter((id) => !ids.add(id))).toEqual([])
    expect(list.filter((id) => ids.add(id))).toEqual([])
    expect(ids.count()).toBe(20_000)
  })
})
