/**
 * Verifies a tenant's audit trail: every event is there, as it was written, in its order, up to the head. Reads only. What it
 * cannot see without a checkpoint that was kept elsewhere: an old head put back together with the events that it ends.
 */
import { z } from 'zod'
import type { Keyring } from '../keys/keyring.ts'
import type { AuditCheckpoint } from '../observe/observation.ts'
import type { Database, TenantConnection } from '../storage/transaction.ts'
import type { Tenant } from '../tenancy/tenant.ts'
import { BROKEN, findAuditKey } from './append-audit-event.ts'
import { BEGINNING, checkpointMac, eventMac, headMac, sameMac, type Chain, type Head } from './audit-chain.ts'
import { auditStore, type StoredEvent, type StoredHead } from './audit-store.ts'

/** An `AuditCheckpoint` as somebody brings it back. */
export const CHECKPOINT = z.object({
  region: z.string(),
  tenant: z.string(),
  sequence: z.int().nonnegative(),
  mac: z.string(),
  at: z.string(),
  signature: z.string(),
})

export type AuditVerdict = {
  /** Events of the chain that were read. */
  readonly events: number
  /** Events from before there was a chain: nothing is said of them. */
  readonly unchained: number
  /** Empty: all is as it was written. */
  readonly faults: readonly AuditFault[]
  /** All up to this event were there when the checkpoint was made that was given; undefined without one. */
  readonly vouchedUpTo: number | undefined
  /** To be kept elsewhere, for the next time. Undefined where there is nothing to hold on to. */
  readonly checkpoint: AuditCheckpoint | undefined
}

export type AuditFault = { readonly sequence: number; readonly what: string }

const PAGE = 1000
const MOST_FAULTS = 100

/** @param checkpoint of an earlier time; one of another tenant is a fault */
export async function verifyAudit(
  database: Database,
  keyring: Keyring,
  tenant: Tenant,
  checkpoint?: AuditCheckpoint,
): Promise<AuditVerdict> {
  const asTenant = <T>(work: (connection: TenantConnection) => Promise<T>) =>
    database.inTenant(tenant.id, work)
  const { key, begun, unchained } = await asTenant(async (connection) => ({
    key: await findAuditKey(connection, tenant.region, keyring),
    begun: (await auditStore(connection).findHead()) !== undefined,
    unchained: await auditStore(connection).countUnchained(),
  }))
  const faults: AuditFault[] = []
  const found = (sequence: number, what: string) => {
    if (faults.length < MOST_FAULTS) faults.push({ sequence, what })
  }
  if (key === undefined) {
    if (begun || checkpoint !== undefined) found(0, 'the region has lost its audit key')
    return { events: 0, unchained, faults, vouchedUpTo: undefined, checkpoint: undefined }
  }
  const chain: Chain = { key, region: tenant.region, tenantId: tenant.id }
  const promised = checkpoint && readCheckpoint(chain, tenant, checkpoint)
  if (checkpoint !== undefined && promised === undefined)
    found(checkpoint.sequence, 'the checkpoint is not of this tenant, or was not made by this region')

  let last: Head = BEGINNING
  let events = 0
  let stored: StoredHead | undefined
  // Page by page, since a trail can be long, until the head says that there is no more. It is read after the events, so that
  // what is appended meanwhile is no fault.
  for (let page: readonly StoredEvent[] = [], more = true; more;) {
    ;({ page, stored } = await asTenant(async (connection) => ({
      page: await auditStore(connection).listEventsAfter(last.sequence, PAGE),
      stored: await auditStore(connection).findHead(),
    })))
    for (const { mac, ...event } of page) {
      events += 1
      // A trail that was removed as a whole begins anew with whatever is changed next.
      if (events === 1 && unchained === 0 && event.action !== 'tenant_created')
        found(1, 'the trail does not begin with the making of the tenant')
      if (event.sequence !== last.sequence + 1)
        found(last.sequence + 1, missing(last.sequence + 1, event.sequence - 1))
      if (!sameMac(mac, eventMac(chain, last.mac, event)))
        found(event.sequence, 'the event, or the one before it, was changed')
      if (event.action === BROKEN) found(event.sequence, 'the trail before it had lost its end')
      if (promised?.sequence === event.sequence && !sameMac(mac, promised.mac))
        found(event.sequence, 'the checkpoint had another event here')
      last = { sequence: event.sequence, mac }
    }
    more = page.length > 0 && last.sequence < (stored?.sequence ?? Infinity)
  }
  if (stored === undefined) {
    if (events > 0 || unchained === 0) found(1, 'the head is gone')
  } else {
    if (!sameMac(stored.headMac, headMac(chain, stored)))
      found(stored.sequence, 'the head was not written by Regent')
    if (last.sequence < stored.sequence) found(last.sequence + 1, missing(last.sequence + 1, stored.sequence))
    if (last.sequence > stored.sequence)
      found(stored.sequence + 1, 'there are events beyond the head, which Regent did not write')
    else if (last.sequence === stored.sequence && !sameMac(stored.mac, last.mac))
      found(stored.sequence, 'the head is of another event')
  }
  if (promised !== undefined && promised.sequence > last.sequence)
    found(last.sequence + 1, missing(last.sequence + 1, promised.sequence))
  return {
    events,
    unchained,
    faults,
    vouchedUpTo: faults.length === 0 ? promised?.sequence : undefined,
    checkpoint:
      faults.length === 0 ? makeCheckpoint(chain, tenant, last, new Date().toISOString()) : undefined,
  }
}

/** @param at ISO 8601 */
export function makeCheckpoint(
  chain: Chain,
  { region, slug }: { region: string; slug: string },
  head: Head,
  at: string,
): AuditCheckpoint {
  return {
    region,
    tenant: slug,
    sequence: head.sequence,
    mac: head.mac.toString('base64url'),
    at,
    signature: checkpointMac(chain, head, at).toString('base64url'),
  }
}

function readCheckpoint(chain: Chain, tenant: Tenant, checkpoint: AuditCheckpoint): Head | undefined {
  const { sequence, mac, at, signature } = checkpoint
  const head = { sequence, mac: Buffer.from(mac, 'base64url') }
  const right =
    checkpoint.region === tenant.region &&
    checkpoint.tenant === tenant.slug &&
    sameMac(Buffer.from(signature, 'base64url'), checkpointMac(chain, head, at))
  return right ? head : undefined
}

function missing(first: number, last: number): string {
  return first === last ? `event ${first} is missing` : `events ${first} to ${last} are missing`
}
