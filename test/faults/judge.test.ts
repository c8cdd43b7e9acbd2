/** What fails a fault of the bench, one count at a time. */
import { judge, type Observed } from './judge.ts'
import { openTally } from './load/tally.ts'

const tally = openTally(['node-1', 'node-2'])
tally.issued('node-1')
const fine: Observed = {
  tally: { ...tally.close(), longestGap: 10 },
  events: { must: { kills: 1 }, never: { lost: 0 }, times: { back: { took: 10, allowed: 20 } } },
  notMended: undefined,
  acknowledgedAndLost: 0,
  gapsInFeed: 0,
  exits: 0,
  unready: 0,
  sharedKids: 0,
}
const strictly = { failures: 'none', gap: 250 } as const
const withTally = (more: Partial<Observed['tally']>): Observed => ({
  ...fine,
  tally: { ...fine.tally, ...more },
})

describe('a fault of the bench', () => {
  it('is fine when nothing of it is wrong', () => expect(judge(strictly, fine, true)).toEqual([]))

  it.each<[string, Observed, RegExp]>([
    ['a wrong token', withTally({ wrong: { aud: 1 } }), /^wrong tokens: 1 \(aud: 1\)$/],
    ['a refusal of a right client', withTally({ refused: { '401 invalid_client': 2 } }), /^wrong answers: 2/],
    ['a failed request', withTally({ failed: { '503': 1 } }), /^failed requests: 1/],
    ['a request that failed twice', withTally({ lost: 1 }), /second node/],
    ['a document that was not served', withTally({ documentsFailed: 1 }), /^documents/],
    ['no token at all', withTally({ issued: 0 }), /nothing was checked/],
    ['a kid of two workspaces', { ...fine, sharedKids: 1 }, /^kids/],
    ['a lost change', { ...fine, acknowledgedAndLost: 1 }, /acknowledged and lost/],
    ['a gap in the feed', { ...fine, gapsInFeed: 1 }, /^gaps/],
    ['a node that ended', { ...fine, exits: 1 }, /by themselves/],
    ['a node that was not ready', { ...fine, unready: 1 }, /not ready/],
    ['what was not mended', { ...fine, notMended: 'node-1 does not run' }, /^not mended: node-1/],
    ['what must not happen', { ...fine, events: { never: { lost: 1 } } }, /^lost: 1$/],
    ['a fault that was none', { ...fine, events: { must: { kills: 0 } } }, /did not happen: kills/],
    ['a count that is none', { ...fine, events: { must: { kills: Number.NaN } } }, /did not happen: kills/],
  ])('fails by %s', (_case, observed, sentence) => {
    const faults = judge(strictly, observed, false)
    expect(faults).toHaveLength(1)
    expect(faults[0]).toMatch(sentence)
  })

  it('fails by times under --strict only', () => {
    const slow = { ...withTally({ longestGap: 251 }), events: { times: { back: { took: 21, allowed: 20 } } } }
    expect(judge(strictly, slow, false)).toEqual([])
    expect(judge(strictly, slow, true)).toHaveLength(2)
  })

  it('lets requests fail once, or at all, only where nobody can do better', () => {
    const once = withTally({ failed: { ECONNREFUSED: 3 } })
    const twice = withTally({ failed: { ECONNREFUSED: 3 }, lost: 1 })
    expect(judge({ failures: 'once' }, once, false)).toEqual([])
    expect(judge({ failures: 'once' }, twice, false)).toHaveLength(1)
    expect(judge({ failures: 'some' }, twice, false)).toEqual([])
    expect(judge({ failures: 'some', unready: true }, { ...twice, unready: 3 }, false)).toEqual([])
  })

  it('counts the time since the last token as a gap, of each node too', () => {
    let now = 0
    const open = openTally(['a', 'b'], () => now)
    for (const [at, node] of [
      [100, 'a'],
      [150, 'a'],
      [400, 'b'],
    ] as const) {
      now = at
      open.issued(node)
    }
    now = 1000
    expect(open.close()).toMatchObject({ issued: 3, longestGap: 600, longestGapOfNode: { a: 850, b: 600 } })
  })
})
