/** What may happen, at random, and in words. */
import fc from 'fast-check'

const QUESTIONS = ['ask', 'keys'] as const
/** Of a client that is there. */
const OF_CLIENT = [
  'disable',
  'enable',
  'grant',
  'withdraw',
  'secret',
  'chosen secret',
  'revoke',
  'rotate secret',
  'limit client',
  'delete',
] as const
const OF_WORKSPACE = [
  'create',
  'choose signing',
  'rotate keys',
  'revoke key',
  'limit workspace',
  'limit tenant',
  'open workspace',
] as const
const OF_NODE = ['poll', 'forget'] as const
const OF_ALL = ['lose feed', 'replica catches up', 'time passes'] as const

export type ClientChange = (typeof OF_CLIENT)[number]
export type WorkspaceChange = (typeof OF_WORKSPACE)[number]
export type Kind =
  | (typeof QUESTIONS)[number]
  | ClientChange
  | WorkspaceChange
  | (typeof OF_NODE)[number]
  | (typeof OF_ALL)[number]

export const isOfClient = (kind: Kind): kind is ClientChange => OF_CLIENT.some((one) => one === kind)
export const isOfWorkspace = (kind: Kind): kind is WorkspaceChange => OF_WORKSPACE.some((one) => one === kind)

/** In how many of a thousand operations. */
const WEIGHTS: Readonly<Record<Kind, number>> = {
  ask: 832,
  keys: 24,
  disable: 4,
  enable: 12,
  grant: 14,
  withdraw: 4,
  secret: 15,
  'chosen secret': 6,
  revoke: 7,
  'rotate secret': 4,
  'limit client': 3,
  delete: 2,
  create: 14,
  'choose signing': 2,
  'rotate keys': 1,
  'revoke key': 1,
  'limit workspace': 2,
  'limit tenant': 2,
  'open workspace': 3,
  poll: 34,
  forget: 1,
  'lose feed': 4,
  'replica catches up': 8,
  'time passes': 2,
}

const SECRETS = ['right', 'revoked', 'of a neighbour', 'unknown', 'altered', 'damaged', 'chosen'] as const
const SCOPES = ['read', 'write', 'read write', 'invoices:read', 'read invoices:read', 'admin'] as const

export const operation = fc.record({
  kind: fc.oneof(
    ...Object.entries(WEIGHTS).map(([kind, weight]) => ({ arbitrary: fc.constant(kind as Kind), weight })),
  ),
  place: fc.oneof(
    { arbitrary: fc.nat(3), weight: 9 },
    { arbitrary: fc.integer({ min: 4, max: 7 }), weight: 1 },
  ),
  slot: fc.nat(2),
  /** For whatever else is to be chosen. */
  pick: fc.nat(1_000_000),
  /** The one with little memory asks the database most of the time: it has fewer turns. */
  node: fc.oneof(
    { arbitrary: fc.constant<0 | 1>(0), weight: 5 },
    { arbitrary: fc.constant<0 | 1>(1), weight: 1 },
  ),
  token: fc.constantFrom('read', 'write', 'invoices:read', 'invoices:pay'),
  byDefault: fc.boolean(),
  secret: fc.oneof(
    { arbitrary: fc.constant('right' as const), weight: 5 },
    { arbitrary: fc.constantFrom(...SECRETS), weight: 1 },
  ),
  scope: fc.oneof(
    { arbitrary: fc.constantFrom(undefined, 'read'), weight: 3 },
    { arbitrary: fc.constantFrom(...SCOPES), weight: 2 },
  ),
  resource: fc.oneof(
    { arbitrary: fc.constant(undefined), weight: 7 },
    fc.constantFrom('https://orders.example', 'https://invoices.example', 'https://nowhere.example'),
  ),
  /** Begins while the one before it runs. */
  together: fc.oneof(
    { arbitrary: fc.constant(true), weight: 7 },
    { arbitrary: fc.constant(false), weight: 1 },
  ),
})
export type Operation = typeof operation extends fc.Arbitrary<infer Value> ? Value : never

/** One question in four is of the client that was changed last: by it, a node that missed the change is found out. */
export function aim(operations: readonly Operation[]): readonly Operation[] {
  let last: Operation | undefined
  return operations.map((one) => {
    if (isOfClient(one.kind) || isOfWorkspace(one.kind)) last = one
    const isAimed = one.kind === 'ask' && one.pick % 4 === 1 && last !== undefined
    return isAimed ? { ...one, place: last?.place ?? 0, slot: last?.slot ?? 0 } : one
  })
}

/** In words, for a path that somebody is to follow. */
export function printOperation(asked: Operation, where: string): string {
  const { kind, slot, pick, node, token, byDefault, secret, scope, resource, together } = asked
  const client = `${where} client ${slot}`
  const details: Partial<Record<Kind, string>> = {
    ask: `node ${node}, ${client}, secret ${secret}, scope ${scope ?? 'none'}, resource ${resource ?? 'none'}`,
    keys: `node ${node}, ${where}`,
    grant: `${client}, ${token}, by default: ${byDefault}`,
    withdraw: `${client}, ${token}`,
    poll: `node ${node}`,
    forget: `node ${node}`,
  }
  const detail =
    details[kind] ?? (isOfClient(kind) || kind === 'create' ? client : isOfWorkspace(kind) ? where : '')
  return `${together ? 'and ' : '    '}${kind} ${detail} (${pick})`
}
