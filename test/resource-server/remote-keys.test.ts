import request from 'supertest'
import { remoteKeys } from '../../src/resource-server/remote-keys.ts'
import { openApi } from './api.ts'
import {
  AUDIENCE,
  JWKS_PATH,
  METADATA_PATH,
  newKey,
  openAuthorizationServer,
  sendJson,
  type AuthorizationServer,
} from './authorization-server.ts'

const HOUR = 3600

/** Lets a fetch that nobody waits for come to its end. */
async function settle() {
  await new Promise((resolve) => {
    setTimeout(resolve, 100)
  })
}

const throws: typeof fetch = () => {
  throw new Error('http://robot:secret@proxy')
}

describe('the keys of an issuer (RFC 8414, RFC 7517)', () => {
  let authorizationServer: AuthorizationServer
  let time: number

  beforeEach(async () => {
    authorizationServer = await openAuthorizationServer()
    time = 1000
  })
  afterEach(() => authorizationServer.close())

  function openKeys(options: { issuer?: string; fetch?: typeof fetch; refetchInterval?: number } = {}) {
    const { issuer } = authorizationServer
    return remoteKeys({ issuer, fetch, refetchInterval: 30, now: () => time, ...options })
  }
  const timesFetched = () => authorizationServer.timesAsked(JWKS_PATH)

  describe('discovery', () => {
    it('asks at first use, at the inserted location, once for all who wait (RFC 8414 §3.1)', async () => {
      const keys = openKeys()
      expect(authorizationServer.asked).toEqual([])
      const found = await Promise.all(Array.from({ length: 20 }, () => keys.find('key-1', 'ES256')))
      expect(found.every((key) => key !== undefined)).toBe(true)
      expect(authorizationServer.asked).toEqual([METADATA_PATH, JWKS_PATH])
    })

    it.each([
      ['', '/.well-known/oauth-authorization-server'],
      ['/', '/.well-known/oauth-authorization-server'],
      ['/acme/', '/.well-known/oauth-authorization-server/acme'],
    ])('finds the metadata of an issuer with the path %p (RFC 8414 §3.1)', async (path, location) => {
      const issuer = `${authorizationServer.origin}${path}`
      authorizationServer.spoil(location, (_request, response) => {
        sendJson(response, { ...authorizationServer.metadata, issuer })
      })
      await expect(openKeys({ issuer }).find('key-1', 'ES256')).resolves.toBeDefined()
    })

    it('refuses metadata of another issuer, even by a slash (RFC 8414 §3.3)', async () => {
      for (const issuer of [`${authorizationServer.issuer}/`, 'https://mallory.example', undefined]) {
        authorizationServer.metadata['issuer'] = issuer
        await expect(openKeys().find('key-1', 'ES256')).rejects.toThrow(/another issuer/)
      }
      expect(timesFetched()).toBe(0)
    })

    it.each([undefined, 42, 'jwks.json', 'file:///etc/passwd', 'data:application/json,{"keys":[]}'])(
      'refuses a jwks_uri that is no http(s) URL: %p (RFC 8414 §2)',
      async (jwksUri) => {
        authorizationServer.metadata['jwks_uri'] = jwksUri
        await expect(openKeys().find('key-1', 'ES256')).rejects.toThrow(/jwks_uri/)
      },
    )

    it('refuses keys over http for an issuer on https (RFC 8414 §2)', async () => {
      const issuer = 'https://token.example/acme/orders'
      // What a host does whose way to the issuer is a proxy.
      const proxied: typeof fetch = (url, init) =>
        fetch(
          typeof url === 'string' ? url.replace('https://token.example', authorizationServer.origin) : url,
          init,
        )
      authorizationServer.metadata = { issuer, jwks_uri: `http://token.example${JWKS_PATH}` }
      await expect(openKeys({ issuer, fetch: proxied }).find('key-1', 'ES256')).rejects.toThrow(/jwks_uri/)
      authorizationServer.metadata = { issuer, jwks_uri: `https://token.example${JWKS_PATH}` }
      await expect(openKeys({ issuer, fetch: proxied }).find('key-1', 'ES256')).resolves.toBeDefined()
    })
  })

  describe('limits of a fetch (RFC 8725 §3.10)', () => {
    it.each([METADATA_PATH, JWKS_PATH])('does not follow a redirect from %s', async (path) => {
      authorizationServer.spoil('/elsewhere', (_request, response) => {
        sendJson(response, { ...authorizationServer.metadata, keys: authorizationServer.published })
      })
      authorizationServer.spoil(path, (_request, response) => {
        response.writeHead(307, { Location: '/elsewhere' }).end()
      })
      await expect(openKeys().find('key-1', 'ES256')).rejects.toMatchObject({ status: 503 })
      expect(authorizationServer.timesAsked('/elsewhere')).toBe(0)
    })

    it('reads 256 KiB and not one byte more', async () => {
      let size = 256 * 1024
      authorizationServer.spoil(JWKS_PATH, (_request, response) => {
        response.end(JSON.stringify({ keys: authorizationServer.published }).padEnd(size))
      })
      await expect(openKeys().find('key-1', 'ES256')).resolves.toBeDefined()
      size++
      await expect(openKeys().find('key-1', 'ES256')).rejects.toThrow(/too large/)
    })

    it('waits five seconds, for the beginning and for the end of an answer', async () => {
      const drip = setInterval(() => dripping?.write(' '), 500)
      let dripping: NodeJS.WritableStream | undefined
      authorizationServer.spoil(METADATA_PATH, () => undefined)
      const silent = openKeys().find('key-1', 'ES256')
      const other = await openAuthorizationServer()
      other.spoil(METADATA_PATH, (_request, response) => {
        dripping = response
      })
      const slow = openKeys({ issuer: other.issuer }).find('key-1', 'ES256')

      const started = performance.now()
      await Promise.all([
        expect(silent).rejects.toThrow(/too slowly/),
        expect(slow).rejects.toThrow(/too slowly/),
      ])
      expect(performance.now() - started).toBeGreaterThan(4500)
      expect(performance.now() - started).toBeLessThan(8000)
      clearInterval(drip)
      await other.close()
    }, 15_000)

    it.each([
      ['what is not JSON', '<html>', /is not JSON/],
      ['what is no object', '[]', /not a JSON object/],
      ['null', 'null', /not a JSON object/],
      ['no key set (RFC 7517 §5)', '{}', /no key set/],
      ['keys that are no objects (RFC 7517 §5)', '{"keys":[null]}', /no key set/],
    ])('refuses %s', async (_case, body, why) => {
      authorizationServer.spoil(JWKS_PATH, (_request, response) => response.end(body))
      await expect(openKeys().find('key-1', 'ES256')).rejects.toThrow(why)
    })

    it('refuses an answer that is not 200', async () => {
      authorizationServer.spoil(JWKS_PATH, (_request, response) => {
        response.writeHead(500).end(JSON.stringify({ keys: authorizationServer.published }))
      })
      await expect(openKeys().find('key-1', 'ES256')).rejects.toThrow(/other than 200/)
    })
  })

  describe('refresh', () => {
    it.each([
      ['max-age=300', 300],
      ['public, max-age=300, must-revalidate', 300],
      ['x-max-age=900, max-age=300', 300],
      ['max-age=1', 60],
      ['max-age=7200', 7200],
      ['no-cache', 600],
      [undefined, 600],
    ])(
      'happens in the background when %p is over, after %d s (RFC 9111 §5.2.2.1)',
      async (cacheControl, seconds) => {
        authorizationServer.cacheControl = cacheControl
        const keys = openKeys()
        await keys.find('key-1', 'ES256')
        time += seconds - 1
        await keys.find('key-1', 'ES256')
        await settle()
        expect(timesFetched()).toBe(1)

        const next = await newKey('key-2')
        authorizationServer.published = [next.jwk]
        time += 2
        // Nobody waits: this one is still answered from what is held.
        await expect(keys.find('key-1', 'ES256')).resolves.toBeDefined()
        await settle()
        expect(timesFetched()).toBe(2)
        await expect(keys.find('key-2', 'ES256')).resolves.toBeDefined()
        expect(authorizationServer.timesAsked(METADATA_PATH)).toBe(1)
      },
    )

    it('holds no key longer than a day, whatever max-age says', async () => {
      authorizationServer.cacheControl = 'max-age=31536000'
      const keys = openKeys()
      await keys.find('key-1', 'ES256')
      authorizationServer.published = []
      time += 24 * HOUR
      await expect(keys.find('key-1', 'ES256')).resolves.toBeUndefined()
    })

    it('is waited for by an API that had nothing to do for long: its keys may be revoked', async () => {
      const keys = openKeys()
      await keys.find('key-1', 'ES256')
      authorizationServer.published = []
      time += 3 * HOUR
      await expect(keys.find('key-1', 'ES256')).resolves.toBeUndefined()
    })

    it('takes revoked keys away (RFC 7517 §5)', async () => {
      const keys = openKeys()
      await keys.find('key-1', 'ES256')
      authorizationServer.published = []
      time += 601
      await keys.find('key-1', 'ES256')
      await settle()
      await expect(keys.find('key-1', 'ES256')).resolves.toBeUndefined()
    })
  })

  describe('an unknown kid (RFC 7517 §4.5)', () => {
    it('is looked for at once, also for all who come together', async () => {
      const keys = openKeys()
      await keys.find('key-1', 'ES256')
      const next = await newKey('key-2')
      authorizationServer.published.push(next.jwk)
      const found = await Promise.all(Array.from({ length: 20 }, () => keys.find('key-2', 'ES256')))
      expect(found.every((key) => key !== undefined)).toBe(true)
      expect(timesFetched()).toBe(2)
    })

    it('is looked for at most once an interval', async () => {
      const keys = openKeys()
      await keys.find('key-1', 'ES256')
      for (const kid of ['a', 'b', 'c', 'd']) {
        await expect(keys.find(kid, 'ES256')).resolves.toBeUndefined()
      }
      expect(timesFetched()).toBe(2)
      time += 29
      await keys.find('e', 'ES256')
      expect(timesFetched()).toBe(2)
      time += 1
      await keys.find('f', 'ES256')
      expect(timesFetched()).toBe(3)
    })

    it('is looked for at most once an interval, also when fetches fail', async () => {
      const keys = openKeys()
      await keys.find('key-1', 'ES256')
      authorizationServer.fall()
      for (const kid of ['a', 'b', 'c', 'd']) {
        await expect(keys.find(kid, 'ES256')).resolves.toBeUndefined()
      }
      expect(timesFetched()).toBe(2)
      await expect(keys.find('key-1', 'ES256')).resolves.toBeDefined()
    })

    it('is what a key is that cannot be used: private, symmetric, malformed', async () => {
      authorizationServer.published = [
        { kty: 'oct', kid: 'oct', k: 'AAAA' },
        { kty: 'EC', kid: 'malformed', crv: 'P-256', x: 'AAAA', y: 'AAAA' },
        { ...authorizationServer.key.jwk, kid: 'private', d: 'AAAA' },
        { ...authorizationServer.key.jwk, kid: 'for-encryption', use: 'enc' },
        authorizationServer.key.jwk,
      ]
      const keys = openKeys()
      for (const kid of ['oct', 'malformed', 'private', 'for-encryption']) {
        await expect(keys.find(kid, 'ES256')).resolves.toBeUndefined()
      }
      await expect(keys.find('key-1', 'ES256')).resolves.toBeDefined()
    })
  })

  describe('an authorization server that is down', () => {
    it('stops nobody for a day when keys are held, and is asked once an interval', async () => {
      const keys = openKeys()
      await keys.find('key-1', 'ES256')
      authorizationServer.fall()
      time += 601
      for (let turn = 0; turn < 5; turn++) {
        await expect(keys.find('key-1', 'ES256')).resolves.toBeDefined()
        await settle()
      }
      expect(timesFetched()).toBe(2)
      time += 23 * HOUR
      await expect(keys.find('key-1', 'ES256')).resolves.toBeDefined()
      await settle()
      // The metadata is asked first, and does not answer either.
      expect(authorizationServer.asked).toEqual([METADATA_PATH, JWKS_PATH, JWKS_PATH, METADATA_PATH])
      time += HOUR
      await expect(keys.find('key-1', 'ES256')).rejects.toMatchObject({ status: 503 })
    })

    it('is asked again after a pause, not by every request, when no key was ever had', async () => {
      authorizationServer.fall()
      const keys = openKeys()
      const refused = { code: 'temporarily_unavailable', status: 503, retryAfter: 5 }
      await expect(keys.find('key-1', 'ES256')).rejects.toMatchObject(refused)
      await expect(keys.find('key-1', 'ES256')).rejects.toMatchObject(refused)
      expect(authorizationServer.timesAsked(METADATA_PATH)).toBe(1)
      authorizationServer.mend()
      time += 5
      await expect(keys.find('key-1', 'ES256')).resolves.toBeDefined()
    })

    it('is asked for its metadata again when the keys are no longer where they were (RFC 8414 §2)', async () => {
      const keys = openKeys()
      await keys.find('key-1', 'ES256')
      const next = await newKey('key-2')
      authorizationServer.metadata['jwks_uri'] = `${authorizationServer.origin}/moved`
      authorizationServer.spoil('/moved', (_request, response) => sendJson(response, { keys: [next.jwk] }))
      authorizationServer.spoil(JWKS_PATH, (_request, response) => response.writeHead(404).end())
      await expect(keys.find('key-2', 'ES256')).resolves.toBeUndefined()
      time += 30
      await expect(keys.find('key-2', 'ES256')).resolves.toBeDefined()
    })

    it('is waited for in whole seconds (RFC 9110 §10.2.3)', async () => {
      authorizationServer.fall()
      const refused = { status: 503, retryAfter: 3 }
      await expect(openKeys({ refetchInterval: 2.5 }).find('key-1', 'ES256')).rejects.toMatchObject(refused)
    })

    it('is described in our words only, whatever the given fetch throws', async () => {
      await expect(openKeys({ fetch: throws }).find('key-1', 'ES256')).rejects.not.toThrow(/secret/)
      await expect(openKeys({ fetch: throws }).find('key-1', 'ES256')).rejects.toThrow(/cannot be reached/)
    })

    it('makes a protected route answer 503 with Retry-After, never 401 (RFC 9110 §15.6.4)', async () => {
      authorizationServer.fall()
      const api = await openApi({ issuer: authorizationServer.issuer, audience: AUDIENCE })
      const token = await authorizationServer.token()
      const response = await request(api.server).get('/orders').auth(token, { type: 'bearer' }).expect(503)
      expect(response.headers['retry-after']).toBe('5')
      expect(response.headers['cache-control']).toBe('no-store')
      expect(response.headers['www-authenticate']).toBeUndefined()
      expect(response.body).toEqual({
        error: 'temporarily_unavailable',
        error_description: expect.any(String),
      })
      await api.close()
    })
  })

  it('asks for nothing because of a token of another issuer (RFC 9068 §4)', async () => {
    const api = await openApi({ issuer: authorizationServer.issuer, audience: AUDIENCE })
    const token = await authorizationServer.token({ iss: 'https://mallory.example' })
    await request(api.server).get('/orders').auth(token, { type: 'bearer' }).expect(401)
    expect(authorizationServer.asked).toEqual([])
    await api.close()
  })
})
