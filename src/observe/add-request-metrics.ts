/**
 * The metrics of requests: how many, what became of them, how long they took, and how many were answered together. What each
 * token leaves is counted here, and given to prom-client when somebody asks.
 */
import { Counter, type Registry } from 'prom-client'
import { addHistogram, buckets, type Buckets } from './histogram.ts'

/** Seconds: a warm token takes part of a millisecond, a comparison by bcrypt 60 of them, a failing attempt a second. */
const LATENCIES = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
/** 64 are answered before the sockets are looked at again. */
const TOGETHER = [1, 2, 4, 8, 16, 32, 64]

type Refusal = { readonly endpoint?: string; readonly status: number; readonly reason: string }

export function addRequestMetrics(registry: Registry) {
  const issued = new Map<string, number>()
  /** By endpoint and status: of what was answered with a token or a document, and of refusals. */
  const latencies = new Map<string, Map<number, Buckets>>()
  const together = buckets(TOGETHER)
  const series = () =>
    Array.from(latencies, ([endpoint, byStatus]) =>
      Array.from(byStatus, ([status, one]) => ({ endpoint, status, one })),
    ).flat()

  registry.registerMetric(
    new Counter({
      name: 'regent_tokens_issued_total',
      help: 'Access tokens issued.',
      labelNames: ['grant_type'],
      registers: [],
      collect() {
        this.reset()
        for (const [grantType, count] of issued) this.inc({ grant_type: grantType }, count)
      },
    }),
  )
  const requests = new Counter({
    name: 'regent_requests_total',
    help: 'Requests, by what became of them: answered, refused (and why), failed, or abandoned by their caller.',
    labelNames: ['endpoint', 'outcome', 'status', 'reason'],
    registers: [registry],
    collect() {
      for (const { endpoint, status, one } of series()) {
        if (status >= 400) continue
        const labels = { endpoint, outcome: 'answered', status: String(status), reason: '' }
        this.remove(labels)
        this.inc(
          labels,
          one.read().counts.reduce((sum, count) => sum + count, 0),
        )
      }
    },
  })
  addHistogram(
    registry,
    {
      name: 'regent_request_seconds',
      help: 'From the headers of a request to its answer, where it came to an endpoint.',
      bounds: LATENCIES,
    },
    () => series().map(({ endpoint, status, one }) => [{ endpoint, status: String(status) }, one] as const),
  )
  addHistogram(
    registry,
    { name: 'regent_turn_requests', help: 'Requests answered together, in one turn.', bounds: TOGETHER },
    () => [[{}, together]],
  )

  return {
    issued(grantType: string): void {
      issued.set(grantType, (issued.get(grantType) ?? 0) + 1)
    },

    /** Refusals too: their reasons are counted by `refused`. */
    answered(endpoint: string, status: number, seconds: number): void {
      const known = latencies.get(endpoint)?.get(status)
      if (known !== undefined) return known.add(seconds)
      const byStatus = latencies.get(endpoint) ?? new Map<number, Buckets>()
      const first = buckets(LATENCIES)
      latencies.set(endpoint, byStatus.set(status, first))
      first.add(seconds)
    },

    together: (count: number): void => together.add(count),

    refused({ endpoint = 'none', status, reason }: Refusal): void {
      const outcome = status >= 500 ? 'failed' : 'refused'
      requests.inc({ endpoint, outcome, status: String(status), reason })
    },

    abandoned(endpoint: string): void {
      requests.inc({ endpoint, outcome: 'abandoned', status: '', reason: '' })
    },
  }
}
