/**
 * The tables of addresses again, through proxies with our own files: docs/decisions/0001. Where Regent refuses, the proxy
 * may do so first, in its own words; what it mends must not name another tenant.
 */
import { HEADS, LIES } from './heads.ts'
import { HOSTS } from './host-spellings.ts'
import { GRANTED, METADATA, UNKNOWN } from './outcomes.ts'
import { DOCUMENT_PATHS, PATHS } from './path-spellings.ts'
import { NOBODY, openProxiedWorld, type ProxiedWorld } from './proxied-world.ts'
import { describeBehind, newCaller, PROXIES, type ProxyName } from './proxy.ts'
import { request } from './raw.ts'

const FORM = 'Content-Type: application/x-www-form-urlencoded'
const HOST = 'Host: acme.eu.token.example'
const LINE = 'POST /acme/orders/oauth2/token HTTP/1.1'

/** Where a proxy differs by more than refusing first: what Debian's packages do. */
const DIFFERENT: Readonly<Record<ProxyName, Readonly<Record<string, string>>>> = {
  nginx: {
    // It refuses the tab, which is no fault.
    'with spaces around, which are no part of a value (RFC 9112 §5)': 'nginx 400',
  },
  haproxy: {
    // It hands on one of them.
    'two equal Hosts': GRANTED,
    'two Hosts of different case': GRANTED,
    // It unfolds it.
    'a folded Host (§5.2)': '400 invalid_request host_syntax',
  },
}

for (const name of PROXIES) {
  describeBehind(name, 'addresses', () => {
    let there: ProxiedWorld

    beforeAll(async () => {
      there = await openProxiedWorld(name)
    })
    afterEach(() => {
      expect(there.faults()).toEqual([])
    })
    afterAll(() => there.close())

    const outcome = async (bytes: Buffer) => {
      const caller = newCaller()
      const { answers, faults } = await there.send(caller, bytes)
      expect(faults).toEqual([])
      expect(answers).toHaveLength(1)
      return answers.map((answer) => there.read(answer, caller)).join()
    }
    const compare = (what: string, found: string, expected: string) => {
      const ours = DIFFERENT[name][what] ?? expected
      if (ours === GRANTED || ours === '200') expect(found).toBe(ours)
      else expect(found === ours || new RegExp(`^${name} 4[0-9]{2}$`).test(found) || found).toBe(true)
    }

    describe('T06 and T10, a host', () => {
      it.each(HOSTS)('%s', async (what, host, expected) => {
        const found = await outcome(request(LINE, [`Host: ${host}`, FORM], there.form))
        compare(what, found, expected)
      })

      it('that is not ours sees nothing of the proxy either, whatever name the certificate was asked for', async () => {
        for (const host of ['nobody.example', '127.0.0.1']) {
          const found = await outcome(request('GET /nothing HTTP/1.1', [`Host: ${host}`]))
          expect(found).toBe(name === 'nginx' ? 'nginx 421' : UNKNOWN)
        }
        // The base itself is ours: operators of the region none call it.
        expect(await outcome(request('GET /nothing HTTP/1.1', ['Host: token.example']))).toBe(UNKNOWN)
      })

      it('decides, and not the name that the certificate was asked for', async () => {
        const line = 'POST /rival/orders/oauth2/token HTTP/1.1'
        const found = await outcome(request(line, ['Host: rival.eu.token.example', FORM], there.rivalForm))
        expect(found).toBe('200 https://rival.eu.token.example/rival/orders')
      })
    })

    describe('T07, a Host and a target', () => {
      it.each(HEADS)('%s', async (what, line, headers, expected) => {
        compare(what, await outcome(request(line, [...headers, FORM], there.form)), expected)
      })

      const [acme, rival] = ['acme.eu.token.example', 'rival.eu.token.example']
      it.each([
        ['a Host of one tenant and a path of another', '/rival/orders', acme],
        ['a path of one tenant and a Host of another', '/acme/orders', rival],
        ['an absolute target of one tenant and a Host of another', `https://${acme}/acme/orders`, rival],
        ['an absolute target with the path of the Host', `https://${acme}/rival/orders`, rival],
        ['a Host with the path of the absolute target', `https://${rival}/acme/orders`, acme],
        ['an absolute target of http', `http://${acme}/rival/orders`, rival],
        ['an absolute target with user information', `https://${acme}@${rival}/rival/orders`, acme],
        ['two slashes and a host', `//${rival}/rival/orders`, acme],
      ])('that name two tenants: %s', async (_case, target, host) => {
        for (const form of [there.form, there.rivalForm]) {
          const line = `POST ${target}/oauth2/token HTTP/1.1`
          expect(await outcome(request(line, [`Host: ${host}`, FORM], form))).toMatch(
            / 4[0-9]{2}$|^4[0-9]{2} /,
          )
        }
      })
    })

    describe('T08, another header', () => {
      const more = [
        'Connection: X-Forwarded-For',
        'Connection: Host',
        `X_Forwarded_For: ${NOBODY}`,
        'Front-End-Https: off',
      ]
      it.each([...LIES, ...more])('%s', async (lie) => {
        const caller = newCaller()
        const given = [HOST, lie, `X-Forwarded-For: ${NOBODY}`, 'X-Request-Id: mine']
        const token = await there.send(caller, request(LINE, [...given, FORM], there.form))
        const document = await there.send(caller, request(`GET ${METADATA}/acme/orders HTTP/1.1`, given))
        const answers = [...token.answers, ...document.answers]
        expect(answers.map((answer) => there.read(answer, caller))).toEqual([GRANTED, GRANTED])
        // What the caller said of itself was replaced, by the proxy.
        expect(there.arrivedFrom(caller).map(({ callers }) => callers)).toEqual([[caller], [caller]])
        expect(there.arrivedFrom(caller).flatMap(({ requestIds }) => requestIds)).not.toContain('mine')
      })
    })

    describe('T09, a path', () => {
      it.each(PATHS)('%s', async (what, target, expected) => {
        compare(what, await outcome(request(`POST ${target} HTTP/1.1`, [HOST, FORM], there.form)), expected)
      })

      it.each(DOCUMENT_PATHS)('documents: %s', async (what, target, expected) => {
        compare(what, await outcome(request(`GET ${target} HTTP/1.1`, [HOST])), expected)
      })
    })
  })
}
