/** Rows of the change feed: appended, never changed, pruned in the end. */
import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import type { TenantId } from '../ids.ts'
import { CHANGE_CHANNEL } from '../storage/listener.ts'
import type { OperatorConnection, TenantConnection } from '../storage/transaction.ts'
import type { Region } from '../tenancy/region.ts'
import type { ChangeEvent } from './change-event.ts'

export function feedStore({ db }: TenantConnection | OperatorConnection, region: Region) {
  return {
    /**
     * Takes the region's next number. Its row stays locked until the commit, so this is the last thing that a
     * transaction does: the order of numbers is then the order of commits, without gaps.
     */
    async appendFeedEntry(tenantId: TenantId, event: ChangeEvent): Promise<number> {
      const { number } = await db
        .updateTable('change_counter')
        .set((eb) => ({ number: eb('number', '+', '1') }))
        .where('region', '=', region)
        .returning('number')
        .executeTakeFirstOrThrow()
      await db
        .insertInto('change_feed')
        .values({
          region,
          number,
          entry_id: randomUUID(),
          kind: event.action,
          tenant_id: tenantId,
          workspace_id: event.workspaceId ?? null,
          subject: event.subject,
        })
        .execute()
      // Only a hint, delivered at the commit: whoever misses it reads the feed all the same.
      await sql`select pg_notify(${CHANGE_CHANNEL}, ${region})`.execute(db)
      return Number(number)
    },
  }
}

export function changeFeedPruning({ db }: OperatorConnection, region: Region) {
  return {
    /** But for the newest one. */
    async deleteEntriesBefore(seconds: number): Promise<void> {
      await db
        .deleteFrom('change_feed')
        .where('region', '=', region)
        .where(sql<boolean>`changed_at < now() - make_interval(secs => ${seconds})`)
        .where(sql<boolean>`number < (select number from regent.change_counter where region = ${region})`)
        .execute()
    },
  }
}
