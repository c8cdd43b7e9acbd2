/** Which peers are within the networks that a client may ask from. */
import { isNetwork, isWithinNetworks } from '../../src/clients/networks.ts'

describe('allowed networks', () => {
  it.each(['192.0.2.7', '192.0.2.0/24', '0.0.0.0/0', '2001:db8::/32', '::1', '2001:db8::1/128'])(
    'may be %s',
    (text) => {
      expect(isNetwork(text)).toBe(true)
    },
  )

  it.each([
    '',
    '192.0.2',
    '192.0.2.0/33',
    '192.0.2.0/',
    '192.0.2.0/024',
    '2001:db8::/129',
    'fe80::1%eth0',
    'acme.example',
    '1.2.3.4/8/8',
    ' 1.2.3.4',
  ])('may not be %j', (text) => {
    expect(isNetwork(text)).toBe(false)
  })

  it.each([
    ['192.0.2.200', ['192.0.2.0/24'], true],
    ['192.0.3.1', ['192.0.2.0/24'], false],
    ['::ffff:192.0.2.9', ['192.0.2.0/24'], true],
    ['2001:db8::5', ['192.0.2.0/24', '2001:db8::/32'], true],
    ['2001:db9::5', ['2001:db8::/32'], false],
    ['192.0.2.7', ['192.0.2.7'], true],
    ['anything', [], true],
    ['unknown', ['0.0.0.0/0'], false],
  ])('%s of %j: %s', (peer, networks, within) => {
    expect(isWithinNetworks(peer, networks)).toBe(within)
  })
})
