/**
 * Who calls: the network address of the peer, or what a proxy says that the operator has listed as trusted. From
 * anybody else, `X-Forwarded-For` and `X-Request-Id` are only headers. Hosts and issuers are never taken from either.
 */
import type { IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'
import { newRandomId } from '../ids.ts'

const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/

export type Caller = { readonly peer: string; readonly requestId: string }

/** @param trusted addresses and subnets (`10.0.0.0/8`) of proxies */
export function callerReader(trusted: readonly string[]): (request: IncomingMessage) => Caller {
  const proxies = blockList(trusted)
  const isProxy = (address: string) =>
    trusted.length > 0 && isIP(address) !== 0 && proxies.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')

  return (request) => {
    const socketPeer = plainAddress(request.socket.remoteAddress ?? '')
    if (!isProxy(socketPeer)) return { peer: socketPeer, requestId: newRandomId() }
    const asked = request.headers['x-request-id']
    const requestId = typeof asked === 'string' && REQUEST_ID.test(asked) ? asked : newRandomId()
    // Each proxy appends whom it saw: the last one that is no proxy of ours is the caller.
    const hops = String(request.headers['x-forwarded-for'] ?? '').split(',')
    const seen = hops.map((hop) => plainAddress(hop.trim())).filter((hop) => isIP(hop) !== 0)
    return { peer: seen.findLast((hop) => !isProxy(hop)) ?? socketPeer, requestId }
  }
}

/** @returns whether the text is an address or a subnet */
export function isNetwork(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/')
  const bits = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1
  return (
    bits > 0 &&
    rest.length === 0 &&
    (prefix === undefined || (/^[0-9]{1,3}$/.test(prefix) && Number(prefix) <= bits))
  )
}

function blockList(networks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', prefix] = network.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    if (prefix === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(prefix), family)
  }
  return list
}

/** Node shows IPv4 peers of a dual-stack listener as IPv4-mapped IPv6 (RFC 4291 §2.5.5.2). */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address
}
