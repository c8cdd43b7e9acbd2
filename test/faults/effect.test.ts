/** Readings of the feed between an acknowledgement and a token: only those that surely began after it count. */
import { disobedience, type Effect } from './effect.ts'
import { countReadings } from './obedience.ts'

/** @param seen when the last reading began: not before, not after */
async function count(...seen: readonly (readonly [number, number] | undefined)[]) {
  let at = 0
  const feed = countReadings(
    async () => seen[at++],
    () => 100,
  )
  while (at < seen.length) await feed.look()
  return feed.count()
}
const fine: Effect = {
  lastToken: 900,
  tokensAfter: 60,
  readings: 0,
  asked: 99,
  cameBack: 0,
  deaf: 0,
  wrong: 0,
}

describe('a reading of the feed', () => {
  it.each<[string, readonly (readonly [number, number] | undefined)[], number]>([
    ['that began before does not count', [[90, 95]], 0],
    ['that may have begun before does not count', [[99, 104]], 0],
    ['that began afterwards counts', [[90, 95], [101, 104]], 1], // prettier-ignore
    ['that is seen twice counts once', [[101, 104], [102, 105], [103, 103]], 1], // prettier-ignore
    ['counts when it is another one', [[101, 104], [105, 108]], 2], // prettier-ignore
    ['that a node says nothing of does not count', [undefined, undefined], 0],
  ])('%s', async (_title, seen, expected) => {
    expect(await count(...seen)).toBe(expected)
  })
})

describe('a change that was tried', () => {
  const broken = (effect: Partial<Effect>) =>
    Object.values(disobedience([fine, { ...fine, ...effect }])).reduce((sum, each) => sum + each, 0)
  it.each<[string, Partial<Effect>, number]>([
    ['is fine while the feed was not read since', {}, 0],
    ['is not, when a token is asked for after a reading', { readings: 1 }, 1],
    ['is not, when a node never obeyed', { deaf: 1 }, 1],
    ['is not, when a node went back', { cameBack: 1 }, 1],
    ['is not, when an answer is wrong', { wrong: 1 }, 1],
  ])('%s', (_title, effect, expected) => expect(broken(effect)).toBe(expected))
})
