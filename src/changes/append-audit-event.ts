/** Appends events to their tenant's chain, in the transaction of the change that they tell of. */
import { createSecretKey, randomBytes, randomUUID, type KeyObject } from 'node:crypto'
import type { Keyring } from '../keys/keyring.ts'
import { sealingKey } from '../keys/sealing-key.ts'
import type { Belonging } from '../sealing/seal.ts'
import { printedByDatabase } from '../storage/printed-by-database.ts'
import type { OperatorConnection, TenantConnection } from '../storage/transaction.ts'
import type { Region } from '../tenancy/region.ts'
import {
  BEGINNING,
  eventMac,
  headMac,
  sameMac,
  type Chain,
  type ChainedEvent,
  type Head,
} from './audit-chain.ts'
import { auditKeyStore, auditStore } from './audit-store.ts'
import type { ChangeEvent } from './change-event.ts'

type Needs = {
  readonly region: Region
  readonly keyring: Keyring
  readonly actor: string
  readonly requestId?: string | undefined
  readonly peer?: string | undefined
}

/** What stands in place of an end that was cut off or changed: from then on `verifyAudit` tells of it, for ever. */
export const BROKEN = 'audit_chain_broken'

/** Events whose rows go to the database together. */
const MOST_AT_ONCE = 500

/** Takes the end of the tenant's trail: who comes next waits until this transaction is over. */
export async function openTrail(needs: Needs, connection: TenantConnection) {
  const { region, keyring } = needs
  const key =
    (await findAuditKey(connection, region, keyring)) ?? (await makeAuditKey(connection, region, keyring))
  const chain: Chain = { key, region, tenantId: connection.tenantId }
  const stored = await auditStore(connection).lockHead()
  let head: Head = stored ?? BEGINNING
  return {
    /** In this order. */
    async append(events: readonly ChangeEvent[]): Promise<void> {
      if (stored !== undefined && head === stored && !sameMac(stored.headMac, headMac(chain, stored))) {
        head = await append(needs, connection, chain, head, [{ action: BROKEN, subject: 'audit_head' }])
      }
      for (let from = 0; from < events.length; from += MOST_AT_ONCE)
        head = await append(needs, connection, chain, head, events.slice(from, from + MOST_AT_ONCE))
    },
  }
}

/** @throws Error when the master key that it was sealed under is not known */
export async function findAuditKey(
  connection: TenantConnection | OperatorConnection,
  region: Region,
  keyring: Keyring,
): Promise<KeyObject | undefined> {
  const sealed = await auditKeyStore(connection, region).findAuditKey()
  return sealed && createSecretKey(keyring.openSecret(sealed, auditKeyNames(region)))
}

/** What a region's audit key is sealed for. */
export function auditKeyNames(region: Region): Belonging {
  return ['audit key', region]
}

async function makeAuditKey(
  connection: TenantConnection,
  region: Region,
  keyring: Keyring,
): Promise<KeyObject> {
  const store = auditKeyStore(connection, region)
  const by = await sealingKey(connection, region, keyring)
  await store.insertAuditKey(keyring.sealSecret(randomBytes(32), auditKeyNames(region), by))
  // Somebody else's, where two made the first one at once.
  const key = await findAuditKey(connection, region, keyring)
  if (key === undefined) throw new Error(`region ${region} has no audit key, and none could be made`)
  return key
}

type Told = Pick<ChangeEvent, 'workspaceId' | 'subject' | 'details'> & { readonly action: string }

async function append(
  { actor, requestId, peer }: Needs,
  connection: TenantConnection,
  chain: Chain,
  head: Head,
  events: readonly Told[],
): Promise<Head> {
  const store = auditStore(connection)
  const printed = await printedByDatabase(
    connection,
    events.map(({ details = {} }) => details),
  )
  let next = head
  const chained = printed.map(({ json: details, now }, index) => {
    const { workspaceId = null, action = '', subject = '' } = events[index] ?? {}
    const event: ChainedEvent = {
      sequence: next.sequence + 1,
      eventId: randomUUID(),
      workspaceId,
      action,
      subject,
      actor,
      requestId: requestId ?? null,
      peer: peer ?? null,
      details,
      occurredAt: now,
    }
    next = { sequence: event.sequence, mac: eventMac(chain, next.mac, event) }
    return { ...event, mac: next.mac }
  })
  await store.insertEvents(chained)
  await store.updateHead({ ...next, headMac: headMac(chain, next) })
  return next
}
