/**
 * Reads a document part by part, as it comes, so that ten thousand clients never lie there at once as they were sent. Every fault
 * is found, not only the first, with the path that it has in the whole document.
 */
import type { z } from 'zod'
import type { WantedWorkspace } from '../../changes/apply/wanted.ts'
import type { Tenant } from '../../tenancy/tenant.ts'
import { CLIENT_ENTRY, FORMAT, HEADER, RESOURCE_SERVER_ENTRY, WORKSPACE_ENTRY } from './document.ts'
import type { WorkspaceEntry } from './document.ts'
import {
  clientFaults,
  resourceServerFaults,
  workspaceFaults,
  type DocumentFault,
  type DocumentPath,
} from './faults.ts'
import { wantedClient, wantedServer, wantedWorkspace } from './wanted-of.ts'

type Growing = {
  readonly path: DocumentPath
  /** Undefined: it was not right, and what is in it is read for its faults only. */
  readonly entry: WorkspaceEntry | undefined
  readonly wanted: WantedWorkspace & {
    readonly resourceServers: WantedWorkspace['resourceServers'][number][]
    readonly clients: WantedWorkspace['clients'][number][]
  }
  readonly names: Set<string>
  servers: number
  clients: number
}

/** Where a name is missing or wrong, what is beside it is looked at all the same. */
const NO_WORKSPACE = { slug: 'workspace-without-name' }
const NO_SERVER = { identifier: 'urn:regent:without-identifier', name: 'none' }
const NO_CLIENT = { id: 'client~without~id', name: 'none' }
const STAND_INS = new Set([NO_WORKSPACE.slug, NO_SERVER.identifier, NO_CLIENT.id])

export type DocumentReader = ReturnType<typeof documentReader>

/** @param tenant whose document it has to be; undefined: whoever's */
export function documentReader(tenant?: Pick<Tenant, 'slug' | 'region'>) {
  const faults: DocumentFault[] = []
  const workspaces: Growing[] = []
  const slugs = new Set<string>()
  const found = (path: DocumentPath, detail: string) => void faults.push({ path, detail })
  /** @returns of one that is not right, what is left of it, to be looked at for other faults; `isWhole` says so */
  const read = <Entry>(shape: z.ZodType<Entry>, value: unknown, path: DocumentPath, standIns: object) => {
    const result = shape.safeParse(value)
    if (result.success) return { entry: result.data, isWhole: true }
    const all = shapeFaults(result.error)
    for (const { path: inner, detail } of all) found([...path, ...inner], detail)
    const wrong = new Set(all.map(({ path: [field] }) => String(field)))
    const left = Object.entries(Object(value) as object).filter(([name]) => !wrong.has(name))
    return { entry: shape.safeParse({ ...standIns, ...Object.fromEntries(left) }).data, isWhole: false }
  }
  const once = (names: Set<string>, kind: string, name: string, path: DocumentPath) => {
    if (STAND_INS.has(name)) return
    if (names.has(`${kind} ${name}`)) found(path, `${name} stands here twice`)
    names.add(`${kind} ${name}`)
  }
  /** A part outside any workspace: only lines can be in such an order. */
  const current = (what: string): Growing | undefined => {
    const last = workspaces.at(-1)
    if (last === undefined) found(['workspaces'], `a ${what} comes before the workspace that it belongs to`)
    return last
  }

  return {
    faults,

    /** @returns whether it is worth reading on */
    header(value: unknown): boolean {
      const { regent } = Object(value) as { regent?: unknown }
      if (typeof regent === 'number' && regent > FORMAT) {
        found(['regent'], `this file was made by a newer Regent, whose format is ${regent}: upgrade this one`)
        return false
      }
      const { entry: header, isWhole } = read(HEADER, value, [], { regent: FORMAT, tenant: '' })
      if (tenant === undefined || header === undefined || !isWhole) return true
      const same = header.tenant === tenant.slug
      if (!same) found(['tenant'], `this file is for the tenant ${header.tenant}, and here is ${tenant.slug}`)
      if (header.region !== tenant.region)
        found(['region'], `this file is for the region ${header.region}, and here is ${tenant.region}`)
      return same
    },

    /** @returns the path that it has */
    workspace(value: unknown): DocumentPath {
      const path = ['workspaces', workspaces.length]
      const { entry } = read(WORKSPACE_ENTRY, value, path, NO_WORKSPACE)
      if (entry !== undefined) {
        once(slugs, 'workspace', entry.slug, [...path, 'slug'])
        for (const fault of workspaceFaults(entry)) found([...path, ...fault.path], fault.detail)
      }
      const wanted = {
        ...wantedWorkspace(entry ?? WORKSPACE_ENTRY.parse(NO_WORKSPACE)),
        resourceServers: [],
      }
      const more = { names: new Set<string>(), servers: 0, clients: 0 }
      workspaces.push({ path, entry, wanted: { ...wanted, clients: [] }, ...more })
      return path
    },

    resourceServer(value: unknown): void {
      const inside = current('resource server')
      if (inside === undefined) return
      const path = [...inside.path, 'resource_servers', inside.servers++]
      const { entry } = read(RESOURCE_SERVER_ENTRY, value, path, NO_SERVER)
      if (entry === undefined) return
      once(inside.names, 'server', entry.identifier, [...path, 'identifier'])
      for (const [index, { token }] of entry.scopes.entries())
        once(inside.names, 'scope', token, [...path, 'scopes', index, 'token'])
      for (const fault of resourceServerFaults(entry)) found([...path, ...fault.path], fault.detail)
      inside.wanted.resourceServers.push(wantedServer(entry))
    },

    client(value: unknown): void {
      const inside = current('client')
      if (inside === undefined) return
      const path = [...inside.path, 'clients', inside.clients++]
      const { entry } = read(CLIENT_ENTRY, value, path, NO_CLIENT)
      if (entry === undefined) return
      once(inside.names, 'client', entry.id, [...path, 'id'])
      const workspace = inside.entry ?? { ...WORKSPACE_ENTRY.parse(NO_WORKSPACE), chosen_secrets: true }
      for (const fault of clientFaults(entry, workspace)) found([...path, ...fault.path], fault.detail)
      inside.wanted.clients.push(wantedClient(entry))
    },

    /** @returns the parts of a list; none of what is none, which is a fault */
    list(path: DocumentPath, value: unknown): readonly unknown[] {
      if (Array.isArray(value)) return value
      found(path, 'must be a list')
      return []
    },

    /** What was read; to be asked where there are no faults. */
    wanted: (): readonly WantedWorkspace[] => workspaces.map(({ wanted }) => wanted),
    counts: () => ({
      workspaces: workspaces.length,
      resource_servers: workspaces.reduce((sum, { servers }) => sum + servers, 0),
      clients: workspaces.reduce((sum, { clients }) => sum + clients, 0),
    }),
  }
}

/** In the order of the document; a name that is not known has its own path. */
export function shapeFaults(error: z.ZodError): readonly DocumentFault[] {
  return error.issues.flatMap((issue): DocumentFault[] => {
    const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)))
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => ({ path: [...path, key], detail: 'is not known here' }))
    return [{ path, detail: issue.message }]
  })
}

/** RFC 6901. */
export function printPointer(path: DocumentPath): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}
