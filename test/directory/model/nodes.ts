/**
 * Two nodes of one region pair on one real database: the first remembers all it may, the second next to nothing, and has a
 * replica that is behind. Neither is told of a change but by the feed. Most questions come as values, as the doors take them;
 * some by HTTP.
 */
import { Agent, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { Client, type QueryResultRow } from 'pg'
import { openToAll } from '../../../src/endpoints/workspace-endpoint.ts'
import type { Reply } from '../../../src/exchange.ts'
import type { Observation } from '../../../src/observe/observation.ts'
import { assembleServer } from '../../../src/server/assemble.ts'
import type { ServerParts } from '../../../src/server/server-parts.ts'
import { database } from '../../../src/storage/transaction.ts'
import type { WorkspaceAddress } from '../../../src/tenancy/address.ts'
import { LIMITS, listen, openWorld } from '../../support/world.ts'
import { moments, type Moment } from './history.ts'
import { openReplica } from './replica.ts'

export const MODEL_REGIONS = ['eu', 'us'] as const
const TINY = { clients: 6, workspaces: 3 }
const BASE = 'token.example'

export type Addressed = Pick<WorkspaceAddress, 'region' | 'tenant' | 'workspace'>
export type ModelNode = Awaited<ReturnType<typeof openNode>>
export type ModelNodes = Awaited<ReturnType<typeof openNodes>>

export async function openNodes() {
  const world = await openWorld({ regions: MODEL_REGIONS })
  // Ours are asked instead.
  await world.node.stop()
  const home = database(world.pool, LIMITS, { prepare: true })
  const reads = database(world.pool, LIMITS, { prepare: true, readOnly: true })
  const replica = await openReplica(world.urls.superuser)
  const superuser = new Client({ connectionString: world.urls.superuser })
  await superuser.connect()
  const tick = moments()
  /** Of nodes, since it was last asked for. */
  const faults: unknown[] = []
  const emptied = { times: 0 }
  const observe = (observation: Observation) => {
    if (observation.type === 'server_error') faults.push(observation.error)
    if (observation.type === 'memory_emptied') emptied.times += 1
  }
  const partsWith = (own: Partial<ServerParts>, replicaToo: boolean): ServerParts => ({
    ...world.parts,
    regions: new Map(
      MODEL_REGIONS.map((region) => [
        region,
        { database: home, reads, connections: 4, ...(replicaToo && { replica: replica.database }) },
      ]),
    ),
    observe,
    ...own,
  })
  const nodes = [
    await openNode(partsWith({}, false), tick),
    await openNode(partsWith({ memory: { ...world.parts.memory, ...TINY } }, true), tick),
  ] as const

  return {
    nodes,
    tick,
    replica,
    clock: world.clock,
    needs: (region: (typeof MODEL_REGIONS)[number]) => ({ ...world.needs(region), database: home }),
    /** Past all locks, and past the feed. */
    superuser: async <Row extends QueryResultRow>(statement: string, values: readonly unknown[] = []) =>
      (await superuser.query<Row>(statement, [...values])).rows,
    takeFaults: () => faults.splice(0),
    emptied: () => emptied.times,

    async close() {
      for (const node of nodes) await node.close()
      await replica.close()
      await superuser.end()
      await world.close()
    },
  }
}

async function openNode(parts: ServerParts, tick: () => Moment) {
  const server = assembleServer(parts)
  await server.start()
  // When it reads the feed is said by the operations, not by the clock.
  for (const { directory } of server.nodes.values()) await directory.feed.stop()
  const port = await listen(server.http)
  const agent = new Agent({ keepAlive: true })
  const directories = new Map([...server.nodes].map(([region, { directory }]) => [region, directory]))
  const doors = new Map(
    server.endpoints.map((endpoint) => [
      endpoint.path,
      openToAll(endpoint, { directories, clock: parts.clock, observe: parts.observe }),
    ]),
  )
  let read: Moment = 0

  return {
    /** All changes that had ended by then have been read from the feed. */
    read: () => read,

    async poll(): Promise<void> {
      const begun = tick()
      await Promise.all([...directories.values()].map(({ feed }) => feed.poll()))
      read = Math.max(read, begun)
    },

    forget(): void {
      for (const directory of directories.values()) directory.forgetAll()
    },

    /** @param body undefined: a document is fetched */
    async ask(to: Addressed, path: string, body: string | undefined, byHttp: boolean): Promise<Reply> {
      const method = body === undefined ? 'GET' : 'POST'
      const type = 'application/x-www-form-urlencoded'
      if (!byHttp) {
        const door = doors.get(path)
        if (door === undefined) throw new Error(`there is no door ${path}`)
        return door({
          address: { ...to, mtls: false, path },
          method,
          query: undefined,
          headers: (name) => (name === 'content-type' ? [type] : []),
          body: Buffer.from(body ?? ''),
          peer: '127.0.0.1',
          requestId: 'model',
        })
      }
      const asked = request({ port, agent, method, path: `/${to.tenant}/${to.workspace}${path}` })
      asked.setHeader('Host', `${to.tenant}.${to.region}.${BASE}`)
      if (body !== undefined) asked.setHeader('Content-Type', type)
      asked.end(body)
      return new Promise((resolve, reject) => {
        asked.on('error', reject)
        asked.on('response', (response) => {
          const headers: Record<string, string> = {}
          for (let index = 0; index < response.rawHeaders.length; index += 2)
            headers[response.rawHeaders[index] ?? ''] = response.rawHeaders[index + 1] ?? ''
          text(response).then(
            (said) => resolve({ status: response.statusCode ?? 0, headers, body: said }),
            reject,
          )
        })
      })
    },

    async close(): Promise<void> {
      agent.destroy()
      server.http.closeAllConnections()
      server.http.close()
      await server.stop()
    },
  }
}
