/**
 * A tenant as lines of its document, read in pages. Each page looks whether the tenant was changed since the first: what is told
 * in the end is one state of it, or said to be none.
 */
import { auditStore } from '../../changes/audit-store.ts'
import { listAllWorkspaces, presentClient } from '../../changes/apply/read-present.ts'
import { clientListStore } from '../../clients/client-list-store.ts'
import { credentialBatchStore } from '../../clients/credential-batch-store.ts'
import type { TenantConnection } from '../../storage/transaction.ts'
import { resourceServerStore } from '../../tenancy/resource-server-store.ts'
import { workspaceStore } from '../../tenancy/tenancy-store.ts'
import type { Workspace } from '../../tenancy/tenant.ts'
import { Problem } from '../problem.ts'
import type { Context } from '../route.ts'
import { clientEntry, headerEntry, resourceServerEntry, workspaceEntry } from './print.ts'

const PAGE = 500
const ALL = 1_000_000

const printPart = (part: object): string => `${JSON.stringify(part)}\n`

/** @param hashes the caller may have them */
export async function* exportLines(
  { read, tenant, problem }: Pick<Context, 'read' | 'tenant' | 'problem'>,
  hashes: boolean,
): AsyncGenerator<string> {
  let version: number | undefined
  /** The end of the audit trail moves with each change; it is looked at last, so that what was read before is older. */
  const readUnchanged = <T>(work: (connection: TenantConnection) => Promise<T>) =>
    read(async (connection) => {
      const found = await work(connection)
      const now = (await auditStore(connection).findHead())?.sequence ?? 0
      version ??= now
      if (now !== version)
        throw new Problem(409, 'changed_meanwhile', 'the tenant was changed while it was read: read it again')
      return found
    })
  const counts = { workspaces: 0, resource_servers: 0, clients: 0 }
  try {
    const slugs = await readUnchanged(listAllWorkspaces)
    yield printPart(headerEntry(tenant))
    for (const { slug } of slugs) {
      const workspace = await readUnchanged((connection) => workspaceStore(connection).findWorkspace(slug))
      if (workspace === undefined || workspace.builtIn === true) continue
      counts.workspaces += 1
      yield printPart({ workspace: workspaceEntry(workspace) })
      const { servers, scopes } = await readUnchanged((connection) => readOwned(connection, workspace))
      for (const server of servers) {
        counts.resource_servers += 1
        yield printPart({ resource_server: resourceServerEntry(server, scopes) })
      }
      for (let after: string | undefined, more = true; more;) {
        const from = after
        const page = await readUnchanged((connection) => readClients(connection, workspace, from, hashes))
        for (const { client, credentials, hashes: own } of page) {
          counts.clients += 1
          yield printPart({ client: clientEntry(presentClient(client, servers, credentials), own) })
        }
        after = page.at(-1)?.client.id
        more = page.length === PAGE
      }
    }
    yield printPart({ end: counts })
  } catch (error) {
    yield printPart({ problem: problem(error) })
  }
}

async function readOwned(connection: TenantConnection, { id }: Workspace) {
  const store = resourceServerStore(connection, id)
  // Their ids are random: by name, the same system is written the same.
  const servers = (await store.listResourceServers(undefined, ALL)).toSorted((one, other) =>
    one.identifier < other.identifier ? -1 : 1,
  )
  return { servers, scopes: await store.listScopes() }
}

async function readClients(
  connection: TenantConnection,
  { id }: Workspace,
  after: string | undefined,
  hashes: boolean,
) {
  const clients = await clientListStore(connection, id).listClients({}, after, PAGE)
  const ids = clients.map((client) => client.id)
  const store = credentialBatchStore(connection, id)
  const credentials = await store.listLive(ids)
  const secrets = hashes ? await store.listHashes(ids) : []
  return clients.map((client) => ({
    client,
    credentials: credentials.filter(({ clientId }) => clientId === client.id),
    hashes: new Map(
      secrets.filter(({ clientId }) => clientId === client.id).map((one) => [one.id, one.hash]),
    ),
  }))
}
