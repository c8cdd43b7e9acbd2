/**
 * How settings change: one transaction that writes the rows, the audit event and the feed entry, or nothing. Each
 * change is one function in a file of its own; the quickstart, administration, chores and tests call the same ones,
 * and nobody else writes settings. The changes of one tenant come one after the other, from their first statement to the
 * commit: what one has looked at, no other changes meanwhile.
 */
import type { DigestKeys } from '../clients/digest.ts'
import type { TenantId } from '../ids.ts'
import type { Keyring } from '../keys/keyring.ts'
import {
  sqlState,
  type Database,
  type OperatorConnection,
  type TenantConnection,
} from '../storage/transaction.ts'
import type { Origin } from '../tenancy/origin.ts'
import type { Region } from '../tenancy/region.ts'
import { openTrail } from './append-audit-event.ts'
import type { ChangeEvent } from './change-event.ts'
import { feedStore } from './feed-store.ts'
import { ChangeRefusal } from './refusal.ts'

export type ChangeNeeds = {
  readonly region: Region
  readonly database: Database
  readonly origin: Origin
  readonly keyring: Keyring
  readonly bcryptCost: number
  /** Of the master keys of `keyring`. */
  readonly digestKeys: DigestKeys
  /** Seconds that a node may serve from memory without having read the feed. */
  readonly maxStale: number
  /** Who changes: a client, a command, a chore. */
  readonly actor: string
  readonly requestId?: string
  /** Network address of who asked for it. */
  readonly peer?: string
  readonly hooks?: ChangeHooks
}

/** Of these, what is the same for every region, request and caller of a node. */
export type ChangeParts = Omit<ChangeNeeds, 'region' | 'database' | 'actor' | 'requestId' | 'peer' | 'hooks'>

/** What whoever asks for a change has to say in its transaction. Whatever they throw undoes it all. */
export type ChangeHooks = {
  /** Nothing has changed yet, and nobody else changes anything of the tenant. */
  before(connection: TenantConnection | OperatorConnection): Promise<void>
  /** All has changed but for the feed. */
  after(connection: TenantConnection | OperatorConnection, outcome: Outcome<object>): Promise<void>
}

export type Outcome<Value> = {
  readonly value: Value
  /** The feed has it, and ends the audit trail's part of this change. */
  readonly event: ChangeEvent
  /** What else the audit trail tells, before it: of a change that makes many. */
  readonly events?: readonly ChangeEvent[]
  /** All was as it should be: neither trail nor feed says anything. */
  readonly unchanged?: boolean
  /** What goes on today and will not afterwards, in sentences for whoever is about to do it. */
  readonly breaks?: readonly string[]
}

export type Changed<Value> = Value & {
  /** The number in the region's feed; a node that has read it knows of the change. */
  readonly feedNumber: number
}

/** Of a change that may find nothing to do: it has no number then. */
export type MaybeChanged<Value> = Value & { readonly feedNumber?: number }

type Work<Value> = (connection: TenantConnection) => Promise<Outcome<Value>>

export async function change<Value extends object>(
  needs: ChangeNeeds,
  tenantId: TenantId,
  work: Work<Value>,
): Promise<Changed<Value>> {
  const { feedNumber, ...value } = await changeIfAny(needs, tenantId, work)
  if (feedNumber === undefined) throw new Error('a change that changes nothing must say so to whoever asks')
  return { ...(value as unknown as Value), feedNumber }
}

/** @param deadline milliseconds, where it does more than others do */
export async function changeIfAny<Value extends object>(
  needs: ChangeNeeds,
  tenantId: TenantId,
  work: Work<Value>,
  deadline?: number,
): Promise<MaybeChanged<Value>> {
  const run = async (connection: TenantConnection) => {
    const trail = await openTrail(needs, connection)
    await needs.hooks?.before(connection)
    const outcome = await work(connection)
    const { value, event, events = [], unchanged = false } = outcome
    if (!unchanged) await trail.append([...events, event])
    await needs.hooks?.after(connection, outcome)
    if (unchanged) return value
    const feedNumber = await feedStore(connection, needs.region).appendFeedEntry(tenantId, event)
    return { ...value, feedNumber }
  }
  return needs.database.inTenant(tenantId, run, deadline)
}

/**
 * A change of what only operators may write: the tenant's own row. What it is told to do as an operator comes first.
 * @param first resolves to what `work` needs of it
 */
export async function changeAsOperator<Value extends object, Found>(
  needs: ChangeNeeds,
  tenantId: TenantId,
  first: (connection: OperatorConnection) => Promise<Found>,
  work: (connection: TenantConnection, found: Found) => Promise<Outcome<Value>>,
): Promise<Changed<Value>> {
  return needs.database.asOperatorAroundTenant(
    tenantId,
    async (connection) => {
      await needs.hooks?.before(connection)
      return first(connection)
    },
    async (connection, found) => {
      const trail = await openTrail(needs, connection)
      const outcome = await work(connection, found)
      await trail.append([outcome.event])
      return outcome
    },
    async (connection, outcome) => {
      await needs.hooks?.after(connection, outcome)
      const feedNumber = await feedStore(connection, needs.region).appendFeedEntry(tenantId, outcome.event)
      return { ...outcome.value, feedNumber }
    },
  )
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
