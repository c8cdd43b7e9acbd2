/** What is counted, what is read at the moment of the question, and that requests cannot make series. */
import { openMetrics } from '../../src/observe/metrics.ts'
import type { Gauges } from '../../src/observe/gauges.ts'
import type { Observation } from '../../src/observe/observation.ts'

const ISSUANCE = { waiting: 4, rows: 320, commits: 10, dropped: 2 }
const NO_ISSUANCE = { waiting: 0, rows: 0, commits: 0, dropped: 0 }
const GAUGES: Gauges = {
  certificateEndsAt: undefined,
  hashesWaiting: 3,
  hashesRunning: 1,
  regions: [
    {
      region: 'eu',
      clients: 7,
      workspaces: 2,
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
      feedAge: Infinity,
      databaseAnswers: false,
      clockSkew: 0,
      lookups: { hits: 0, misses: 0 },
      signingSince: undefined,
      issuance: NO_ISSUANCE,
    },
  ],
}
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
    [refusalOf('a'), 'regent_requests_refused_total{status="401",reason="client_unknown"} 2'],
    [{ type: 'server_error', requestId: 'a', error: new Error('a') }, 'regent_server_errors_total 2'],
    [{ type: 'memory_emptied', region: 'eu', feedNumber: 1 }, 'regent_memory_emptied_total{region="eu"} 2'],
    [{ type: 'database_lost', region: 'us', error: 'a' }, 'regent_database_lost_total{region="us"} 2'],
  ] as [Observation, string][])('count %j', async (observation, line) => {
    expect(await printed([observation, observation])).toContain(line)
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
    const many = Array.from({ length: 1000 }, (_, n) => [issuedTo(`robot${n}`), refusalOf(`peer${n}`)]).flat()
    const lines = await printed(many)
    expect(lines).toHaveLength((await printed([issuedTo('robot'), refusalOf('peer')])).length)
    expect(lines.join()).not.toMatch(/robot|peer/)
  })
})
