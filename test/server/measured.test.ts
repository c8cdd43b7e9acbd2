/** What each request leaves in numbers, whichever door it takes: where it came to, what became of it, and how long it took. */
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Observation } from '../../src/observe/observation.ts'
import { openWorld, type Credentials, type World, type WorldWorkspace } from '../support/world.ts'

const TOKEN = '/oauth2/token'

describe.each([
  ['the fast lane', true],
  ['Express', false],
])('what is measured of requests through %s', (_door, fastLane) => {
  let world: World
  let orders: WorldWorkspace
  let robot: Credentials

  beforeAll(async () => {
    world = await openWorld({ regions: ['eu'], parts: { fastLane } })
    orders = await world.workspace('https://acme.eu.token.example/orders')
    robot = await orders.client('robot')
  })
  afterAll(() => world.close())
  beforeEach(() => {
    world.measured.length = 0
    world.seen.length = 0
  })

  const measured = (...types: Observation['type'][]) =>
    world.measured.filter(({ type }) => types.length === 0 || types.includes(type))
  const until = async (type: Observation['type']) => {
    for (let tries = 0; tries < 200 && measured(type).length === 0; tries++)
      await new Promise((resolve) => setTimeout(resolve, 20))
  }

  it('says which endpoint answered, with which status, after how long', async () => {
    await orders.token(robot).expect(200)
    await orders.token(robot, { scope: 'nothing' }).expect(400)
    await orders.get(`${orders.path}/.well-known/jwks.json`).expect(200)
    const answered = { type: 'request_answered', seconds: expect.any(Number) }
    expect(measured('request_answered')).toEqual([
      { ...answered, endpoint: TOKEN, status: 200 },
      { ...answered, endpoint: TOKEN, status: 400 },
      { ...answered, endpoint: '/.well-known/jwks.json', status: 200 },
    ])
    for (const one of measured('request_answered'))
      expect('seconds' in one && one.seconds > 0 && one.seconds < 60).toBe(true)
  })

  it('says which endpoint refused, and names none where the front door did', async () => {
    await orders.token(robot, { scope: 'nothing' }).expect(400)
    await orders.post('x'.repeat(20_000)).expect(413)
    await orders.get('/nothing/here').expect(404)
    const refused = world.seen.filter(({ type }) => type === 'request_refused')
    expect(refused).toMatchObject([
      { endpoint: TOKEN, reason: 'scope_not_granted' },
      { endpoint: TOKEN, reason: 'body_too_large' },
      { reason: 'unknown_address' },
    ])
    expect(refused.map((one) => 'endpoint' in one)).toEqual([true, true, false])
    expect(measured('request_answered')).toHaveLength(2)
  })

  it('says how many were answered together', async () => {
    await Promise.all(Array.from({ length: 8 }, () => orders.token(robot).expect(200)))
    const turns = measured('turn_taken').map((one) => ('requests' in one ? one.requests : 0))
    expect(turns.reduce((sum, requests) => sum + requests, 0)).toBe(8)
  })

  it('counts who went away before the answer as abandoned', async () => {
    const socket = connect(world.port, '127.0.0.1')
    await once(socket, 'connect')
    const head = [`POST ${orders.path}${TOKEN} HTTP/1.1`, `Host: ${orders.host}`, 'Content-Length: 100']
    socket.write(`${head.join('\r\n')}\r\n\r\nhalf`)
    await new Promise((resolve) => setTimeout(resolve, 50))
    socket.resetAndDestroy()
    await until('request_abandoned')
    expect(measured('request_answered', 'request_abandoned')).toEqual([
      { type: 'request_abandoned', endpoint: TOKEN },
    ])
    expect(world.seen).toEqual([])
  })
})
