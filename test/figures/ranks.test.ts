/** The statistics of figures, on lists whose answer is known. */
import { areaUnderCurve, chanceDistance, halves, largestDistance, shuffled, standardError } from './ranks.ts'

/** Numbers that look random and are always the same (Park and Miller). */
function random(seed: number): () => number {
  let state = seed
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
}
const list = (length: number, seed: number, more = 0) => {
  const next = random(seed)
  return Array.from({ length }, () => next() + more)
}

describe('comparing two lists of times', () => {
  it.each([
    [[1, 2], [3, 4], 0, 1],
    [[3, 4], [1, 2], 1, 1],
    [[1, 4], [2, 3], 0.5, 0.5],
    [[1, 1], [1, 1], 0.5, 0],
    [[1, 2], [1, 2, 2, 2], 0.375, 0.25],
    [[2], [1, 2, 3], 0.5, 1 / 3],
  ])('of %j and %j the area is %d, the distance %d', (ones, others, area, distance) => {
    expect(areaUnderCurve(ones, others)).toBeCloseTo(area, 10)
    expect(largestDistance(ones, others)).toBeCloseTo(distance, 10)
  })

  it('lists that are drawn alike stay within what chance does', () => {
    const [areas, distances] = [[] as number[], [] as number[]]
    for (let trial = 1; trial <= 200; trial++) {
      const [ones, others] = halves(list(400, trial), random(1000 + trial))
      areas.push((areaUnderCurve(ones, others) - 0.5) / standardError(200, 200))
      distances.push(largestDistance(ones, others) / chanceDistance(200, 200))
    }
    const spread = Math.sqrt(areas.reduce((sum, value) => sum + value ** 2, 0) / areas.length)
    expect(spread).toBeGreaterThan(0.85)
    expect(spread).toBeLessThan(1.15)
    // Two of 200 are expected.
    expect(distances.filter((value) => value > 1).length).toBeLessThanOrEqual(7)
  })

  it('sees a shift of a thirtieth of the spread in 20,000, which is the bound of the promise', () => {
    const area = areaUnderCurve(list(20_000, 1), list(20_000, 2, 1 / 30))
    expect(0.5 - area).toBeGreaterThan(0.02)
    expect(0.5 - area).toBeLessThan(0.045)
  })

  it('halves and orders lose nothing', () => {
    const numbers = list(101, 3)
    for (const order of [halves(numbers).flat(), shuffled(numbers)]) {
      expect(order).not.toEqual(numbers)
      expect(order.toSorted((a, b) => a - b)).toEqual(numbers.toSorted((a, b) => a - b))
    }
  })
})
