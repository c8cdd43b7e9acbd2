/**
 * Histograms for the token path: a value is counted in an array, in some nanoseconds, and made into what Prometheus reads
 * when somebody asks. prom-client's own look their labels up for each value, which takes a hundred times as long.
 */
import type { Histogram, Registry } from 'prom-client'

export type Buckets = {
  add(value: number): void
  /** How many were at or below each bound and above the one before it, those above all of them last; and their sum. */
  read(): { readonly counts: readonly number[]; readonly sum: number }
}

/** @param bounds upper ones, ascending; what lies on one is within it */
export function buckets(bounds: readonly number[]): Buckets {
  const counts = new Float64Array(bounds.length + 1)
  let sum = 0
  return {
    add(value) {
      let at = 0
      while (at < bounds.length && value > (bounds[at] ?? 0)) at += 1
      counts[at] = (counts[at] ?? 0) + 1
      sum += value
    },
    read: () => ({ counts: [...counts], sum }),
  }
}

export type Labels = Readonly<Record<string, string>>

/** @param series what there is of it, asked at each reading */
export function addHistogram(
  registry: Registry,
  {
    name,
    help,
    bounds,
  }: { readonly name: string; readonly help: string; readonly bounds: readonly number[] },
  series: () => Iterable<readonly [Labels, Buckets]>,
): void {
  const get = async () => ({
    name,
    help,
    type: 'histogram',
    aggregator: 'sum',
    values: Array.from(series(), ([labels, one]) => printed(name, bounds, labels, one)).flat(),
  })
  // prom-client asks for a metric's name and its values, and has no word for what is counted elsewhere in buckets.
  registry.registerMetric({ name, get, reset: () => {} } as unknown as Histogram)
}

function printed(name: string, bounds: readonly number[], labels: Labels, one: Buckets) {
  const { counts, sum } = one.read()
  let total = 0
  const cumulative = counts.map((count, at) => {
    total += count
    return {
      metricName: `${name}_bucket`,
      labels: { le: String(bounds[at] ?? '+Inf'), ...labels },
      value: total,
    }
  })
  return [
    ...cumulative,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: total },
  ]
}
