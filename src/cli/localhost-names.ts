/**
 * Loaded for its effect by the quickstart, with its sample API, by commands that ask a server, and by the tests; never by a server:
 * names under `localhost` lead to this machine (RFC 6761 §6.3), as they do in curl and browsers. Node asks
 * the operating system, and many know `localhost` only.
 */
import dns from 'node:dns'

type Lookup = typeof dns.lookup
const ask = dns.lookup

const lookup = (hostname: string, ...rest: unknown[]) => {
  const name = hostname.toLowerCase().replace(/\.$/, '')
  return (ask as (...all: unknown[]) => unknown)(
    name.endsWith('.localhost') ? 'localhost' : hostname,
    ...rest,
  )
}

dns.lookup = Object.assign(lookup, ask) as Lookup
