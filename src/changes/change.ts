/**
 * How settings change: one transaction that writes the rows, the audit event and the feed entry, or nothing. Each
 * change is one function in a file of its own; the quickstart, administration, chores and tests call the same ones,
 * and nobody else writes settings.
 */
import type { DigestKeys } from '../clients/digest.ts'
import type { TenantId } from '../ids.ts'
import type { Keyring } from '../keys/keyring.ts'
import { sqlState, type Database, type TenantConnection } from '../storage/transaction.ts'
import type { Origin } from '../tenancy/origin.ts'
import type { Region } from '../tenancy/region.ts'
import { appendAuditEvent } from './append-audit-event.ts'
import type { ChangeEvent } from './change-event.ts'
import { feedStore } from './feed-store.ts'
import { ChangeRefusal } from './refusal.ts'

export type ChangeNeeds = {
  readonly region: Region
  readonly database: Database
  readonly origin: Origin
  readonly keyring: Keyring
  readonly bcryptCost: number
  /** The first makes the digests of generated secrets. */
  readonly digestKeys: DigestKeys
  /** Seconds that a node may serve from memory without having read the feed. */
  readonly maxStale: number
  /** Who changes: a client, a command, a chore. */
  readonly actor: string
  readonly requestId?: string
  /** Network address of who asked for it. */
  readonly peer?: string
}

export type Changed<Value> = Value & {
  /** The number in the region's feed; a node that has read it knows of the change. */
  readonly feedNumber: number
}

type Work<Value> = (connection: TenantConnection) => Promise<{ value: Value; event: ChangeEvent }>

export async function change<Value>(
  needs: ChangeNeeds,
  tenantId: TenantId,
  work: Work<Value>,
): Promise<Changed<Value>> {
  return needs.database.inTenant(tenantId, (connection) => recorded(needs, connection, work))
}

export async function recorded<Value>(
  needs: ChangeNeeds,
  connection: TenantConnection,
  work: Work<Value>,
): Promise<Changed<Value>> {
  const { value, event } = await work(connection)
  await appendAuditEvent(needs, connection, event)
  const feedNumber = await feedStore(connection, needs.region).appendFeedEntry(event)
  return { ...value, feedNumber }
}

/** Runs an insert, and refuses a name that is taken (23505, unique violation) as the caller's fault. */
export async function requireFree(field: string, insert: Promise<void>): Promise<void> {
  try {
    await insert
  } catch (cause) {
    if (sqlState(cause) !== '23505') throw cause
    throw taken(field, { cause })
  }
}

/** For names that exist and names that existed: the difference is nobody's business. */
export function taken(field: string, options?: ErrorOptions): ChangeRefusal {
  return new ChangeRefusal(field, 'name_taken', `${field} is taken, or was: choose another`, options)
}
