/** Rows of the audit trail and of the change feed: appended, never changed. */
import { randomUUID } from 'node:crypto'
import type { TenantConnection } from '../storage/transaction.ts'
import type { Region } from '../tenancy/region.ts'
import type { ChangeEvent } from './change-event.ts'

export function feedStore({ db, tenantId }: TenantConnection, region: Region) {
  return {
    async appendAuditEvent(event: ChangeEvent, actor: string, requestId: string | undefined): Promise<void> {
      await db
        .insertInto('audit_event')
        .values({
          tenant_id: tenantId,
          event_id: randomUUID(),
          workspace_id: event.workspaceId ?? null,
          action: event.action,
          subject: event.subject,
          actor,
          request_id: requestId ?? null,
          details: JSON.stringify(event.details ?? {}),
        })
        .execute()
    },

    /**
     * Takes the region's next number. Its row stays locked until the commit, so this is the last thing that a
     * transaction does: the order of numbers is then the order of commits, without gaps.
     */
    async appendFeedEntry(event: ChangeEvent): Promise<number> {
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
      return Number(number)
    },
  }
}
