/** What was measured, as the table in Markdown that docs/performance/scale.md quotes. */
import type { ScaleFigures } from './measure.ts'

export function scaleTable({
  stored,
  start,
  cold,
  memory,
  tokens,
  restart,
  sweep,
  row,
}: ScaleFigures): string {
  const latency = ({
    p50Millis,
    p99Millis,
    statementsAToken,
    databaseMicrosAToken,
    nodeMicrosAToken,
  }: Latency) =>
    `p50 ${p50Millis.toFixed(1)} ms, p99 ${p99Millis.toFixed(1)} ms; ${statementsAToken.toFixed(1)} statements, ` +
    `CPU ${whole(nodeMicrosAToken)} µs of the node, ${whole(databaseMicrosAToken)} µs of PostgreSQL`
  const failed = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts)
      .map(([how, count]) => `${whole(count)} ${how}`)
      .join(', ') || 'none'
  const times = (of: 'statements' | 'cores') =>
    `${(restart.minute[of] / restart.steady[of]).toFixed(1)} and ${(restart.busiest[of] / restart.steady[of]).toFixed(1)}`
  const { client, workspace } = memory.alone
  const databaseMicros = (restart.steady.cores * 1e6) / restart.steady.tokens

  const fullRate =
    restart.fullRateAfter === undefined
      ? `full rate not within ${restart.tokensBySecond.length} s`
      : `full rate after ${restart.fullRateAfter} s`

  const lines: readonly (readonly [string, string])[] = [
    [
      'stored',
      `${whole(stored.tenants)} tenants, ${whole(stored.workspaces)} workspaces, ${whole(stored.clients)} clients: ${megabytes(stored.bytes)}`,
    ],
    [
      'start, empty database',
      `median ${whole(start.empty.millis)} ms, ${megabytes(start.empty.residentBytes)} resident`,
    ],
    [
      'start, full database',
      `median ${whole(start.full.millis)} ms, ${megabytes(start.full.residentBytes)} resident`,
    ],
    [
      `first token of ${whole(cold.unknownWorkspace.tokens)} clients, workspace unknown too`,
      latency(cold.unknownWorkspace),
    ],
    ['first token, workspace known', latency(cold.knownWorkspace)],
    ['the same clients again', latency(cold.warm)],
    [
      `warm set of ${whole(memory.after.clients)} clients in ${whole(memory.after.workspaces)} workspaces`,
      `${megabytes(memory.after.residentBytes)} resident; ${whole(memory.aClient.resident)} bytes a client, ${whole(memory.aClient.heap)} of them in the heap`,
    ],
    [
      'of these, by itself',
      `a client ${whole(client.resident)} bytes (heap ${whole(client.heap)}), a workspace ${whole(workspace.resident)} bytes (heap ${whole(workspace.heap)})`,
    ],
    [
      'CPU of the node a warm token',
      `${whole(tokens.few)} µs for 64 clients, ${whole(tokens.many)} µs for ${whole(tokens.manyClients)}`,
    ],
    [
      `steady at ${whole(restart.rate)} tokens/s by ${whole(restart.clients)} clients`,
      `${whole(restart.steady.statements)} statements/s, ${restart.steady.cores.toFixed(3)} cores of PostgreSQL: ${whole(databaseMicros)} µs and ${whole(restart.steady.walBytes / restart.steady.tokens)} bytes of WAL a token`,
    ],
    [
      'killed and started again',
      `${restart.gap} s without a token, ${fullRate}; requests without a token: ${failed(restart.failed)}`,
    ],
    [
      'its database load over the steady one, in the minute and the busiest 5 s',
      `CPU ${times('cores')}, statements ${times('statements')} times`,
    ],
    [
      'sweep through all clients',
      `${whole(sweep.clients)} in ${whole(sweep.seconds)} s; without a token: ${failed(sweep.failed)}`,
    ],
    [
      'resident meanwhile, by tenth',
      `${sweep.residentByTenth.map((bytes) => whole(bytes / 1e6)).join(', ')} MB; most ${megabytes(sweep.mostResident)}`,
    ],
    [
      'a row of the issuance log',
      `${whole(row.row)} bytes and ${whole(row.index)} of index, of ${whole(row.rows)} rows`,
    ],
  ]
  const width = Math.max(...lines.map(([name]) => name.length))
  return lines.map(([name, value]) => `| ${name.padEnd(width)} | ${value} |`).join('\n')
}

type Latency = ScaleFigures['cold']['warm']

function whole(value: number): string {
  return Math.round(value).toLocaleString('en')
}

function megabytes(bytes: number): string {
  return `${whole(bytes / 1e6)} MB`
}
