/**
 * Requests planted behind or inside others (RFC 9112 §11.2), through proxies with our own files. The proxy may read a
 * planted request as a caller's second one: then it stamps it like any other. What arrives without a stamp was smuggled.
 */
import type { Socket } from 'node:net'
import { contestedFrames, doubtfulFrames, framesBefore, type Frame } from './frames.ts'
import { GRANTED } from './outcomes.ts'
import { plantedRequest, smuggling } from './planted.ts'
import { openProxiedWorld, type ProxiedWorld } from './proxied-world.ts'
import { describeBehind, newCaller, PROXIES } from './proxy.ts'
import { exchange, pooled, request } from './raw.ts'

const FORM = 'Content-Type: application/x-www-form-urlencoded'

for (const name of PROXIES) {
  describeBehind(name, 'T41 smuggled requests', () => {
    let there: ProxiedWorld
    let planted: string
    let pair: string

    beforeAll(async () => {
      there = await openProxiedWorld(name)
      planted = plantedRequest(there.rivalForm)
      const good = request(
        'POST /acme/orders/oauth2/token HTTP/1.1',
        ['Host: acme.eu.token.example', FORM],
        there.form,
      )
      pair = `${good.toString().replace('Connection: close\r\n', '')}${good.toString()}`
    })
    afterAll(() => there.close())

    /** Of somebody else, on a connection to Regent that others have used. */
    const sendPair = async () => {
      const caller = newCaller()
      const { answers, faults } = await there.send(caller, pair, { silence: 5000 })
      return [...faults, ...answers.map((answer) => there.read(answer, caller))]
    }

    /** @returns the callers whose planted requests arrived */
    const smuggle = async (frames: readonly Frame[]) => {
      const arrived: string[] = []
      const wrong: string[] = []
      await pooled(
        frames,
        async (frame) => {
          const caller = newCaller()
          const { faults } = await there.send(caller, smuggling(frame))
          if (there.arrivedFrom(caller).some(({ target }) => target.startsWith('/rival/')))
            arrived.push(frame[0])
          wrong.push(...faults.map((fault) => `${frame[0]}: ${fault}`))
          const after = await sendPair()
          if (after.join() !== `${GRANTED},${GRANTED}`) wrong.push(`${frame[0]}: then ${after.join()}`)
        },
        8,
      )
      expect([...wrong, ...there.faults()]).toEqual([])
      return arrived
    }

    it('get a token where they are no such thing, but the second of one caller', async () => {
      expect(await smuggle([['two requests', ['Content-Length: 0'], planted]])).toEqual(['two requests'])
    })

    it('do not arrive behind a frame that two readers end in two places', async () => {
      const before = there.world.seen.length
      expect(await smuggle(contestedFrames(planted))).toEqual([])
      const issuers = there.world.seen.slice(before).map((one) => one.type === 'token_issued' && one.issuer)
      expect(issuers).not.toContain('https://rival.eu.token.example/rival/orders')
    })

    it('arrive behind other frames only where the proxy knows of them', async () => {
      const frames = [...doubtfulFrames(planted), ...framesBefore(planted)]
      const arrived = await smuggle(frames)
      expect(arrived.length).toBeGreaterThan(0)
      expect(arrived.length).toBeLessThan(frames.length / 2)
    })

    it('were tried on connections to Regent that carry requests of many callers', () => {
      const users = new Map<Socket, Set<string>>()
      for (const { socket, callers } of there.arrived)
        users.set(socket, new Set([...(users.get(socket) ?? []), ...callers]))
      expect([...users.values()].filter(({ size }) => size > 1).length).toBeGreaterThan(3)
    })

    it('without the proxy are noticed: they have no stamp', async () => {
      await exchange(there.world.port, planted, { silence: 500 })
      expect(there.faults()).toEqual([expect.stringContaining('arrived from 192.0.2.66')])
    })
  })
}
