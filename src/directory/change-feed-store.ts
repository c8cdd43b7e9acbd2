/** Rows of the change feed as whoever follows it reads them. Appending is `changes/feed-store.ts`. */
import type { NamelessConnection, OperatorConnection, TenantConnection } from '../storage/transaction.ts'
import type { TenantId, WorkspaceId } from '../ids.ts'
import type { Region } from '../tenancy/region.ts'

export type FeedEntry = {
  readonly number: number
  /** Tells an entry from another one that got its number after a fail-over. */
  readonly id: string
  readonly kind: string
  readonly tenantId: TenantId
  readonly workspaceId: WorkspaceId | undefined
  readonly subject: string | undefined
}

export function feedPosition(
  { db }: NamelessConnection | TenantConnection | OperatorConnection,
  region: Region,
) {
  return {
    /** How far changes have come: whatever is read afterwards on the same connection has all of them. */
    async readNumber(): Promise<number> {
      const { number } = await db
        .selectFrom('change_counter')
        .select('number')
        .where('region', '=', region)
        .executeTakeFirstOrThrow()
      return Number(number)
    },
  }
}

export function changeFeedReader({ db }: OperatorConnection, region: Region) {
  return {
    /** @param number inclusive, so that the last one that is known can be recognised */
    async listEntriesFrom(number: number, most: number): Promise<readonly FeedEntry[]> {
      const rows = await db
        .selectFrom('change_feed')
        .select(['number', 'entry_id', 'kind', 'tenant_id', 'workspace_id', 'subject'])
        .where('region', '=', region)
        .where('number', '>=', String(number))
        .orderBy('number')
        .limit(most)
        .execute()
      return rows.map((row) => ({
        number: Number(row.number),
        id: row.entry_id,
        kind: row.kind,
        tenantId: row.tenant_id,
        workspaceId: row.workspace_id ?? undefined,
        subject: row.subject ?? undefined,
      }))
    },
  }
}
