/**
 * The metrics, in the text format of Prometheus: a sink beside the log. What happened is counted as it is observed; what
 * is so at the moment is read when somebody asks. Labels are regions, statuses and words of closed lists, never a name of
 * a tenant, a client or a caller: whoever sends requests cannot make series.
 */
import {
  AggregatorRegistry,
  collectDefaultMetrics,
  Counter,
  Gauge,
  Registry,
  type Aggregator,
} from 'prom-client'
import type { Gauges, RegionGauges } from './gauges.ts'
import type { Observation, Observe } from './observation.ts'

export type Metrics = {
  readonly observe: Observe
  readonly contentType: string
  print(): Promise<string>
  /** As values that another process can add up. */
  read(): Promise<MetricValues>
}

/** Of one process. */
export type MetricValues = Awaited<ReturnType<Registry['getMetricsAsJSON']>>

/** Of the processes of a node: what is counted is added up, of what is so at the moment each metric says what holds for all. */
export function printTogether(values: readonly MetricValues[]): Promise<string> {
  return AggregatorRegistry.aggregate([...values]).metrics()
}

/** @param read undefined while there is nothing to read yet */
export function openMetrics(read: () => Gauges | undefined): Metrics {
  const registry = new Registry()
  const registers = [registry]
  // Of the process: CPU, memory, open files, delay of the event loop, garbage collection.
  collectDefaultMetrics({ register: registry })
  const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[] = []) =>
    new Counter({ name, help, labelNames, registers })
  const ofRegion = (name: string, help: string, aggregator: Aggregator) =>
    new Gauge({ name, help, aggregator, labelNames: ['region'], registers })
  const now = (
    name: string,
    help: string,
    value: (gauges: Gauges) => number | undefined,
    aggregator: Aggregator = 'sum',
  ) =>
    new Gauge({
      name,
      help,
      aggregator,
      // Without a label, prom-client says 0 where nothing was ever set.
      labelNames: [],
      registers,
      collect() {
        const gauges = read()
        const is = gauges && value(gauges)
        if (is === undefined) this.remove()
        else this.set(is)
      },
    })
  const nowOfRegion = (
    name: string,
    help: string,
    value: (gauges: RegionGauges) => number,
    aggregator: Aggregator = 'sum',
  ) =>
    new Gauge({
      name,
      help,
      aggregator,
      labelNames: ['region'],
      registers,
      collect() {
        for (const gauges of read()?.regions ?? []) this.set({ region: gauges.region }, value(gauges))
      },
    })

  const issued = counter('regent_tokens_issued_total', 'Access tokens issued.', ['grant_type'])
  const refused = counter('regent_requests_refused_total', 'Requests refused, by status and reason.', [
    'status',
    'reason',
  ])
  const faults = counter('regent_server_errors_total', 'Faults, of the database too.')
  const ended = counter('regent_workers_ended_total', 'Worker processes that died, and were replaced.')
  const emptied = counter('regent_memory_emptied_total', 'Times that a region was forgotten.', ['region'])
  const lost = counter('regent_database_lost_total', 'Times that a database was given up.', ['region'])
  const listening = ofRegion('regent_listening', '1 while notifications of changes come.', 'min')
  const connections = ofRegion(
    'regent_region_connections',
    'Connections that live nodes may open, together.',
    'max',
  )
  const limit = ofRegion('regent_region_connections_limit', 'Connections that the database takes.', 'max')

  now(
    'regent_tls_certificate_days',
    'Until the certificate of this node ends; absent where a proxy ends TLS.',
    ({ certificateEndsAt }) => certificateEndsAt && (certificateEndsAt - Date.now()) / 86_400_000,
    'min',
  )
  now('regent_hash_queue_waiting', 'bcrypt comparisons that wait.', (gauges) => gauges.hashesWaiting)
  now('regent_hash_queue_running', 'bcrypt comparisons that run.', (gauges) => gauges.hashesRunning)
  nowOfRegion('regent_memory_clients', 'Clients remembered.', ({ clients }) => clients)
  nowOfRegion('regent_memory_workspaces', 'Workspaces remembered.', ({ workspaces }) => workspaces)
  nowOfRegion('regent_feed_age_seconds', 'Since changes were read.', ({ feedAge }) => feedAge, 'max')
  nowOfRegion(
    'regent_database_answers',
    '0 while the database is given up.',
    (gauges) => Number(gauges.databaseAnswers),
    'min',
  )
  nowOfRegion(
    'regent_clock_skew_seconds',
    "The node's clock ahead of the database's.",
    ({ clockSkew }) => clockSkew,
    'first',
  )

  const countedOfRegion = (name: string, help: string, value: (gauges: RegionGauges) => number) =>
    new Counter({
      name,
      help,
      labelNames: ['region'],
      registers,
      collect() {
        this.reset()
        for (const gauges of read()?.regions ?? []) this.inc({ region: gauges.region }, value(gauges))
      },
    })
  countedOfRegion(
    'regent_memory_hits_total',
    'Questions that memory could answer.',
    ({ lookups }) => lookups.hits,
  )
  countedOfRegion(
    'regent_memory_misses_total',
    'Questions that memory could not answer.',
    ({ lookups }) => lookups.misses,
  )
  nowOfRegion(
    'regent_signing_key_age_seconds',
    'Of the oldest key that signs, in the workspaces remembered.',
    ({ signingSince }) => (signingSince === undefined ? 0 : Date.now() / 1000 - signingSince),
    'max',
  )

  const observe = (observation: Observation): void => {
    switch (observation.type) {
      case 'token_issued':
        return issued.inc({ grant_type: observation.grantType })
      case 'request_refused':
        return refused.inc({ status: observation.status, reason: observation.reason })
      case 'server_error':
        return faults.inc()
      case 'memory_emptied':
        return emptied.inc({ region: observation.region })
      case 'database_lost':
        return lost.inc({ region: observation.region })
      case 'listening':
        return listening.set({ region: observation.region }, Number(observation.listening))
      case 'connections_counted':
        connections.set({ region: observation.region }, observation.connections)
        return limit.set({ region: observation.region }, observation.limit)
      case 'database_found':
      case 'replica_lost':
      case 'replica_found':
      case 'clock_compared':
      case 'worker_ended':
        return ended.inc()
      case 'certificate_replaced':
      case 'clock_jumped':
      case 'server_started':
      case 'server_stopping':
      case 'server_stopped':
      case 'warning':
        return // For the log; what is so of the database and the clock is read.
    }
  }
  return {
    observe,
    contentType: registry.contentType,
    print: () => registry.metrics(),
    read: () => registry.getMetricsAsJSON(),
  }
}
