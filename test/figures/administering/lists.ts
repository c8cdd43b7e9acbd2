/**
 * What a page of a list costs in a tenant with very many clients: processor time of the server and of PostgreSQL, for each
 * filter, at the first page, in the middle and at the end. The rows are planted past the API; they are read through it.
 */
import { postgresTime, processTime } from '../processor-time.ts'
import { numbers } from './administrators.ts'
import { done, openPlace, type Place } from './place.ts'

export type PageCost = {
  readonly list: string
  readonly page: string
  readonly items: number
  /** Milliseconds of processor time a page. */
  readonly server: number
  readonly postgres: number
}

type Options = {
  readonly clients: number
  readonly times: number
  readonly onCost?: (cost: PageCost) => void
}

const DAY = 24 * 60 * 60 * 1000

export async function measureLists({
  clients,
  times,
  onCost = () => {},
}: Options): Promise<readonly PageCost[]> {
  const place = await openPlace({ nodes: 1, environment: { REGENT_DB_TIMEOUT: '60000' } })
  try {
    const tenant = await place.tenant('crowded', 4)
    await tenant.workspace('shop')
    await plantClients(place, clients)
    const [node] = place.nodes
    if (node === undefined) throw new Error('there is no node')
    const costs: PageCost[] = []
    for (const [list, name] of LISTS) {
      for (const [page, part] of PAGES) {
        const cursor = part === 0 ? '' : `&cursor=${cursorAt(name, Math.floor(clients * part))}`
        const path = `${list}${list.includes('?') ? '&' : '?'}limit=100${cursor}`
        let items = 0
        const ask = async () => {
          items = done(await tenant.ask(node.port, 'get', path)).items.length
        }
        await ask() // warms up
        const before = { server: processTime(node.pid), postgres: await postgresTime() }
        for (const _ of numbers(times)) await ask()
        const after = { server: processTime(node.pid), postgres: await postgresTime() }
        const cost = {
          list,
          page,
          items,
          server: (after.server - before.server) / times / 1000,
          postgres: (after.postgres - before.postgres) / times / 1000,
        }
        costs.push(cost)
        onCost(cost)
      }
    }
    return costs
  } finally {
    await place.close()
  }
}

const moment = (days: number) => encodeURIComponent(new Date(Date.now() + days * DAY).toISOString())
const CLIENTS = '/workspaces/shop/clients'
const CREDENTIALS = '/workspaces/shop/credentials'
/** With what the cursor of each names. Few match, none, and all. */
const LISTS: readonly (readonly [string, 'client' | 'credential' | 'event'])[] = [
  [CLIENTS, 'client'],
  [`${CLIENTS}?state=enabled`, 'client'],
  [`${CLIENTS}?state=disabled`, 'client'],
  [`${CLIENTS}?scope=read`, 'client'],
  [`${CLIENTS}?scope=rare`, 'client'],
  [`${CLIENTS}?scope=write`, 'client'],
  [`${CLIENTS}?scope=nobody`, 'client'],
  [`${CLIENTS}?unused_since=${moment(-1)}`, 'client'],
  [`${CLIENTS}?unused_since=${moment(1)}`, 'client'],
  [`${CLIENTS}?unused_since=${moment(-400)}`, 'client'],
  [`${CLIENTS}?expires_before=${moment(30)}`, 'client'],
  [`${CLIENTS}?expires_before=${moment(1)}`, 'client'],
  [`${CLIENTS}?expires_before=${moment(4000)}`, 'client'],
  [`${CLIENTS}?state=disabled&scope=rare&unused_since=${moment(-1)}&expires_before=${moment(30)}`, 'client'],
  [CREDENTIALS, 'credential'],
  [`${CLIENTS}/robot-050000/credentials`, 'credential'],
  [`${CREDENTIALS}?state=live`, 'credential'],
  [`${CREDENTIALS}?state=revoked`, 'credential'],
  [`${CREDENTIALS}?expires_before=${moment(30)}`, 'credential'],
  [`${CREDENTIALS}?expires_before=${moment(1)}`, 'credential'],
  [`${CREDENTIALS}?expires_before=${moment(4000)}&state=live`, 'credential'],
  ['/audit-events', 'event'],
]
const PAGES = [
  ['first', 0],
  ['middle', 0.5],
  ['last', 0.9995],
] as const

