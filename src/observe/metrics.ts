/**
 * The metrics, in the text format of Prometheus: a sink beside the log. What happened is counted as it is observed; what
 * is so at the moment is read when somebody asks. Labels are regions, statuses and words of closed lists, never a name of
 * a tenant, a client or a caller: whoever sends requests cannot make series.
 */
import { Counter, Gauge, Registry } from 'prom-client'
import type { Observation, Observe } from './observation.ts'

/** What is so at the moment, in a node. */
export type Gauges = {
  /** bcrypt comparisons. */
  readonly hashesWaiting: number
  readonly hashesRunning: number
  readonly regions: readonly RegionGauges[]
}

export type RegionGauges = {
  readonly region: string
  readonly clients: number
  readonly workspaces: number
  /** Seconds since the feed was read. */
  readonly feedAge: number
  /** False while the database is given up. */
  readonly databaseAnswers: boolean
  /** Seconds that the node is ahead of the database. */
  readonly clockSkew: number
  /** Of the issuance log: rows that wait; and since the start, rows written, their commits, and rows dropped. */
  readonly issuance: {
    readonly waiting: number
    readonly rows: number
    readonly commits: number
    readonly dropped: number
  }
}

export type Metrics = {
  readonly observe: Observe
  readonly contentType: string
  print(): Promise<string>
}

/** @param read undefined while there is nothing to read yet */
export function openMetrics(read: () => Gauges | undefined): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[] = []) =>
    new Counter({ name, help, labelNames, registers })
  const ofRegion = (name: string, help: string) =>
    new Gauge({ name, help, labelNames: ['region'], registers })
  const now = (name: string, help: string, value: (gauges: Gauges) => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        const gauges = read()
        if (gauges !== undefined) this.set(value(gauges))
      },
    })
  const nowOfRegion = (name: string, help: string, value: (gauges: RegionGauges) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ['region'],
      registers,
      collect() {
        for (const gauges of read()?.regions ?? []) this.set({ region: gauges.region }, value(gauges))
      },
    })

  /** Counted elsewhere, since the start. */
  const countOfRegion = (name: string, help: string, value: (gauges: RegionGauges) => number) =>
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

  const issued = counter('regent_tokens_issued_total', 'Access tokens issued.', ['grant_type'])
  const refused = counter('regent_requests_refused_total', 'Requests refused, by status and reason.', [
    'status',
    'reason',
  ])
  const faults = counter('regent_server_errors_total', 'Faults, of the database too.')
  const emptied = counter('regent_memory_emptied_total', 'Times that a region was forgotten.', ['region'])
  const lost = counter('regent_database_lost_total', 'Times that a database was given up.', ['region'])
  const listening = ofRegion('regent_listening', '1 while notifications of changes come.')
  const connections = ofRegion('regent_region_connections', 'Connections that live nodes may open, together.')
  const limit = ofRegion('regent_region_connections_limit', 'Connections that the database takes.')

  const strays = ofRegion('regent_issuance_stray_rows', "Rows that lie in no day's partition: see to it.")

  now('regent_hash_queue_waiting', 'bcrypt comparisons that wait.', (gauges) => gauges.hashesWaiting)
  now('regent_hash_queue_running', 'bcrypt comparisons that run.', (gauges) => gauges.hashesRunning)
  nowOfRegion('regent_memory_clients', 'Clients remembered.', ({ clients }) => clients)
  nowOfRegion('regent_memory_workspaces', 'Workspaces remembered.', ({ workspaces }) => workspaces)
  nowOfRegion('regent_feed_age_seconds', 'Since changes were read.', ({ feedAge }) => feedAge)
  nowOfRegion('regent_database_answers', '0 while the database is given up.', (gauges) =>
    Number(gauges.databaseAnswers),
  )
  nowOfRegion(
    'regent_clock_skew_seconds',
    "The node's clock ahead of the database's.",
    ({ clockSkew }) => clockSkew,
  )

  nowOfRegion('regent_issuance_waiting', 'Rows that wait to be written.', ({ issuance }) => issuance.waiting)
  countOfRegion('regent_issuance_rows_total', 'Rows written.', ({ issuance }) => issuance.rows)
  countOfRegion(
    'regent_issuance_commits_total',
    'Commits that wrote rows.',
    ({ issuance }) => issuance.commits,
  )
  countOfRegion(
    'regent_issuance_dropped_total',
    'Rows that the issuance log lacks.',
    ({ issuance }) => issuance.dropped,
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
      case 'issuance_tended':
        return strays.set({ region: observation.region }, observation.strays)
      case 'database_found':
      case 'clock_compared':
      case 'server_started':
      case 'server_stopping':
      case 'server_stopped':
      case 'warning':
        return // For the log; what is so of the database and the clock is read.
    }
  }
  return { observe, contentType: registry.contentType, print: () => registry.metrics() }
}
