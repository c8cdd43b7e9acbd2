/** What is counted, what is read at the moment of the question, and that requests cannot make series. */
import { openMetrics, printTogether } from '../../src/observe/metrics.ts'
import type { Gauges } from '../../src/observe/gauges.ts'
import type { Observation } from '../../src/observe/observation.ts'

const ISSUANCE = { waiting: 4, rows: 320, commits: 10, dropped: 2 }
const NO_ISSUANCE = { waiting: 0, rows: 0, commits: 0, dropped: 0 }
const GAUGES: Gauges = {
  certificateEndsAt: undefined,
  hashesWaiting: 3,
  hashesRunning: 1,
  failingPairs: 9,
  digestsWaiting: 5,
  regions: [
    {
      region: 'eu',
      clients: 7,
      workspaces: 2,
      loadsWaiting: 6,
      pacedClients: 8,
      feedAge: 0.5,
      databaseAnswers: true,
      clockSkew: -0.25,
      lookups: { hits: 12, misses: 3 },
      signingSince: Date.now() / 1000 - 3600,
      issuance: ISSUANCE,
    },
    {
      region: 'us',
      clients: 0,
      workspaces: 0,
      loadsWaiting: 0,
      pacedClients: 0,
      feedAge: Infinity,
      databaseAnswers: false,
      clockSkew: 0,
      lookups: { hits: 0, misses: 0 },
      signingSince: undefined,
      issuance: NO_ISSUANCE,
    },
  ],
}
const TOKEN = '/oauth2/token'
const answered = (seconds: number, status = 200): Observation => ({
  type: 'request_answered',
  endpoint: TOKEN,
  status,
  seconds,
})
const issuedTo = (clientId: string): Observation => ({
  type: 'token_issued',
  requestId: clientId,
  issuer: `https://${clientId}.example/a/b`,
  clientId,
  credentialId: clientId,
  grantType: 'client_credentials',
  scope: clientId,
  tokenId: clientId,
})
const refusalOf = (peer: string, status = 401): Observation => ({
  type: 'request_refused',
  endpoint: TOKEN,
  requestId: peer,
  peer,
  status,
  code: 'invalid_client',
  reason: 'client_unknown',
})

async function printed(
  observations: readonly Observation[],
  gauges: () => Gauges | undefined = () => GAUGES,
) {
  const metrics = openMetrics(gauges)
  for (const observation of observations) metrics.observe(observation)
  const lines = (await metrics.print()).split('\n')
  return lines.filter((line) => line !== '' && !line.startsWith('#'))
}