/** As `next_cursor` would be there. */
function cursorAt(of: 'client' | 'credential' | 'event', number: number): string {
  const client = `robot-${String(number).padStart(6, '0')}`
  const keys = { client: [client], credential: [client, ''], event: [String(number)] }[of]
  return Buffer.from(JSON.stringify(keys)).toString('base64url')
}

/**
 * Of the workspace `shop`: one in a thousand is disabled, another one never used, and for another one the secret ends soon; one
 * in ten thousand has a scope of its own.
 */
async function plantClients({ query }: Pick<Place, 'query'>, clients: number): Promise<void> {
  const here = `from regent.workspace w where slug = 'shop'
    and tenant_id = (select tenant_id from regent.tenant where slug = 'crowded')`
  const each = `select w.tenant_id, w.workspace_id, 'robot-' || lpad(n::text, 6, '0') as client_id, n
    from (select tenant_id, workspace_id ${here}) w, generate_series(0, $1 - 1) n`
  const hash = `'$2b$04$' || repeat('x', 53)`
  await query(`insert into regent.scope (tenant_id, workspace_id, scope_token, resource_server_id, description)
    select tenant_id, workspace_id, token, resource_server_id, 'x'
    from regent.resource_server join (select tenant_id, workspace_id ${here}) w using (tenant_id, workspace_id), unnest(array['rare', 'nobody']) token`)
  for (const statement of [
    `insert into regent.client (tenant_id, workspace_id, client_id, name, state, token_endpoint_auth_method, strict_auth_method,
       grant_types, several_resources, created_at)
     select tenant_id, workspace_id, client_id, 'A robot', case when n % 1000 = 999 then 'disabled' else 'enabled' end,
       'client_secret_basic', false, '{client_credentials}', false, now() - interval '1 year' from (${each}) e`,
    `insert into regent.scope_grant (tenant_id, workspace_id, client_id, scope_token, by_default)
     select tenant_id, workspace_id, client_id, token, true from (${each}) e, unnest(array['read', 'write', 'rare']) token
     where token = 'read' or (token = 'write' and n % 2 = 0) or (token = 'rare' and n % 10000 = 5)`,
    `insert into regent.credential (tenant_id, workspace_id, client_id, credential_id, kind, origin, label, bcrypt_hash, slot, created_at, expires_at)
     select tenant_id, workspace_id, client_id, lpad(n::text, 16, 'c'), 'secret', 'generated', 'first', ${hash}, 1, now() - interval '1 year',
       case when n % 1000 = 7 then now() + interval '10 days' when n % 2 = 0 then now() + interval '1 year' end from (${each}) e`,
    `insert into regent.credential (tenant_id, workspace_id, client_id, credential_id, kind, origin, label, bcrypt_hash, state, created_at)
     select tenant_id, workspace_id, client_id, lpad(n::text, 16, 'r'), 'secret', 'generated', 'old', ${hash}, 'revoked', now() - interval '1 year'
     from (${each}) e where n % 1000 = 3`,
    `insert into regent.credential_use (tenant_id, workspace_id, client_id, credential_id, last_used_at, uses)
     select tenant_id, workspace_id, client_id, lpad(n::text, 16, 'c'), now() - interval '1 hour', 7 from (${each}) e where n % 1000 <> 11`,
    `insert into regent.audit_event (tenant_id, event_id, workspace_id, sequence, action, subject, actor, details, mac)
     select tenant_id, gen_random_uuid(), workspace_id, 100 + n, 'client_created', client_id, 'planted', '{}', decode(repeat('00', 32), 'hex') from (${each}) e`,
  ])
    await query(statement, [clients])
  await query('vacuum analyze')
}
