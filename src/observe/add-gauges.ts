/** The metrics that are read when somebody asks: what is so at the moment, and what was counted elsewhere. */
import { Counter, Gauge, type Aggregator, type Registry } from 'prom-client'
import type { Gauges, RegionGauges } from './gauges.ts'

/** @param read undefined while there is nothing to read yet */
export function addGauges(registry: Registry, read: () => Gauges | undefined): void {
  const registers = [registry]
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

  /** Counted elsewhere, since the start. */
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

  now(
    'regent_tls_certificate_days',
    'Until the certificate of this node ends; absent where a proxy ends TLS.',
    ({ certificateEndsAt }) => certificateEndsAt && (certificateEndsAt - Date.now()) / 86_400_000,
    'min',
  )
  now('regent_hash_queue_waiting', 'bcrypt comparisons that wait.', (gauges) => gauges.hashesWaiting)
  now('regent_hash_queue_running', 'bcrypt comparisons that run.', (gauges) => gauges.hashesRunning)
  now(
    'regent_failing_pairs',
    'Client ids and networks that failed together lately.',
    (gauges) => gauges.failingPairs,
  )
  now(
    'regent_digests_waiting',
    'Digests of secrets that wait to be written.',
    (gauges) => gauges.digestsWaiting,
  )
  nowOfRegion(
    'regent_loads_waiting',
    'Clients and workspaces that wait to be read.',
    (gauges) => gauges.loadsWaiting,
  )
  nowOfRegion(
    'regent_paced_clients',
    'Client ids that failed lately: at most one reading a second for each.',
    ({ pacedClients }) => pacedClients,
  )
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

  nowOfRegion('regent_issuance_waiting', 'Rows that wait to be written.', ({ issuance }) => issuance.waiting)
  countedOfRegion('regent_issuance_rows_total', 'Rows written.', ({ issuance }) => issuance.rows)
  countedOfRegion(
    'regent_issuance_commits_total',
    'Commits that wrote rows.',
    ({ issuance }) => issuance.commits,
  )
  countedOfRegion(
    'regent_issuance_dropped_total',
    'Rows that the issuance log lacks.',
    ({ issuance }) => issuance.dropped,
  )
}
