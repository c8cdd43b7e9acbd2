/**
 * What should be answered, by a model that has no memory: plain values, changed in the moment that the database is. It
 * keeps what was true since the feed was last read, for a node may go on by that until it reads it again.
 */
import fc from 'fast-check'

export type Grants = Readonly<Record<string, boolean>>
export type ModelClient = {
  readonly enabled: boolean
  /** Live secrets. */
  readonly secrets: readonly string[]
  /** Scope tokens, and whether each is granted by default. */
  readonly grants: Grants
}
/** `undefined`: it was deleted. */
type State = ModelClient | undefined

export type Answer =
  | { readonly status: 200; readonly scope: string }
  | { readonly status: 400; readonly error: 'invalid_scope' }
  | { readonly status: 401; readonly error: 'invalid_client' }

/** RFC 6749 §2.3, then §3.3: one resource server owns both scope tokens. */
export function answerOf(client: State, secret: string, scope: string | undefined): Answer {
  if (client === undefined || !client.enabled || !client.secrets.includes(secret)) {
    return { status: 401, error: 'invalid_client' }
  }
  const asked = scope?.split(' ') ?? Object.keys(client.grants).filter((token) => client.grants[token])
  const granted = asked.length > 0 && asked.every((token) => token in client.grants)
  return granted
    ? { status: 200, scope: asked.toSorted().join(' ') }
    : { status: 400, error: 'invalid_scope' }
}

/** Values over time: what holds now, and what held since the feed was last read. */
export function overTime<Value>(first: Value) {
  let states: Value[] = [first]
  return {
    now: () => states.at(-1) as Value,
    since: () => states,
    change: (value: Value) => void states.push(value),
    wasRead: () => void (states = states.slice(-1)),
  }
}

/** A no is never from memory: an old answer may be a yes, or be about scopes, and never says that the client is wrong. */
export function mayBeAnswered(
  client: { now(): State; since(): readonly State[] },
  secret: string,
  scope: string | undefined,
): readonly Answer[] {
  const now = answerOf(client.now(), secret, scope)
  const old = client
    .since()
    .map((state) => answerOf(state, secret, scope))
    .filter(({ status }) => status !== 401)
  return [now, ...old]
}

export const operation = fc.record({
  kind: fc.oneof(
    { arbitrary: fc.constant('ask' as const), weight: 60 },
    {
      arbitrary: fc.constantFrom(
        'disable',
        'enable',
        'enable',
        'grant',
        'grant',
        'withdraw',
        'secret',
        'secret',
        'revoke',
      ),
      weight: 24,
    },
    { arbitrary: fc.constantFrom('create', 'create', 'create', 'delete'), weight: 4 },
    { arbitrary: fc.constant('poll' as const), weight: 8 },
    { arbitrary: fc.constantFrom('forget', 'rotate key', 'revoke key', 'workspace'), weight: 2 },
  ),
  place: fc.nat(),
  slot: fc.nat(2),
  pick: fc.nat(),
  token: fc.constantFrom('read', 'write'),
  byDefault: fc.boolean(),
  secret: fc.constantFrom(
    'right',
    'right',
    'right',
    'revoked',
    'of a neighbour',
    'unknown',
    'altered',
    'damaged',
  ),
  scope: fc.constantFrom(undefined, undefined, 'read', 'write', 'read write', 'admin'),
})
export type Operation = typeof operation extends fc.Arbitrary<infer Value> ? Value : never
