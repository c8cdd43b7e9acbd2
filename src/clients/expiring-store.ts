/** Secrets of a region that end soon, for operators: how many, and whose was not said yet. Reads and writes, nothing else. */
import { sql } from 'kysely'
import type { ClientId, CredentialId } from '../ids.ts'
import type { OperatorConnection } from '../storage/transaction.ts'
import type { Region } from '../tenancy/region.ts'

/** Of those that live, which end within so many days; each count holds the ones before it. */
export type Expiring = { readonly day: number; readonly week: number; readonly month: number }

export type ExpiringSecret = {
  readonly tenant: string
  readonly workspace: string
  readonly clientId: ClientId
  readonly credentialId: CredentialId
  /** It ends within so many: 30, 7 or 1. */
  readonly days: number
  readonly expiresAt: Date
}

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

    /**
     * Those that have come within 30, 7 or 1 days of their end since they were taken last, the first to end first; each once
     * for each of these, by whoever comes first. One that awaits its first use dies soon on purpose.
     */
    async takeExpiring(most: number): Promise<readonly ExpiringSecret[]> {
      const days = sql`case when c.expires_at < now() + interval '1 day' then 1
        when c.expires_at < now() + interval '7 days' then 7 else 30 end`
      const { rows } = await sql<ExpiringSecret>`
        update regent.credential set expiry_told = taken.days from (
          select c.tenant_id, c.workspace_id, c.client_id, c.credential_id, c.expires_at, ${days} as days,
            tenant.slug as tenant, workspace.slug as workspace
          from regent.credential c join regent.workspace using (tenant_id, workspace_id) join regent.tenant using (tenant_id)
          where tenant.region = ${region} and tenant.state <> 'deleted' and workspace.state <> 'deleted'
            and c.state = 'live' and c.expires_at > now() and c.expires_at < now() + interval '30 days'
            and not c.awaits_use and (c.expiry_told is null or c.expiry_told > ${days})
          order by c.expires_at limit ${most} for no key update of c skip locked) taken
        where credential.tenant_id = taken.tenant_id and credential.workspace_id = taken.workspace_id
          and credential.client_id = taken.client_id and credential.credential_id = taken.credential_id
        returning taken.tenant, taken.workspace, taken.client_id as "clientId", taken.credential_id as "credentialId",
          taken.days, taken.expires_at as "expiresAt"`.execute(db)
      return rows
    },
  }
}
