/**
 * Two of everything that is administered: whoever asks, and a neighbour whose names and ids they have got hold of. What a
 * neighbour's id is to be answered with is the answer to an id of the same length that nobody has.
 */
import type { AdminRoute } from '../../src/admin/route.ts'
import { apiOf, operatorOf, tenantBy, tokenFrom, type Answer, type Api } from '../admin/api.ts'
import { openWorld } from '../support/world.ts'

type Tenant = Awaited<ReturnType<typeof tenantBy>>
/** By `path.client`, `query.scope`, `body.scopes`. */
export type Values = Readonly<Record<string, unknown>>
/** Of whoever asks, of their neighbour, and of nobody. */
export type Side = 'own' | 'foreign' | 'nobodys'

const NOBODYS: Values = {
  'path.workspace': 'nobody',
  'path.server': '00000000-0000-4000-8000-000000000000',
  'path.client': 'nobody',
  'path.credential': 'n'.repeat(16),
  'path.kid': 'n'.repeat(43),
  'path.tenant': 'nobodyxx',
  'query.scope': 'nobody:read',
  'body.default_resource_server_id': '00000000-0000-4000-8000-000000000000',
  'body.scopes': ['read', 'nobody:read'],
  name: 'nobody',
}

/** Names that anybody may give: that a neighbour has one says nothing to whoever takes it. */
export const NAMES: Values = {
  'workspace.create body.slug': 'rivals',
  'client.create body.id': 'rivals',
  'resource_server.create body.identifier': 'https://rivals.example',
  'resource_server.create body.scopes': { 'rivals:read': '' },
  'scope.add body.scopes': { 'rivals:read': '' },
  'system.tenant.create body.slug': 'umbrella',
}

/** What names nothing that somebody has. */
export const PLAIN = new Set(
  `query.limit query.dry_run query.state query.unused_since query.expires_before query.sort query.since query.wait
   body.name body.slug body.id body.identifier body.label body.state body.now body.overlap body.chosen body.deliver body.not_before
   body.expires_at body.by_default body.tokens_per_minute body.signing_algorithm body.jwt_type body.strict_auth_method
   body.token_endpoint_auth_method body.several_resources body.allowed_networks body.access_token_lifetime body.jwks_max_age
   body.signing_lead body.chosen_secrets body.chosen_digests body.audience_parameter body.self_rotation body.key_rotation body.rehash
   body.max_workspaces body.max_resource_servers body.max_clients body.max_scopes query.prune query.hashes`.split(
    /\s+/,
  ),
)
/** Tried in tests of their own. */
export const TRIED_APART = new Set(['query.cursor', 'query.checkpoint'])

/** What a call needs besides its path, to be done. */
const NEEDS: Readonly<Partial<Record<AdminRoute['name'], { query?: string; body?: object }>>> = {
  'workspace.create': { body: { slug: 'more' } },
  'workspace.update': { body: { access_token_lifetime: 601 } },
  'resource_server.create': { body: { identifier: 'https://more.example', name: 'More' } },
  'resource_server.update': { body: { name: 'Renamed' } },
  'scope.add': { body: { scopes: { more: '' } } },
  'scope.remove': { query: 'scope=spare' },
  'client.create': { body: { id: 'more', name: 'More' } },
  'client.update': { body: { name: 'Renamed' } },
  'client.grant': { body: { scopes: ['write'] } },
  'client.withdraw': { query: 'scope=read' },
  'document.apply': { body: { regent: 1, tenant: 'acme', region: 'eu' } },
  'credential.create': { body: { label: 'more' } },
  'credential.update': { body: { label: 'renamed' } },
  'credential.rotate': { body: { overlap: 60 } },
  'key.rotate': { body: { now: true } },
  'system.tenant.create': { body: { slug: 'more' } },
  'system.tenant.update': { body: { max_clients: 100 } },
}

export const parametersOf = ({ path, query, body }: AdminRoute): readonly string[] => [
  ...Array.from(path.matchAll(/\{(\w+)\}/g), ([, name]) => `path.${name}`),
  ...Object.keys(query?.shape ?? {}).map((name) => `query.${name}`),
  ...Object.keys(body?.shape ?? {}).map((name) => `body.${name}`),
]

