/**
 * A request planted behind or inside another (RFC 9112 §11.2), sent to Regent itself. It carries the right credentials of
 * another tenant: whoever takes it for a request gives itself away by a token.
 */
import { encodeForm, openWorld, type World } from '../support/world.ts'
import { contestedFrames, doubtfulFrames, type Frame } from './frames.ts'
import { issuerOf } from './issuer.ts'
import { plantedRequest, smuggling } from './planted.ts'
import { exchange, pooled } from './raw.ts'

const TAKEN = 'https://rival.eu.token.example/rival/orders'

/** Those that have one reading, by which the planted request stands behind the frame: a caller's second request. */
const PLAIN = [
  'chunked as it is, without a length',
  'chunked in mixed case, without a length',
  'chunked with a tab, without a length',
  // RFC 9110 §7.6.1: only a proxy takes fields of a connection away.
  'chunked named as of this connection only, without a length',
  'lengths: one of this connection only, in the other order',
  // Another header.
  'chunked with an underscore, and a length of the first line',
  'lengths: one with an underscore, in the other order',
  // RFC 9110 §6.5.1: trailers are no headers.
  'chunks: a trailer that is a Host',
]

describe('T41 smuggled requests, without a proxy', () => {
  let world: World
  let planted: string

  beforeAll(async () => {
    world = await openWorld()
    await world.workspace('https://acme.eu.token.example/orders')
    const rival = await world.workspace('https://rival.eu.token.example/orders')
    const { id, secret } = await rival.client('robot')
    planted = plantedRequest(
      encodeForm({ grant_type: 'client_credentials', client_id: id, client_secret: secret }),
    )
  })
  afterAll(() => world.close())

  /** @returns what each was answered: statuses, and whom a token is from */
  const answersTo = async (frames: readonly Frame[]) => {
    const found = new Map<string, readonly (string | number)[]>()
    await pooled(
      frames,
      async (frame) => {
        const { answers } = await exchange(world.port, smuggling(frame), { silence: 1000 })
        const final = answers.filter(({ status }) => status >= 200)
        found.set(
          frame[0],
          final.map((answer) => (answer.status === 200 ? (issuerOf(answer) ?? '') : answer.status)),
        )
      },
      16,
    )
    expect(found.size).toBe(frames.length)
    return [...found]
  }

  it('has one answer to a frame that two readers end in two places', async () => {
    const found = await answersTo(contestedFrames(planted))
    expect(found.filter(([, answers]) => answers.join() !== '400')).toEqual([])
  })

  it('takes what stands behind a frame for a request only where the frame has one reading', async () => {
    const found = await answersTo(doubtfulFrames(planted))
    const taken = found.filter(([, answers]) => answers.includes(TAKEN)).map(([frame]) => frame)
    expect(taken.toSorted()).toEqual(PLAIN.toSorted())
    const refused = found.filter(([frame]) => !PLAIN.includes(frame))
    expect(refused.filter(([, answers]) => answers.some((answer) => answer !== 400))).toEqual([])
    expect(refused.filter(([, answers]) => answers.length !== 1).map(([frame]) => frame)).toEqual([
      // No chunks: the frame ends with the headers, and what comes next is no request.
      'chunked with an underscore, without a length',
    ])
  })
})