describe('the metrics', () => {
  it.each([
    [issuedTo('a'), 'regent_tokens_issued_total{grant_type="client_credentials"} 2'],
    [
      refusalOf('a'),
      'regent_requests_total{endpoint="/oauth2/token",outcome="refused",status="401",reason="client_unknown"} 2',
    ],
    [
      refusalOf('a', 503),
      'regent_requests_total{endpoint="/oauth2/token",outcome="failed",status="503",reason="client_unknown"} 2',
    ],
    [
      { ...refusalOf('a', 404), endpoint: undefined },
      'regent_requests_total{endpoint="none",outcome="refused",status="404",reason="client_unknown"} 2',
    ],
    [
      { type: 'request_abandoned', endpoint: TOKEN },
      'regent_requests_total{endpoint="/oauth2/token",outcome="abandoned",status="",reason=""} 2',
    ],
    [
      answered(0.1),
      'regent_requests_total{endpoint="/oauth2/token",outcome="answered",status="200",reason=""} 2',
    ],
    [answered(0.1), 'regent_request_seconds_count{endpoint="/oauth2/token",status="200"} 2'],
    [answered(0.1, 401), 'regent_request_seconds_count{endpoint="/oauth2/token",status="401"} 2'],
    [{ type: 'turn_taken', requests: 3 }, 'regent_turn_requests_sum 6'],
    [
      { type: 'issuance_committed', region: 'eu', rows: 7 },
      'regent_issuance_commit_rows_sum{region="eu"} 14',
    ],
    [{ type: 'worker_ended', pid: 1, code: 1, signal: null }, 'regent_workers_ended_total 2'],
    [{ type: 'server_error', requestId: 'a', error: new Error('a') }, 'regent_server_errors_total 2'],
    [{ type: 'memory_emptied', region: 'eu', feedNumber: 1 }, 'regent_memory_emptied_total{region="eu"} 2'],
    [{ type: 'database_lost', region: 'us', error: 'a' }, 'regent_database_lost_total{region="us"} 2'],
  ] as [Observation, string][])('count %j', async (observation, line) => {
    expect(await printed([observation, observation])).toContain(line)
  })

  it('count into the bucket of a value and all above it, bounds within (Prometheus, histograms)', async () => {
    const lines = await printed([0.0004, 0.001, 0.0011, 3, 99].map((seconds) => answered(seconds)))
    const ofLatency = lines.filter((line) => line.startsWith('regent_request_seconds'))
    expect(ofLatency.map((line) => line.replace(/^regent_request_seconds_|,?endpoint.*200"/g, ''))).toEqual([
      'bucket{le="0.0005"} 1',
      'bucket{le="0.001"} 2',
      ...['0.0025', '0.005', '0.01', '0.025', '0.05', '0.1', '0.25', '0.5', '1', '2.5'].map(
        (bound) => `bucket{le="${bound}"} 3`,
      ),
      'bucket{le="5"} 4',
      'bucket{le="10"} 4',
      'bucket{le="+Inf"} 5',
      `sum{} ${0.0004 + 0.001 + 0.0011 + 3 + 99}`,
      'count{} 5',
    ])
  })

  it('count no refusal as answered, and nothing twice when they are asked twice', async () => {
    const metrics = openMetrics(() => GAUGES)
    for (const one of [answered(1), answered(1, 401), refusalOf('a')]) metrics.observe(one)
    await metrics.print()
    const lines = (await metrics.print())
      .split('\n')
      .filter((line) => line.startsWith('regent_requests_total'))
    expect(lines.map((line) => line.replace(/.*outcome="(\w+)".*\}/, '$1'))).toEqual([
      'refused 1',
      'answered 1',
    ])
  })

  it('of several processes are added up, buckets too', async () => {
    const each = [[answered(0.001), answered(0.1)], [answered(0.1), refusalOf('a')], []]
    const values = await Promise.all(
      each.map((observations) => {
        const metrics = openMetrics(
          () => GAUGES,
          () => 2,
        )
        for (const one of observations) metrics.observe(one)
        return metrics.read()
      }),
    )
    // As they come from another process.
    const text = await printTogether(structuredClone(values))
    const series = 'endpoint="/oauth2/token",status="200"'
    for (const line of [
      `regent_request_seconds_bucket{le="0.0005",${series}} 0`,
      `regent_request_seconds_bucket{le="0.001",${series}} 1`,
      `regent_request_seconds_bucket{le="0.1",${series}} 3`,
      `regent_request_seconds_bucket{le="+Inf",${series}} 3`,
      `regent_request_seconds_count{${series}} 3`,
      'regent_requests_total{endpoint="/oauth2/token",outcome="answered",status="200",reason=""} 3',
      'regent_log_lines_dropped_total 6',
    ])
      expect(text.split('\n')).toContain(line)
    expect(text).toContain('# TYPE regent_request_seconds histogram')
  })

  it('take no loss of a database or of a clock for the end of a worker', async () => {
    const region = 'eu'
    const lines = await printed([
      { type: 'database_found', region },
      { type: 'replica_lost', region, error: 'a' },
      { type: 'replica_found', region },
      { type: 'clock_compared', region, state: 'right', skewMillis: 0 },
    ])
    expect(lines).toContain('regent_workers_ended_total 0')
  })

  it('say what was observed last of listening and of connections', async () => {
    const counted = { type: 'connections_counted', region: 'eu', nodes: 1, tooMany: false } as const
    const lines = await printed([
      { type: 'listening', region: 'eu', listening: true },
      { type: 'listening', region: 'eu', listening: false },
      { type: 'listening', region: 'us', listening: true },
      { ...counted, connections: 5, limit: 97 },
      { ...counted, connections: 10, limit: 197 },
      { type: 'issuance_tended', region: 'eu', strays: 3, detached: 1, dropped: 1 },
      { type: 'issuance_tended', region: 'eu', strays: 2, detached: 0, dropped: 0 },
    ])
    expect(lines).toEqual(
      expect.arrayContaining([
        'regent_listening{region="eu"} 0',
        'regent_listening{region="us"} 1',
        'regent_region_connections{region="eu"} 10',
        'regent_region_connections_limit{region="eu"} 197',
        'regent_issuance_stray_rows{region="eu"} 2',
      ]),
    )
  })

  it('say what is so when they are asked', async () => {
    expect(await printed([])).toEqual(
      expect.arrayContaining([
        'regent_hash_queue_waiting 3',
        'regent_hash_queue_running 1',
        'regent_digests_waiting 5',
        'regent_loads_waiting{region="eu"} 6',
        'regent_memory_clients{region="eu"} 7',
        'regent_memory_workspaces{region="eu"} 2',
        'regent_feed_age_seconds{region="eu"} 0.5',
        'regent_feed_age_seconds{region="us"} +Inf',
        'regent_database_answers{region="eu"} 1',
        'regent_database_answers{region="us"} 0',
        'regent_clock_skew_seconds{region="eu"} -0.25',
        'regent_memory_hits_total{region="eu"} 12',
        'regent_memory_misses_total{region="eu"} 3',
        expect.stringMatching(/^regent_signing_key_age_seconds\{region="eu"\} 36\d\d/),
        'regent_signing_key_age_seconds{region="us"} 0',
        'regent_issuance_waiting{region="eu"} 4',
        'regent_issuance_rows_total{region="eu"} 320',
        'regent_issuance_commits_total{region="eu"} 10',
        'regent_issuance_dropped_total{region="eu"} 2',
        'regent_issuance_dropped_total{region="us"} 0',
      ]),
    )
  })

  it('say the same when they are asked again', async () => {
    const metrics = openMetrics(() => GAUGES)
    await metrics.print()
    expect(await metrics.print()).toContain('regent_memory_hits_total{region="eu"} 12')
  })

  it('say how many days a certificate has, where there is one', async () => {
    expect((await printed([])).join()).not.toContain('certificate')
    const endsAt = Date.now() + 3 * 86_400_000
    expect(await printed([], () => ({ ...GAUGES, certificateEndsAt: endsAt }))).toContainEqual(
      expect.stringMatching(/^regent_tls_certificate_days (?:3|2\.99\d*)$/),
    )
  })

  it('say the same of what is counted elsewhere when they are asked twice', async () => {
    const metrics = openMetrics(() => GAUGES)
    await metrics.print()
    expect(await metrics.print()).toContain('regent_issuance_rows_total{region="eu"} 320')
  })

  it('can be asked before there is a server', async () => {
    expect(await printed([], () => undefined)).not.toContainEqual(expect.stringContaining('region='))
  })

  it('have as many series after a thousand clients, tenants and peers as after one', async () => {
    const of = (n: number) => [issuedTo(`robot${n}`), refusalOf(`peer${n}`), answered(n)]
    const lines = await printed(Array.from({ length: 1000 }, (_, n) => of(n)).flat())
    expect(lines).toHaveLength((await printed(of(0))).length)
    expect(lines.join()).not.toMatch(/robot|peer/)
  })
})