export async function openAdministered() {
  const world = await openWorld()
  const eu = await operatorOf(world, 'eu')
  const us = await operatorOf(world, 'us')
  const acme = await tenantBy(world, eu, 'acme')
  const rival = await tenantBy(world, eu, 'rival')
  await tenantBy(world, us, 'umbrella')
  const [mine, theirs] = [await furnish(acme, 'acmes'), await furnish(rival, 'rivals')]
  const values: Readonly<Record<Side, Values>> = {
    own: { ...mine, 'path.tenant': 'acme' },
    foreign: {
      ...theirs,
      'path.workspace': 'rivals',
      'path.client': 'rivals',
      'path.tenant': 'umbrella',
      'query.scope': 'rivals:read',
      'body.default_resource_server_id': theirs['path.server'],
      'body.scopes': ['read', 'rivals:read'],
    },
    nobodys: NOBODYS,
  }
  return {
    world,
    values,
    /** Who asks, and their neighbour of the same kind. */
    sides: { tenant: [acme, rival], system: [eu, us] } as const,
    acme,
    rival,
    us,
    /** All settings that there are, and what is kept of requests, as text. */
    async dump(): Promise<readonly string[]> {
      const tables =
        'tenant workspace resource_server scope client credential scope_grant signing_key audit_event audit_head tombstone change_feed idempotency_record'
      const texts: string[] = []
      for (const table of tables.split(' ')) {
        const { rows } = await world.superuser<{ row: string }>(
          `select to_jsonb(t)::text as row from regent.${table} t order by 1`,
        )
        texts.push(...rows.map(({ row }) => `${table} ${row}`))
      }
      return texts
    },
    async tokenOf(tenant: Tenant, workspace: string): Promise<string> {
      const { secret } = (await tenant.ask('post', `/workspaces/${workspace}/clients/robot/credentials`, {}))
        .body
      const endpoint = tenant.tokenEndpoint.replace('/admin/', `/${workspace}/`)
      return tokenFrom(world, endpoint, { id: 'robot', secret: secret as string })
    },
    narrowed: async (tenant: Tenant, scope: string) =>
      apiOf(world, tenant.url, await tokenFrom(world, tenant.tokenEndpoint, tenant.client, { scope })),
    close: () => world.close(),
  }
}

async function furnish(tenant: Tenant, mark: string): Promise<Values> {
  const made = async (path: string, body: object) => {
    const { status, body: answer, text } = await tenant.ask('post', path, body)
    if (status !== 201) throw new Error(`${path}: ${status} ${text}`)
    return answer
  }
  for (const slug of ['shop', mark]) await made('/workspaces', { slug })
  await made('/workspaces/shop/resource-servers', {
    identifier: 'https://orders.example',
    name: `${mark} orders`,
    scopes: { read: mark, write: mark, [`${mark}:read`]: mark },
  })
  const spare = await made('/workspaces/shop/resource-servers', {
    identifier: `https://${mark}.example`,
    name: mark,
    scopes: { spare: mark },
  })
  for (const id of ['robot', mark])
    await made('/workspaces/shop/clients', { id, name: mark, scopes: ['read', `${mark}:read`] })
  const { id: credential } = await made('/workspaces/shop/clients/robot/credentials', { label: mark })
  const { body } = await tenant.ask('get', '/workspaces/shop/keys')
  const published = (body.keys as { kid: string; state: string }[]).find(({ state }) => state === 'published')
  return {
    'path.workspace': 'shop',
    'path.client': 'robot',
    'path.server': spare.id,
    'path.credential': credential,
    'path.kid': published?.kid,
  }
}

/** @param changed in place of what is one's own */
export function ask(
  api: Api,
  route: AdminRoute,
  own: Values,
  changed: Values = {},
  options: { query?: string; headers?: Record<string, string>; token?: string; host?: string } = {},
): Promise<Answer> {
  const { query, ...rest } = options
  const needs = NEEDS[route.name] ?? {}
  const path = route.path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    String({ ...own, ...changed }[`path.${name}`]),
  )
  const given = (where: string) =>
    Object.entries(changed).flatMap(([name, value]) =>
      name.startsWith(`${where}.`) ? [[name.slice(where.length + 1), value] as const] : [],
    )
  const queries = new URLSearchParams(needs.query)
  for (const [name, value] of given('query')) queries.set(name, String(value))
  const search = [queries.toString(), query].filter((part) => part).join('&')
  const body = (route.body ?? route.streams?.takes) && { ...needs.body, ...Object.fromEntries(given('body')) }
  return api.ask(route.method.toLowerCase() as 'get', path + (search && `?${search}`), body, rest)
}

/** All of an answer that says something: what was sent is left out of it, and what each answer has of its own. */
export function said({ status, headers, text }: Answer, sent: unknown): string {
  const { date: _, 'x-request-id': id, ...others } = headers
  const plain = JSON.stringify([status, others, text])
  return plain
    .replaceAll(String(id), '<id>')
    .replaceAll(String(Array.isArray(sent) ? sent.at(-1) : sent), '<it>')
}
