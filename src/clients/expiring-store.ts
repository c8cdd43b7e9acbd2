/** How many secrets of a region end soon, for operators: how many, and never whose. Reads only. */
import { sql } from 'kysely'
import type { OperatorConnection } from '../storage/transaction.ts'
import type { Region } from '../tenancy/region.ts'

/** Of those that live, which end within so many days; each count holds the ones before it. */
export type Expiring = { readonly day: number; readonly week: number; readonly month: number }

const within = (days: number) =>
  sql`count(*) filter (where expires_at < now() + make_interval(days => ${days}))::int`

export function expiringStore({ db }: OperatorConnection, region: Region) {
  return {
    async countExpiring(): Promise<Expiring> {
      const { rows } = await sql<Expiring>`
        select ${within(1)} as day, ${within(7)} as week, ${within(30)} as month
        from regent.credential join regent.tenant using (tenant_id)
        where tenant.region = ${region} and credential.state = 'live' and credential.expires_at > now()
          and credential.expires_at < now() + interval '30 days'`.execute(db)
      return rows[0] ?? { day: 0, week: 0, month: 0 }
    },
  }
}
