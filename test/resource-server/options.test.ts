import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { accessTokenOf, resourceServer } from '../../src/resource-server/resource-server.ts'

const RIGHT = { issuer: 'https://acme.eu.token.example/acme/orders', audience: 'https://orders.example/api' }

/** Options as plain JavaScript may hold them. */
function withOptions(options: Record<string, unknown>) {
  return () => resourceServer({ ...RIGHT, ...options })
}

describe('the options of a resource server', () => {
  it.each([
    ['issuer', undefined],
    ['issuer', ''],
    ['issuer', 'acme/orders'],
    ['issuer', 'ftp://acme.example'],
    ['issuer', 'https://acme.example/?a=b'],
    ['issuer', 'https://acme.example/?'],
    ['issuer', 'https://acme.example/#'],
    ['issuer', 'https://robot@acme.example/'],
    ['issuer', 'https://:secret@acme.example/'],
    ['issuer', new URL(RIGHT.issuer)],
    ['audience', undefined],
    ['audience', ''],
    ['audience', 'orders'],
    ['audience', 'https://orders.example/#api'],
    ['audience', 'https://orders.example/"'],
    ['clockSkew', -1],
    ['clockSkew', '5'],
    ['clockSkew', null],
    ['clockSkew', 61],
    ['clockSkew', Number.NaN],
    ['refetchInterval', 0],
    ['refetchInterval', '30'],
    ['refetchInterval', Number.POSITIVE_INFINITY],
    ['typ', 'jwt+at'],
    ['fetch', 'fetch'],
    ['realm', 'the "orders"'],
    ['realm', 'a\r\nb'],
    ['algorithms', []],
    ['algorithms', 'ES256'],
    ['algorithms', ['ES256', 'none']],
    ['algorithms', ['HS256']],
    ['algorithms', ['HS512', 'RS256']],
  ])('refuses a wrong %s and names it: %p (RFC 8414 §2, RFC 9068 §4)', (name, value) => {
    expect(withOptions({ [name]: value })).toThrow(TypeError)
    expect(withOptions({ [name]: value })).toThrow(new RegExp(`option ${name} must`))
  })

  it.each([
    ['an issuer without a path', { issuer: 'https://token.example' }],
    ['an audience that is a URN (RFC 8707 §2)', { audience: 'urn:example:orders' }],
    ['all algorithms that are asymmetric', { algorithms: ['ES512', 'PS384', 'RS512', 'EdDSA', 'Ed25519'] }],
    ['the bounds', { clockSkew: 60, refetchInterval: 3600, typ: 'JWT', realm: 'orders, the API' }],
    [
      'options that are undefined',
      { clockSkew: undefined, typ: undefined, fetch: undefined, realm: undefined },
    ],
  ])('takes %s', (_case, options) => {
    expect(withOptions(options)).not.toThrow()
  })

  it.each(['', 'read write', 'say"hi"', 'back\\slash', 'käse', 'tab\t'])(
    'refuses a demand outside the grammar of scope tokens when the route is made (RFC 6749 §3.3): %p',
    (scopeToken) => {
      const algorithms: readonly string[] = ['ES256']
      const { requireToken } = resourceServer({ ...RIGHT, algorithms })
      expect(() => requireToken('read', scopeToken)).toThrow(TypeError)
    },
  )

  it('does not hand out claims on a route that is not protected', () => {
    expect(() => accessTokenOf(new IncomingMessage(new Socket()))).toThrow(/not protected/)
  })
})
