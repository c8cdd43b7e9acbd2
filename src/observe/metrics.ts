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
import { addGauges } from './add-gauges.ts'
import { addRequestMetrics } from './add-request-metrics.ts'
import type { Gauges } from './gauges.ts'
import { addHistogram, buckets, type Buckets } from './histogram.ts'
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

/** Of rows in a commit: a batch has up to 500. */
const ROWS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 500]

/**
 * @param read undefined while there is nothing to read yet
 * @param logLinesDropped since the start
 */
export function openMetrics(
  read: () => Gauges | undefined,
  logLinesDropped: () => number = () => 0,
): Metrics {
  const registry = new Registry()
  const registers = [registry]
  // Of the process: CPU, memory, open files, delay of the event loop, garbage collection.
  collectDefaultMetrics({ register: registry })
  const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[] = []) =>
    new Counter({ name, help, labelNames, registers })
  const ofRegion = (name: string, help: string, aggregator: Aggregator) =>
    new Gauge({ name, help, aggregator, labelNames: ['region'], registers })
  const requests = addRequestMetrics(registry)
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

  const strays = ofRegion(
    'regent_issuance_stray_rows',
    "Rows that lie in no day's partition: see to it.",
    'max',
  )

  const expiring = new Gauge({
    name: 'regent_secrets_expiring',
    help: 'Secrets that live, and end within a day, a week, a month.',
    aggregator: 'max',
    labelNames: ['region', 'within'],
    registers,
  })

  const missing = ofRegion(
    'regent_master_keys_missing',
    'Master keys that something was sealed with and that this node lacks: see to it.',
    'max',
  )
  const rows = new Map<string, Buckets>()
  addHistogram(
    registry,
    { name: 'regent_issuance_commit_rows', help: 'Rows of the issuance log in one commit.', bounds: ROWS },
    () => Array.from(rows, ([region, one]) => [{ region }, one]),
  )
  registry.registerMetric(
    new Counter({
      name: 'regent_log_lines_dropped_total',
      help: 'Lines of the log that found no room.',
      registers: [],
      collect() {
        this.reset()
        this.inc(logLinesDropped())
      },
    }),
  )
  addGauges(registry, read)

  const observe = (observation: Observation): void => {
    switch (observation.type) {
      case 'token_issued':
        return requests.issued(observation.grantType)
      case 'request_answered':
        return requests.answered(observation.endpoint, observation.status, observation.seconds)
      case 'turn_taken':
        return requests.together(observation.requests)
      case 'request_refused':
        return requests.refused(observation)
      case 'request_abandoned':
        return requests.abandoned(observation.endpoint)
      case 'issuance_committed': {
        const known = rows.get(observation.region) ?? buckets(ROWS)
        rows.set(observation.region, known)
        return known.add(observation.rows)
      }
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
      case 'issuance_tended':
        return strays.set({ region: observation.region }, observation.strays)
      case 'master_keys_compared':
        return missing.set({ region: observation.region }, observation.missing.length)
      case 'worker_ended':
        return ended.inc()
      case 'secrets_expiring':
        for (const within of ['day', 'week', 'month'] as const)
          expiring.set({ region: observation.region, within }, observation[within])
        return
      case 'change_made':
      case 'secret_expiring':
      case 'workspace_emptied':
      case 'values_resealed':
      case 'keys_rotated':
      case 'audit_checkpoint':
      case 'audit_head_wrong':
      case 'database_found':
      case 'replica_lost':
      case 'replica_found':
      case 'clock_compared':
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
