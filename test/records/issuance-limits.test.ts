/** Limits of issuance on one node, by a clock that the test sets. */
import type { ClientId, TenantId, WorkspaceId } from '../../src/ids.ts'
import { issuanceLimits, issuanceRefused, type Issuance } from '../../src/records/issuance-limits.ts'

type Numbers = { readonly client?: number; readonly workspace?: number; readonly tenant?: number }

const issuance = (
  { client, workspace, tenant }: Numbers,
  names: { client?: string; workspace?: string; tenant?: string } = {},
): Issuance => ({
  client: { id: (names.client ?? 'robot') as ClientId, tokensPerMinute: client },
  workspace: { id: (names.workspace ?? 'orders') as WorkspaceId, tokensPerMinute: workspace },
  tenant: { id: (names.tenant ?? 'acme') as TenantId, tokensPerMinute: tenant },
})

function node({ maxKeys = 1000 } = {}) {
  const time = { now: 7_000_000.25 }
  const limits = issuanceLimits({ region: 'eu', monotonic: () => time.now, observe: () => {}, maxKeys })
  return {
    ...limits,
    time,
    /** @returns how many of so many were allowed */
    many: (of: Issuance, times: number) =>
      Array.from({ length: times }, () => limits.take(of)).filter(({ allowed }) => allowed).length,
  }
}

describe('issuanceLimits, one node', () => {
  it('says and counts nothing where nothing is limited', () => {
    const { take } = node()
    expect(take(issuance({}))).toEqual({ allowed: true, headers: {} })
    expect(take(issuance({}))).toBe(take(issuance({}, { client: 'other' })))
  })

  it.each(['client', 'workspace', 'tenant'] as const)(
    'allows a %s its tokens, and more in the next minute',
    (name) => {
      const { take, many, time } = node()
      const limited = issuance({ [name]: 3 })
      expect(many(limited, 3)).toBe(3)
      time.now += 20_000
      expect(take(limited)).toEqual({
        allowed: false,
        retryAfter: 40,
        headers: { 'RateLimit-Policy': `"${name}";q=3;w=60`, RateLimit: `"${name}";r=0;t=40` },
      })
      time.now += 39_999
      expect(take(limited)).toMatchObject({ allowed: false, retryAfter: 1 })
      time.now += 1
      expect(many(limited, 10)).toBe(3)
    },
  )

  it('tells the state of every limit (draft-ietf-httpapi-ratelimit-headers §3, §4)', () => {
    const { take, time } = node()
    take(issuance({ tenant: 1000 }, { client: 'other', workspace: 'other' }))
    time.now += 15_500
    expect(take(issuance({ client: 5, workspace: 50, tenant: 1000 }))).toEqual({
      allowed: true,
      headers: {
        'RateLimit-Policy': '"client";q=5;w=60, "workspace";q=50;w=60, "tenant";q=1000;w=60',
        RateLimit: '"client";r=4;t=60, "workspace";r=49;t=60, "tenant";r=998;t=45',
      },
    })
  })

  it('takes all permits or none: what the tenant is refused costs its client and workspace nothing', () => {
    const { take, many } = node()
    expect(many(issuance({ tenant: 2 }), 2)).toBe(2)
    expect(many(issuance({ client: 4, workspace: 4, tenant: 2 }), 10)).toBe(0)
    expect(many(issuance({ client: 4, workspace: 4 }), 10)).toBe(4)
    expect(take(issuance({ client: 4, workspace: 100 }))).toMatchObject({
      headers: { RateLimit: '"client";r=0;t=60, "workspace";r=96;t=60' },
    })
  })

  it('names the end of the latest window that refuses, and waits for no other (§6)', () => {
    const { take, many, time } = node()
    many(issuance({ client: 1 }), 1)
    time.now += 10_000
    many(issuance({ workspace: 1 }), 1)
    time.now += 10_000
    many(issuance({ tenant: 5 }), 1)
    expect(take(issuance({ client: 1, workspace: 1, tenant: 5 }))).toMatchObject({
      allowed: false,
      retryAfter: 50,
    })
    expect(take(issuance({ client: 1, tenant: 5 }))).toMatchObject({ allowed: false, retryAfter: 40 })
  })

  it.each([
    ['another client', { client: 3 }, { client: 'other' }],
    ['the same client id in another workspace', { client: 3 }, { workspace: 'other' }],
    ['the same ids in another tenant', { client: 3, workspace: 3 }, { tenant: 'other' }],
    ['a workspace of another tenant', { workspace: 3 }, { tenant: 'other' }],
    ['another tenant', { tenant: 3 }, { tenant: 'other' }],
  ])('counts %s apart', (_case, numbers, names) => {
    const { many } = node()
    expect(many(issuance(numbers), 10)).toBe(3)
    expect(many(issuance(numbers, names), 10)).toBe(3)
  })

  it('counts all clients of a workspace together, and all workspaces of a tenant', () => {
    const { many } = node()
    expect(
      many(issuance({ workspace: 3 }), 2) + many(issuance({ workspace: 3 }, { client: 'other' }), 5),
    ).toBe(3)
    expect(many(issuance({ tenant: 3 }), 2) + many(issuance({ tenant: 3 }, { workspace: 'other' }), 5)).toBe(
      3,
    )
  })

  it('follows a limit that is changed', () => {
    const { many } = node()
    expect(many(issuance({ client: 5 }), 10)).toBe(5)
    expect(many(issuance({ client: 8 }), 10)).toBe(3)
    expect(many(issuance({ client: 2 }), 10)).toBe(0)
  })

  it('remembers so many keys, and lets whom it forgot begin anew', () => {
    const { many } = node({ maxKeys: 10 })
    many(issuance({ client: 1 }), 1)
    for (let other = 0; other < 10; other++) many(issuance({ client: 1 }, { client: `other-${other}` }), 1)
    expect(many(issuance({ client: 1 }), 5)).toBe(1)
  })

  it('refuses with 429, Retry-After and the state', () => {
    const { take } = node()
    take(issuance({ client: 1 }))
    const status = take(issuance({ client: 1 }))
    if (status.allowed) throw new Error('it was allowed')
    expect(issuanceRefused(status)).toMatchObject({
      code: 'temporarily_unavailable',
      reason: 'issuance_limit_reached',
      status: 429,
      headers: { 'Retry-After': '60', RateLimit: '"client";r=0;t=60' },
    })
  })
})
