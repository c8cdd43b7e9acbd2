/** Two tenants that cannot be told apart but by their ids, and a call of each route with what it needs. */
import type { AdminRoute } from '../../src/admin/route.ts'
import { openWorld } from '../support/world.ts'
import { apiOf, operatorOf, tenantBy, tokenFrom, type Answer, type Api } from './api.ts'

export type Ids = Readonly<
  Record<'workspace' | 'server' | 'client' | 'credential' | 'kid' | 'tenant', string>
>
type Tenant = Awaited<ReturnType<typeof tenantBy>>

export async function openPlace() {
  const world = await openWorld()
  const operator = await operatorOf(world, 'eu')
  const acme = await tenantBy(world, operator, 'acme')
  const rival = await tenantBy(world, operator, 'rival')
  const idsOf = new Map<Api, Ids>()
  for (const tenant of [acme, rival]) idsOf.set(tenant, await furnish(tenant))
  return {
    world,
    operator,
    acme,
    rival,
    ids: (tenant: Tenant): Ids => idsOf.get(tenant) ?? NOBODYS,
    /** The same client with a token of less. */
    async narrowed(tenant: Tenant, scopes: readonly string[]): Promise<Api> {
      const token = await tokenFrom(world, tenant.tokenEndpoint, tenant.client, { scope: scopes.join(' ') })
      return apiOf(world, tenant.url, token)
    },
    close: () => world.close(),
  }
}

/** Ids of the right form, that nobody has. */
export const NOBODYS: Ids = {
  workspace: 'nowhere',
  server: '00000000-0000-4000-8000-000000000000',
  client: 'nobody',
  credential: 'n'.repeat(16),
  kid: 'n'.repeat(43),
  tenant: 'nobody',
}

async function furnish(tenant: Tenant): Promise<Ids> {
  const made = async (path: string, body: object) => {
    const { status, body: answer, text } = await tenant.ask('post', path, body)
    if (status !== 201) throw new Error(`${path}: ${status} ${text}`)
    return answer
  }
  await made('/workspaces', { slug: 'shop' })
  const server = await made('/workspaces/shop/resource-servers', {
    identifier: 'https://orders.example',
    name: 'Orders',
    scopes: { read: 'read', write: 'write' },
  })
  await made('/workspaces/shop/clients', { id: 'robot', name: 'Robot', scopes: ['read'] })
  const credential = await made('/workspaces/shop/clients/robot/credentials', { label: 'first' })
  const { body } = await tenant.ask('get', '/workspaces/shop/keys')
  const { kid } = (body.keys as { kid: string; state: string }[]).find(
    ({ state }) => state === 'published',
  ) ?? { kid: '' }
  return {
    workspace: 'shop',
    server: server.id as string,
    client: 'robot',
    credential: credential.id as string,
    kid,
    tenant: 'rival',
  }
}

const BODIES: Readonly<Partial<Record<AdminRoute['name'], object>>> = {
  'workspace.create': { slug: 'more' },
  'workspace.update': { access_token_lifetime: 601 },
  'resource_server.create': { identifier: 'https://more.example', name: 'More' },
  'resource_server.update': { name: 'Renamed' },
  'scope.add': { scopes: { more: 'more' } },
  'client.create': { id: 'more', name: 'More' },
  'client.update': { name: 'Renamed' },
  'client.grant': { scopes: ['write'] },
  'document.apply': { regent: 1, tenant: 'acme', region: 'eu' },
  'credential.create': { label: 'more' },
  'credential.update': { label: 'renamed' },
  'credential.rotate': { overlap: 60 },
  'key.rotate': { now: true },
  'system.tenant.create': { slug: 'more' },
  'system.tenant.update': { max_clients: 100 },
}
const QUERIES: Readonly<Partial<Record<AdminRoute['name'], string>>> = {
  'scope.remove': 'scope=write',
  'client.withdraw': 'scope=read',
}

export function pathOf({ path }: AdminRoute, ids: Ids): string {
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => ids[name as keyof Ids])
}

/** @param options its `query` stands beside what the route needs */
export function call(
  api: Api,
  route: AdminRoute,
  ids: Ids,
  {
    query,
    ...options
  }: { query?: string; token?: string | undefined; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const all = [QUERIES[route.name], query].filter((one) => one !== undefined).join('&')
  const body = (route.body ?? route.streams?.takes) === undefined ? undefined : (BODIES[route.name] ?? {})
  const method = route.method.toLowerCase() as 'get'
  return api.ask(method, pathOf(route, ids) + (all === '' ? '' : `?${all}`), body, options)
}
