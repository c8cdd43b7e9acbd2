/** A place that is administered over HTTP: a site with its nodes, its first operator, and tenants with several administrators. */
import pg from 'pg'
import { openSite, type Node } from '../site.ts'
import { noteSecret } from '../../support/noted-secrets.ts'
import {
  administratorsOf,
  forgetPort,
  inLanes,
  numbers,
  type Administrator,
  type Answer,
} from './administrators.ts'

export type Place = Awaited<ReturnType<typeof openPlace>>
export type Tenant = Awaited<ReturnType<Place['tenant']>>

/** What is tried is not how fast a busy machine sends. */
const PATIENT = {
  REGENT_HEADERS_TIMEOUT: '60',
  REGENT_REQUEST_TIMEOUT: '300',
  REGENT_KEEP_ALIVE_TIMEOUT: '3600',
}

type Options = {
  readonly nodes: number
  readonly environment?: Readonly<Record<string, string>>
}
type Bootstrapped = {
  readonly resource: string
  readonly issuer: string
  readonly clientId: string
  readonly secret: string
}

export async function openPlace({ nodes: count, environment = {} }: Options) {
  const site = await openSite({ environment: { ...PATIENT, ...environment } })
  const [first] = JSON.parse(await site.run('bootstrap', '--region', 'eu', '--json')) as Bootstrapped[]
  if (first === undefined) throw new Error('there is no operator')
  noteSecret('client secret', first.secret)
  const operator = administratorsOf(first.resource, [
    { clientId: first.clientId, secret: first.secret, tokenEndpoint: `${first.issuer}/oauth2/token` },
  ])
  const superuser = new pg.Pool({ connectionString: site.superuserUrl, max: 2 })
  const nodes = await Promise.all(numbers(count).map(() => site.startNode()))
  const [{ port }] = nodes as [Node]

  return {
    site,
    nodes,
    operator,

    /** Past all locks. */
    query: <Row extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []) =>
      superuser.query<Row>(text, [...values]),

    /** One that has a workspace with two scopes. @param administrators each may make so many calls a minute */
    async tenant(slug: string, administrators = 1) {
      const { administrator } = done(await operator.ask(port, 'post', '/tenants', { slug }), 201)
      const all = [administratorOf(administrator)]
      await inLanes(4, numbers(administrators - 1), async () => {
        const answer = await operator.ask(port, 'post', `/tenants/${slug}/administrators`, {})
        all.push(administratorOf(done(answer, 201)))
      })
      const api = administratorsOf(administrator.api as string, all)
      return {
        ...api,
        slug,
        /** @returns its issuer */
        async workspace(name: string, settings: object = {}): Promise<string> {
          const workspace = done(await api.ask(port, 'post', '/workspaces', { slug: name, ...settings }), 201)
          const server = {
            identifier: `https://orders.${slug}.example`,
            name: 'Orders',
            scopes: { read: 'read orders', write: 'change orders' },
          }
          done(await api.ask(port, 'post', `/workspaces/${name}/resource-servers`, server), 201)
          return workspace.issuer as string
        },
        /** @returns its first secret */
        async client(workspace: string, id: string): Promise<{ secret: string; credentialId: string }> {
          const path = `/workspaces/${workspace}/clients`
          done(await api.ask(port, 'post', path, { id, name: id, scopes: ['read'] }), 201)
          const made = done(await api.ask(port, 'post', `${path}/${id}/credentials`, {}), 201)
          return { secret: made.secret as string, credentialId: made.id as string }
        },
        /** All of the trail, in its order. */
        events: () => allPages(api, port, '/audit-events'),
      }
    },

    async close() {
      for (const node of nodes) forgetPort(node.port)
      await superuser.end()
      await site.close()
    },
  }
}

/** @throws Error for any other status */
export function done({ status, text, body }: Answer, wanted = 200): Answer['body'] {
  if (status !== wanted) throw new Error(`${status} in place of ${wanted}: ${text}`)
  return body
}

/** @returns the items of every page of a list */
export async function allPages(
  api: Pick<ReturnType<typeof administratorsOf>, 'ask'>,
  port: number,
  path: string,
): Promise<readonly Answer['body'][]> {
  const items = []
  for (let cursor = ''; ;) {
    const body = done(
      await api.ask(port, 'get', `${path}${path.includes('?') ? '&' : '?'}limit=200${cursor}`),
    )
    items.push(...body.items)
    if (body.next_cursor === undefined) return items
    cursor = `&cursor=${body.next_cursor}`
  }
}

function administratorOf(shown: Answer['body']): Administrator {
  return { clientId: shown.client_id, secret: shown.client_secret, tokenEndpoint: shown.token_endpoint }
}
