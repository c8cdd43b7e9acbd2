/** Networks that a client may ask from: addresses and subnets (RFC 4632 §3.1, RFC 4291 §2.3), as they are written. Pure. */
import { BlockList, isIP } from 'node:net'

const known = new WeakMap<readonly string[], BlockList>()

/** Whether it is an address, or one with the length of its prefix: `192.0.2.0/24`, `2001:db8::/32`. */
export function isNetwork(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/')
  const kind = isIP(address)
  if (kind === 0 || address.includes('%') || rest.length > 0) return false
  return (
    prefix === undefined ||
    (/^(?:0|[1-9][0-9]{0,2})$/.test(prefix) && Number(prefix) <= (kind === 4 ? 32 : 128))
  )
}

/** @param networks none: from anywhere */
export function isWithinNetworks(peer: string, networks: readonly string[]): boolean {
  if (networks.length === 0) return true
  let list = known.get(networks)
  if (list === undefined) {
    list = new BlockList()
    for (const network of networks.filter(isNetwork)) add(list, network)
    known.set(networks, list)
  }
  // RFC 4291 §2.5.5.2: an IPv4 address as a dual-stack socket shows it.
  const address = peer.replace(/^::ffff:(?=[0-9.]+$)/i, '')
  const kind = isIP(address)
  return kind !== 0 && list.check(address, kind === 4 ? 'ipv4' : 'ipv6')
}

function add(list: BlockList, network: string): void {
  const [address = '', prefix] = network.split('/')
  const kind = isIP(address) === 4 ? 'ipv4' : 'ipv6'
  if (prefix === undefined) list.addAddress(address, kind)
  else list.addSubnet(address, Number(prefix), kind)
}
