/**
 * What a node remembers of one region: bounded, oldest use forgotten first. Each key begins with region, tenant and
 * workspace; the type makes a shorter one impossible. Each entry carries the feed number that it was read at. A change
 * leaves a mark with its own number on whatever it concerns: an entry that is older than a mark of its own is not there.
 * Holds values and decides nothing; asks nobody.
 */
import { LRUCache } from 'lru-cache'
import type { KnownClient } from '../clients/client.ts'
import type { Brand, ClientId, TenantId, WorkspaceId } from '../ids.ts'
import type { WorkspaceAddress } from '../tenancy/address.ts'
import type { Region } from '../tenancy/region.ts'
import type { Workspace } from '../tenancy/tenant.ts'
import type { KnownWorkspace } from './known-workspace.ts'

export type MemoryKey = Brand<string, 'MemoryKey'>

type Names = Pick<WorkspaceAddress, 'tenant' | 'workspace'>

/** By name. Slugs have no slash, so no two addresses make one key. */
export function workspaceKey(region: Region, { tenant, workspace }: Names): MemoryKey {
  return `${region}/${tenant}/${workspace}` as MemoryKey
}

/** By id. A client id comes last, so that whatever stands in it belongs to it. */
export function clientKey(region: Region, { tenant, id }: Workspace, clientId: ClientId): MemoryKey {
  return `${region}/${tenant.id}/${id}/${clientId}` as MemoryKey
}

/** What a change concerns. `settings`: the workspace itself with its keys, and none of its clients. */
export type Concern =
  | { readonly of: 'region' }
  | { readonly of: 'tenant'; readonly tenantId: TenantId }
  | {
      readonly of: 'workspace' | 'settings'
      readonly tenantId: TenantId
      readonly workspaceId: WorkspaceId
    }
  | {
      readonly of: 'client'
      readonly tenantId: TenantId
      readonly workspaceId: WorkspaceId
      readonly clientId: ClientId
    }

type Mark = Brand<string, 'Mark'>
type Entry<Value> = { readonly value: Value; readonly number: number; readonly marks: readonly Mark[] }

export type MemoryBounds = { readonly clients: number; readonly workspaces: number }
export type RegionMemory = ReturnType<typeof regionMemory>

/** Marks beyond this many become one that holds for everything: correct, and bounded. */
const MAX_MARKS = 100_000

export function regionMemory(region: Region, { clients, workspaces }: MemoryBounds) {
  const knownWorkspaces = new LRUCache<MemoryKey, Entry<KnownWorkspace>>({ max: workspaces })
  const knownClients = new LRUCache<MemoryKey, Entry<KnownClient>>({
    max: clients,
    // A client with many grants takes the room of several.
    maxSize: clients * 4,
    sizeCalculation: ({ value }) => 1 + Math.ceil((value.credentials.length + value.grants.length) / 8),
  })
  const marks = new Map<Mark, number>()
  let floor = 0
  let generation = 0

  const oldest = (own: readonly Mark[]) =>
    own.reduce((newest, mark) => Math.max(newest, marks.get(mark) ?? 0), floor)
  const find = <Value>(entries: LRUCache<MemoryKey, Entry<Value>>, key: MemoryKey) => {
    const entry = entries.get(key)
    return entry !== undefined && entry.number >= oldest(entry.marks) ? entry.value : undefined
  }

  /** @returns as `keepWorkspace`. A client that is not there is never remembered: memory only says yes */
  const keepClient = (workspace: Workspace, id: ClientId, value: KnownClient | undefined, number: number) => {
    const { tenant, id: workspaceId } = workspace
    const own = marksOf({ of: 'client', tenantId: tenant.id, workspaceId, clientId: id })
    if (number < oldest(own)) return false
    const key = clientKey(region, workspace, id)
    if (value === undefined) knownClients.delete(key)
    else knownClients.set(key, { value, number, marks: own })
    return true
  }

  return {
    findWorkspace: (address: Names) => find(knownWorkspaces, workspaceKey(region, address)),
    findClient: (workspace: Workspace, id: ClientId) => find(knownClients, clientKey(region, workspace, id)),

    /** @returns false when a change has been read that the value may lack: it is to be read again */
    keepWorkspace(value: KnownWorkspace, number: number): boolean {
      const own = marksOf({ of: 'settings', tenantId: value.tenant.id, workspaceId: value.id })
      if (number < oldest(own)) return false
      const names = { tenant: value.tenant.slug, workspace: value.slug }
      knownWorkspaces.set(workspaceKey(region, names), { value, number, marks: own })
      return true
    },

    keepClient,
    /** Of ids, and of whoever else was read. One whose rows cannot be used is not remembered. @returns as `keepWorkspace`, of all */
    keepClients(
      workspace: Workspace,
      ids: readonly ClientId[],
      read: ReadonlyMap<ClientId, KnownClient | Error>,
      number: number,
    ): boolean {
      const kept = [...new Set([...ids, ...read.keys()])].map((id) => {
        const value = read.get(id)
        return value instanceof Error || keepClient(workspace, id, value, number)
      })
      return !kept.includes(false)
    },

    /** A change with this number was read. */
    mark(concern: Concern, number: number): void {
      const [own] = marksOf(concern)
      if (own === undefined || marks.size >= MAX_MARKS) {
        floor = Math.max(floor, number)
        marks.clear()
        return
      }
      marks.set(own, Math.max(number, marks.get(own) ?? 0))
    },

    /** The feed is not the one that was read before: numbers of then mean nothing now. */
    empty(): void {
      knownWorkspaces.clear()
      knownClients.clear()
      marks.clear()
      floor = 0
      generation += 1
    },

    /** Differs before and after `empty`. */
    generation: () => generation,
    size: () => ({ workspaces: knownWorkspaces.size, clients: knownClients.size, marks: marks.size }),
    /** Of the workspaces that are remembered: when the oldest key that signs began to, in seconds since 1970. */
    signingSince(): number | undefined {
      let since: number | undefined
      for (const { value } of knownWorkspaces.values()) {
        if (value.signingSince !== undefined) since = Math.min(value.signingSince, since ?? Infinity)
      }
      return since
    },
  }
}

/** Its own first, then those of what it belongs to. */
function marksOf(concern: Concern): readonly Mark[] {
  if (concern.of === 'region') return []
  const tenant = `tenant/${concern.tenantId}` as Mark
  if (concern.of === 'tenant') return [tenant]
  const workspace = `workspace/${concern.tenantId}/${concern.workspaceId}` as Mark
  if (concern.of === 'workspace') return [workspace, tenant]
  const own = concern.of === 'client' ? concern.clientId : ''
  return [`${concern.of}/${concern.tenantId}/${concern.workspaceId}/${own}` as Mark, workspace, tenant]
}
