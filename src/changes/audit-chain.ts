/**
 * The chain of a tenant's audit events: what its MACs are over (HMAC-SHA-256, RFC 2104). Each event carries the MAC of the
 * one before, and the head has one of its own, so that an edit, a deletion, another order and a cut end all show. Whoever has
 * kept an old head could still put it back with the events that it ends: a checkpoint that lies elsewhere tells. Pure.
 */
import { createHmac, timingSafeEqual, type KeyObject } from 'node:crypto'
import type { TenantId } from '../ids.ts'
import { frame } from '../sealing/frame.ts'
import type { Region } from '../tenancy/region.ts'

/** An event as its row has it. */
export type ChainedEvent = {
  readonly sequence: number
  readonly eventId: string
  readonly workspaceId: string | null
  readonly action: string
  readonly subject: string
  readonly actor: string
  readonly requestId: string | null
  readonly peer: string | null
  /** JSON as the database prints it. */
  readonly details: string
  /** Microseconds since 1970, in digits. */
  readonly occurredAt: string
}

export type Head = { readonly sequence: number; readonly mac: Buffer }
/** A region's audit key, and the tenant whose chain it is. */
export type Chain = { readonly key: KeyObject; readonly region: Region; readonly tenantId: TenantId }

/** Where a chain begins. */
export const BEGINNING: Head = { sequence: 0, mac: Buffer.alloc(32) }

export function eventMac({ key, region, tenantId }: Chain, previous: Buffer, event: ChainedEvent): Buffer {
  return hmac(key, [
    'event',
    region,
    tenantId,
    previous.toString('hex'),
    String(event.sequence),
    event.eventId,
    optional(event.workspaceId),
    event.action,
    event.subject,
    event.actor,
    optional(event.requestId),
    optional(event.peer),
    event.details,
    event.occurredAt,
  ])
}

export function headMac({ key, region, tenantId }: Chain, { sequence, mac }: Head): Buffer {
  return hmac(key, ['head', region, tenantId, String(sequence), mac.toString('hex')])
}

/** @param at ISO 8601 */
export function checkpointMac({ key, region, tenantId }: Chain, { sequence, mac }: Head, at: string): Buffer {
  return hmac(key, ['checkpoint', region, tenantId, String(sequence), mac.toString('hex'), at])
}

/** Null and empty are not the same. */
function optional(part: string | null): string {
  return part === null ? '-' : `+${part}`
}

export function sameMac(one: Buffer | null, other: Buffer): boolean {
  return one !== null && one.length === other.length && timingSafeEqual(one, other)
}

function hmac(key: KeyObject, parts: readonly string[]): Buffer {
  return createHmac('sha256', key).update(frame(parts)).digest()
}
