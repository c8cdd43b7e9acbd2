/** How many changes a second a region takes by its administrative API: of one tenant, whose changes come one after the other, and of many. */
import { postgresTime, processTime } from '../processor-time.ts'
import { inLanes, numbers } from './administrators.ts'
import { MUCH_AT_ONCE } from './kills.ts'
import { done, openPlace, type Tenant } from './place.ts'

export type Rate = {
  readonly tenants: number
  readonly changes: number
  readonly seconds: number
  /** Milliseconds of processor time a change: of all servers, and of PostgreSQL. */
  readonly server: number
  readonly postgres: number
}

type Options = {
  readonly seconds: number
  readonly nodes: number
  readonly lanes: number
  readonly tenants: number
}

export async function measureWrites({
  seconds,
  nodes: count,
  lanes,
  tenants: most,
}: Options): Promise<readonly Rate[]> {
  const place = await openPlace({ nodes: count, environment: MUCH_AT_ONCE })
  try {
    const tenants: Tenant[] = []
    for (const number of numbers(most)) {
      // Of the first one alone, all lanes are.
      const tenant = await place.tenant(`writing-${number}`, number === 0 ? 40 : 4)
      await tenant.workspace('shop')
      await tenant.client('shop', 'robot')
      tenants.push(tenant)
    }
    const rates: Rate[] = []
    for (const some of [tenants.slice(0, 1), tenants]) {
      const spent = async () => ({
        server: place.nodes.reduce((sum, { pid }) => sum + processTime(pid), 0),
        postgres: await postgresTime(),
      })
      let changes = 0
      const before = await spent()
      const begun = performance.now()
      await inLanes(lanes, numbers(lanes), async (lane) => {
        const tenant = some[lane % some.length] as Tenant
        const port = place.nodes[lane % place.nodes.length]?.port ?? 0
        for (let n = 0; performance.now() < begun + seconds * 1000; n += 1) {
          const id = `made-${some.length}-${lane}-${n}`
          const clients = '/workspaces/shop/clients'
          const key = { 'Idempotency-Key': id }
          done(await tenant.ask(port, 'post', clients, { id, name: id, scopes: ['read'] }, key), 201)
          done(await tenant.ask(port, 'post', `${clients}/${id}/scopes`, { scopes: ['write'] }))
          done(await tenant.ask(port, 'patch', `${clients}/${id}`, { tokens_per_minute: n + 1 }))
          done(await tenant.ask(port, 'delete', `${clients}/${id}`), 204)
          changes += 4
        }
      })
      const took = (performance.now() - begun) / 1000
      const after = await spent()
      rates.push({
        tenants: some.length,
        changes,
        seconds: took,
        server: (after.server - before.server) / changes / 1000,
        postgres: (after.postgres - before.postgres) / changes / 1000,
      })
    }
    return rates
  } finally {
    await place.close()
  }
}
