/**
 * What failing attempts are counted by: the presented client id, where it was presented, and from which network, all of
 * them or nothing. The parts are length-framed, so that no two lists of parts make one key.
 */
import { createHash } from 'node:crypto'
import { isIP } from 'node:net'
import type { Brand, ClientId, TenantId, WorkspaceId } from '../ids.ts'
import type { Region } from '../tenancy/region.ts'

export type AttemptKey = Brand<string, 'AttemptKey'>
export type PeerNetwork = Brand<string, 'PeerNetwork'>

/** No client's id is longer; what is presented may be as long as a request. */
const MAX_CLIENT_ID = 128

export function attemptKey(
  region: Region,
  tenantId: TenantId,
  workspaceId: WorkspaceId,
  presented: ClientId,
  peer: string,
): AttemptKey {
  const clientId =
    presented.length > MAX_CLIENT_ID ? createHash('sha256').update(presented).digest('base64url') : presented
  const parts = [region, tenantId, workspaceId, clientId, peerNetwork(peer)]
  // The length of what was presented, not of its hash: no short id is taken for a long one.
  const lengths = [region, tenantId, workspaceId, presented, ''].map(({ length }) => length)
  return `${lengths.join(',')}:${parts.join('')}` as AttemptKey
}

/**
 * An IPv4 address, or the /64 of an IPv6 address: whoever has one address of it usually has them all (RFC 4291 §2.5.4,
 * RFC 6177 §2). An IPv4 address in the clothes of IPv6 counts as itself.
 */
export function peerNetwork(peer: string): PeerNetwork {
  if (isIP(peer) !== 6) return peer as PeerNetwork
  const groups = groupsOf(peer)
  const prefix = groups.slice(0, 6).join(',')
  // IPv4-mapped (RFC 4291 §2.5.5.2), and from behind a translator with the well-known prefix 64:ff9b::/96 (RFC 6052 §2.1).
  if (prefix === '0,0,0,0,0,65535' || prefix === '100,65435,0,0,0,0') {
    return groups.slice(6).flatMap(bytesOf).join('.') as PeerNetwork
  }
  return `${groups
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')}::/64` as PeerNetwork
}

/** @param address that `isIP` takes for IPv6; its zone, if any, is dropped */
function groupsOf(address: string): readonly number[] {
  const [bare = ''] = address.split('%')
  const [head = [], tail] = bare.split('::').map(readGroups)
  if (tail === undefined) return [...head]
  return [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => 0), ...tail]
}

function readGroups(text: string): readonly number[] {
  return text
    .split(':')
    .filter((group) => group !== '')
    .flatMap((group) => {
      if (!group.includes('.')) return Number.parseInt(group, 16)
      const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number)
      return [a * 256 + b, c * 256 + d]
    })
}

function bytesOf(group: number): readonly number[] {
  return [group >> 8, group & 255]
}
