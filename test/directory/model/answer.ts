/**
 * What should be answered, by a model that has no memory: plain values, changed when the database is. The rules of scopes and
 * resources are written down a second time here, from the RFCs and not from the code.
 */

/** Resource server -> the scope tokens that it owns. */
export const RESOURCES = {
  'https://orders.example': ['read', 'write'],
  'https://invoices.example': ['invoices:read', 'invoices:pay'],
} as const
export type Resource = keyof typeof RESOURCES
export const ORDERS: Resource = 'https://orders.example'
export const INVOICES: Resource = 'https://invoices.example'

export type ModelSecret = {
  readonly text: string
  readonly credentialId: string
  readonly chosen: boolean
  /** Seconds since 1970. */
  readonly notBefore?: number | undefined
  readonly expiresAt?: number | undefined
}

export type ModelClient = {
  readonly enabled: boolean
  readonly defaultResource: Resource | undefined
  /** Tokens a minute. */
  readonly limit: number | undefined
  /** Those that are not revoked. */
  readonly secrets: readonly ModelSecret[]
  /** Scope tokens, and whether each is granted by default. */
  readonly grants: Readonly<Record<string, boolean>>
}

export type Asked = {
  readonly secret: string
  readonly scope: string | undefined
  readonly resource: string | undefined
}

export type Answer =
  | {
      readonly status: 200
      readonly scope: string
      readonly audience: Resource
      readonly credentialId: string
    }
  | { readonly status: 400; readonly error: 'invalid_scope' | 'invalid_target' }
  | { readonly status: 401; readonly error: 'invalid_client' }
  | { readonly status: 404 }

/** RFC 6749 §2.3 first, then RFC 8707 §2 and §3.3. `undefined`: there is no such client, or it was deleted. */
export function answerOf(client: ModelClient | undefined, asked: Asked, now: number): Answer {
  const secret = client?.secrets.find(({ text }) => text === asked.secret)
  if (client === undefined || secret === undefined || !isInTime(secret, now) || !client.enabled) {
    return { status: 401, error: 'invalid_client' }
  }
  const wanted = asked.scope?.split(' ')
  const audience = asked.resource ?? (wanted ? ownerOf(client, wanted) : defaultOf(client))
  if (audience === 'invalid_scope' || audience === 'invalid_target') return { status: 400, error: audience }
  const own = tokensOf(client, audience)
  if (own.length === 0) return { status: 400, error: 'invalid_target' }
  const scope = wanted ?? own.filter((token) => client.grants[token])
  if (scope.length === 0 || !scope.every((token) => own.includes(token)))
    return { status: 400, error: 'invalid_scope' }
  return {
    status: 200,
    scope: scope.toSorted().join(' '),
    audience: audience as Resource,
    credentialId: secret.credentialId,
  }
}

export function isInTime({ notBefore = 0, expiresAt = Number.POSITIVE_INFINITY }: ModelSecret, now: number) {
  return notBefore <= now && now < expiresAt
}

/** What the client was granted of a resource server. */
function tokensOf({ grants }: ModelClient, resource: string): readonly string[] {
  const owned: readonly string[] = resource in RESOURCES ? RESOURCES[resource as Resource] : []
  return owned.filter((token) => token in grants)
}

function ownerOf(client: ModelClient, wanted: readonly string[]): Resource | 'invalid_scope' {
  const owner = ([ORDERS, INVOICES] as const).find((resource) =>
    wanted.every((token) => tokensOf(client, resource).includes(token)),
  )
  return owner ?? 'invalid_scope'
}

/** Neither scope nor resource: its default, or the only one there is; never everything. */
function defaultOf(client: ModelClient): Resource | 'invalid_scope' | 'invalid_target' {
  const reachable = ([ORDERS, INVOICES] as const).filter((resource) => tokensOf(client, resource).length > 0)
  const [only] = reachable
  if (only === undefined) return 'invalid_scope'
  if (client.defaultResource !== undefined) {
    return reachable.includes(client.defaultResource) ? client.defaultResource : 'invalid_target'
  }
  return reachable.length === 1 ? only : 'invalid_target'
}
