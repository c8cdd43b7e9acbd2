/**
 * What the issuance log costs: processor time a token, of the server and of PostgreSQL, with the log off, async and durable,
 * taken in turns; and how many rows share a commit. Time is read from /proc, so this needs Linux.
 */
import { Agent, request } from 'node:http'
import { lastUse } from '../../src/records/last-use.ts'
import { issuanceLog } from '../../src/records/issuance-log.ts'
import { newCredentialId, newRandomId, newTenantId, newWorkspaceId, type ClientId } from '../../src/ids.ts'
import type { Database } from '../../src/storage/transaction.ts'
import type { Workspace } from '../../src/tenancy/tenant.ts'
import { postgresTime, processTime } from './processor-time.ts'
import { openSite, type Node, type Site } from './site.ts'

export type IssuanceCost = {
  readonly mode: Mode
  /** Microseconds of processor time a token: each turn's. */
  readonly server: readonly number[]
  readonly postgres: readonly number[]
  readonly rowsACommit: readonly number[]
}
type Mode = 'off' | 'async' | 'durable'

const MODES: readonly Mode[] = ['off', 'async', 'durable']

export async function measureIssuance(settings: {
  readonly turns: number
  readonly tokens: number
  readonly connections: number
  readonly program: string
  readonly onTurn: (line: string) => void
}): Promise<readonly IssuanceCost[]> {
  const { turns, tokens, connections, program, onTurn } = settings
  const site = await openSite({ program })
  const costs = MODES.map((mode) => ({
    mode,
    server: [] as number[],
    postgres: [] as number[],
    rowsACommit: [] as number[],
  }))
  try {
    for (let turn = 0; turn < turns; turn++) {
      for (const cost of costs) {
        const node = await site.startNode({ REGENT_ISSUANCE_LOG: cost.mode })
        await load(node, site, connections, Math.ceil(tokens / 4)) // warms up
        const before = await spent(node)
        await load(node, site, connections, tokens)
        const after = await spent(node)
        node.kill('SIGTERM')
        await node.ended
        cost.server.push((after.server - before.server) / tokens)
        cost.postgres.push((after.postgres - before.postgres) / tokens)
        const commits = after.commits - before.commits
        if (commits > 0) cost.rowsACommit.push((after.rows - before.rows) / commits)
        onTurn(`turn ${turn + 1}, ${cost.mode}: ${Math.round((after.server - before.server) / tokens)} us`)
      }
    }
    return costs
  } finally {
    await site.close()
  }
}

/** Microseconds a token that the token path itself pays: pushing its row, its use and its count. */
export async function measureRecording(tokens: number, rounds: number): Promise<readonly number[]> {
  // Of a database that takes everything at once: what is written costs others.
  const atOnce = (async () => {}) as unknown as Database['asOperator']
  const database = { asOperator: atOnce } as Database
  const needs = { region: 'eu', database, observe: () => {}, wallClock: Date.now } as const
  const log = issuanceLog({ ...needs, mode: 'async', maxWaiting: tokens })
  const uses = lastUse({ ...needs, monotonic: () => performance.now() })
  const workspaces = Array.from(
    { length: 50 },
    () => ({ id: newWorkspaceId(), tenant: { id: newTenantId(), region: 'eu' } }) as Workspace,
  )
  const clients = Array.from({ length: 1000 }, (_, n) => ({
    workspace: workspaces[n % 50] as Workspace,
    clientId: `client-${n}` as ClientId,
    credentialId: newCredentialId(),
    scope: 'orders:read orders:write',
    resources: ['https://orders.acme.example'],
    peer: '192.0.2.17',
  }))
  const ids = Array.from({ length: tokens }, newRandomId)
  const costs: number[] = []
  for (let round = 0; round < rounds; round++) {
    const begun = process.cpuUsage()
    for (const [index, id] of ids.entries()) {
      const client = clients[index % 1000] as (typeof clients)[number]
      uses.used(client.workspace, client.clientId, client.credentialId, '192.0.2.1')
      uses.issued(client.workspace, client.clientId)
      void log.record({ ...client, tokenId: id, requestId: id })
    }
    const { user, system } = process.cpuUsage(begun)
    costs.push((user + system) / tokens)
    await log.flush()
  }
  return costs
}

async function load(node: Node, site: Site, connections: number, tokens: number): Promise<void> {
  const { client } = site
  const { host, pathname } = new URL(client.issuer)
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const body = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: client.clientId,
    client_secret: client.secret,
  }).toString()
  const headers = {
    Host: host,
    'Content-Type': 'application/x-www-form-urlencoded',
    'Content-Length': body.length,
  }
  const ask = () =>
    new Promise<void>((resolve, reject) => {
      const path = `${pathname}/oauth2/token`
      const asked = request({ host: '127.0.0.1', port: node.port, path, method: 'POST', headers, agent })
      asked.on('response', (response) => {
        response
          .resume()
          .on('end', () =>
            response.statusCode === 200 ? resolve() : reject(new Error(`status ${response.statusCode}`)),
          )
      })
      asked.on('error', reject)
      asked.end(body)
    })
  let left = tokens
  const worker = async () => {
    while (left-- > 0) await ask()
  }
  await Promise.all(Array.from({ length: connections }, worker))
  agent.destroy()
}

/** Microseconds, and what the node says of its log. */
async function spent(node: Node) {
  const response = await fetch(`http://127.0.0.1:${node.opsPort}/metrics`)
  const text = await response.text()
  const count = (name: string) =>
    [...text.matchAll(new RegExp(`^regent_issuance_${name}_total\\{[^}]*\\} (\\d+)$`, 'gm'))].reduce(
      (sum, [, value]) => sum + Number(value),
      0,
    )
  return {
    server: processTime(node.pid),
    postgres: await postgresTime(),
    rows: count('rows'),
    commits: count('commits'),
  }
}
