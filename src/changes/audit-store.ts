/** Rows of the audit trail: appended, never changed. Reads and writes, nothing else. */
import { sql } from 'kysely'
import type { TenantId } from '../ids.ts'
import type { Sealed } from '../sealing/seal.ts'
import type { OperatorConnection, TenantConnection } from '../storage/transaction.ts'
import type { Region } from '../tenancy/region.ts'
import type { ChainedEvent, Head } from './audit-chain.ts'

export type StoredEvent = ChainedEvent & { readonly mac: Buffer }
export type StoredHead = Head & { readonly headMac: Buffer }

/** Exact, where a Date has milliseconds only. */
const MICROS = sql<string>`(extract(epoch from occurred_at) * 1000000)::bigint::text`

export function auditStore({ db, tenantId }: TenantConnection) {
  return {
    /** Who appends waits here for who appends. @returns undefined before the first event */
    async lockHead(): Promise<StoredHead | undefined> {
      // There may be no row to lock yet: two first events then wait for each other's.
      await db
        .insertInto('audit_head')
        .values({ tenant_id: tenantId, sequence: '0', mac: Buffer.alloc(0), head_mac: Buffer.alloc(0) })
        .onConflict((conflict) => conflict.doNothing())
        .execute()
      const row = await db
        .selectFrom('audit_head')
        .select(['sequence', 'mac', 'head_mac'])
        .where('tenant_id', '=', tenantId)
        .forUpdate()
        .executeTakeFirstOrThrow()
      return readHead(row)
    },

    async findHead(): Promise<StoredHead | undefined> {
      const row = await db
        .selectFrom('audit_head')
        .select(['sequence', 'mac', 'head_mac'])
        .where('tenant_id', '=', tenantId)
        .executeTakeFirst()
      return row && readHead(row)
    },

    async updateHead({ sequence, mac, headMac }: StoredHead): Promise<void> {
      await db
        .updateTable('audit_head')
        .set({ sequence: String(sequence), mac, head_mac: headMac })
        .where('tenant_id', '=', tenantId)
        .execute()
    },

    /** A statement for however many. Details go as texts of their own: they are kept as they were printed. */
    async insertEvents(events: readonly StoredEvent[]): Promise<void> {
      const rows = events.map((event) => ({ ...event, details: undefined, mac: event.mac.toString('hex') }))
      await sql`
        insert into regent.audit_event (tenant_id, event_id, workspace_id, action, subject, actor, request_id, peer, details,
          occurred_at, sequence, mac)
        select ${tenantId}::uuid, "eventId", "workspaceId", action, subject, actor, "requestId", peer, told.details::jsonb,
          timestamptz 'epoch' + "occurredAt" * interval '1 microsecond', sequence, decode(mac, 'hex')
        from rows from (
          jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as (sequence bigint, "eventId" uuid, "workspaceId" uuid,
            action text, subject text, actor text, "requestId" text, peer text, "occurredAt" bigint, mac text),
          unnest(${events.map(({ details }) => details)}::text[])
        ) as told(sequence, "eventId", "workspaceId", action, subject, actor, "requestId", peer, "occurredAt", mac, details)`.execute(
        db,
      )
    },

    /** In the order of the chain. */
    async listEventsAfter(sequence: number, most: number): Promise<readonly StoredEvent[]> {
      const rows = await db
        .selectFrom('audit_event')
        .select([
          'sequence',
          'event_id',
          'workspace_id',
          'action',
          'subject',
          'actor',
          'request_id',
          'peer',
          'mac',
        ])
        .select([sql<string>`details::text`.as('details'), MICROS.as('occurred_at')])
        .where('tenant_id', '=', tenantId)
        .where('sequence', '>', String(sequence))
        .orderBy('sequence')
        .limit(most)
        .execute()
      return rows.map((row) => ({
        sequence: Number(row.sequence),
        eventId: row.event_id,
        workspaceId: row.workspace_id,
        action: row.action,
        subject: row.subject,
        actor: row.actor,
        requestId: row.request_id,
        peer: row.peer,
        details: row.details,
        occurredAt: row.occurred_at,
        mac: row.mac ?? Buffer.alloc(0),
      }))
    },

    /** Events that are in no chain: from before there was one, or not made by Regent. */
    async countUnchained(): Promise<number> {
      const { count } = await db
        .selectFrom('audit_event')
        .select(sql<string>`count(*)`.as('count'))
        .where('tenant_id', '=', tenantId)
        .where('sequence', 'is', null)
        .executeTakeFirstOrThrow()
      return Number(count)
    },
  }
}

export function auditKeyStore({ db }: TenantConnection | OperatorConnection, region: Region) {
  return {
    async findAuditKey(): Promise<Sealed | undefined> {
      const row = await db
        .selectFrom('audit_key')
        .select(['sealed_key', 'master_key_id'])
        .where('region', '=', region)
        .executeTakeFirst()
      return row && { bytes: row.sealed_key, masterKeyId: row.master_key_id as Sealed['masterKeyId'] }
    },

    /** Unless there is one. */
    async insertAuditKey({ bytes, masterKeyId }: Sealed): Promise<void> {
      await db
        .insertInto('audit_key')
        .values({ region, sealed_key: bytes, master_key_id: masterKeyId })
        .onConflict((conflict) => conflict.doNothing())
        .execute()
    },
  }
}

/** For operators' chores. */
export function sealedAuditKeyStore({ db }: OperatorConnection, region: Region) {
  return {
    /** Under its new seal, unless somebody was there before. @returns whether it was written */
    async updateAuditKey(was: Sealed, { bytes, masterKeyId }: Sealed): Promise<boolean> {
      const { numUpdatedRows } = await db
        .updateTable('audit_key')
        .set({ sealed_key: bytes, master_key_id: masterKeyId })
        .where('region', '=', region)
        .where('master_key_id', '=', was.masterKeyId)
        .where('sealed_key', '=', was.bytes)
        .executeTakeFirst()
      return numUpdatedRows === 1n
    },
  }
}

/** Of all tenants of a region, for operators. */
export function auditHeadStore({ db }: OperatorConnection, region: Region) {
  return {
    /** Heads that have moved since they were taken last; one that somebody moves at this moment comes the next time. */
    async takeMovedHeads(
      most: number,
    ): Promise<readonly (StoredHead & { readonly tenantId: TenantId; readonly slug: string })[]> {
      const { rows } = await sql<{
        tenant_id: TenantId
        slug: string
        sequence: string
        mac: Buffer
        head_mac: Buffer
      }>`
        update regent.audit_head head set checkpointed = head.sequence from (
          select moved.tenant_id, tenant.slug from regent.audit_head moved join regent.tenant using (tenant_id)
          where moved.sequence > moved.checkpointed and tenant.region = ${region}
          order by moved.tenant_id limit ${most} for update of moved skip locked) taken
        where head.tenant_id = taken.tenant_id
        returning head.tenant_id, taken.slug, head.sequence, head.mac, head.head_mac`.execute(db)
      return rows.map((row) => ({
        tenantId: row.tenant_id,
        slug: row.slug,
        sequence: Number(row.sequence),
        mac: row.mac,
        headMac: row.head_mac,
      }))
    },
  }
}

function readHead(row: { sequence: string; mac: Buffer; head_mac: Buffer }): StoredHead | undefined {
  const sequence = Number(row.sequence)
  return sequence === 0 && row.mac.length === 0
    ? undefined
    : { sequence, mac: row.mac, headMac: row.head_mac }
}
