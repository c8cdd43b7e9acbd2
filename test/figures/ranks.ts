/**
 * Whether two lists of times can be told apart: the area under the ROC curve (Mann and Whitney), which is the chance that one
 * of the first is larger than one of the second; the largest distance between their distributions (Kolmogorov and Smirnov),
 * which is what the best single threshold could win; and how far both stray from "nothing" by chance.
 */

/** By ranks; ties count half. 0.5: neither list tends to be larger. */
export function areaUnderCurve(ones: readonly number[], others: readonly number[]): number {
  let ranks = 0
  let rank = 0
  for (const { first, second } of steps(ones, others)) {
    ranks += first * (rank + (first + second + 1) / 2)
    rank += first + second
  }
  return (ranks - (ones.length * (ones.length + 1)) / 2) / (ones.length * others.length)
}

/**
 * Of the area, when both lists are drawn alike: whatever they look like, for it counts ranks only. Attempts that were put in
 * a random order are drawn alike, though what is measured drifts.
 */
export function standardError(ones: number, others: number): number {
  return Math.sqrt((ones + others + 1) / (12 * ones * others))
}

/** From 0, the same distribution, to 1, apart: the share of the one list below some time less that of the other. */
export function largestDistance(ones: readonly number[], others: readonly number[]): number {
  let largest = 0
  let below = 0
  for (const { first, second } of steps(ones, others)) {
    below += first / ones.length - second / others.length
    largest = Math.max(largest, Math.abs(below))
  }
  return largest
}

/** Passed by chance once in a hundred pairs of such lists, when both are drawn alike. */
export function chanceDistance(ones: number, others: number): number {
  return 1.628 * Math.sqrt((ones + others) / (ones * others))
}

/** Each list at random in two: whatever a comparison of the halves finds is noise. */
export function halves(list: readonly number[], random = Math.random): [number[], number[]] {
  const order = shuffled(list, random)
  const middle = Math.floor(order.length / 2)
  return [order.slice(0, middle), order.slice(middle)]
}

export function shuffled<Item>(list: readonly Item[], random = Math.random): Item[] {
  return list
    .map((item) => ({ item, at: random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item)
}

export function median(list: readonly number[]): number {
  return list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN
}

/** How many of each list have a value, for each value from the lowest. */
function* steps(ones: readonly number[], others: readonly number[]) {
  const one = Float64Array.from(ones).toSorted()
  const other = Float64Array.from(others).toSorted()
  let at = 0
  let beside = 0
  while (at < one.length || beside < other.length) {
    const value = Math.min(one[at] ?? Infinity, other[beside] ?? Infinity)
    const [from, fromBeside] = [at, beside]
    while (one[at] === value) at += 1
    while (other[beside] === value) beside += 1
    yield { first: at - from, second: beside - fromBeside }
  }
}
