/** Uses of credentials and counts of clients between two writings: in memory, bounded, added up. Knows no time and no database. */
import type { ClientId, CredentialId, WorkspaceId } from '../ids.ts'
import type { Workspace } from '../tenancy/tenant.ts'
import type { Count, Uses } from './use-store.ts'

/** A transaction has a deadline, and holds the rows that it writes. */
const MAX_BATCH = 1000

export type NotedUses = ReturnType<typeof notedUses>

/** @param most credentials, and clients by day */
export function notedUses(most: number) {
  /** By their full name. */
  const uses = new Map<string, Uses>()
  const counts = new Map<string, Count>()
  /** The same by workspace, so that no name is put together for each token. */
  const latestUses = new Map<WorkspaceId, Map<CredentialId, Uses>>()
  const latestCounts = new Map<WorkspaceId, Map<ClientId, Count>>()

  const noteUse = (
    { id: workspaceId, tenant }: Workspace,
    clientId: ClientId,
    credentialId: CredentialId,
  ) => {
    const key = `${workspaceId} ${clientId} ${credentialId}`
    let known = uses.get(key)
    if (known === undefined) {
      if (uses.size >= most) return undefined
      known = {
        tenantId: tenant.id,
        workspaceId,
        clientId,
        credentialId,
        lastUsedAt: 0,
        lastUsedFrom: '',
        uses: 0,
      }
      uses.set(key, known)
    }
    within(latestUses, workspaceId).set(credentialId, known)
    return known
  }

  const noteCount = ({ id: workspaceId, tenant }: Workspace, clientId: ClientId, day: string) => {
    const key = `${workspaceId} ${clientId} ${day}`
    let known = counts.get(key)
    if (known === undefined) {
      if (counts.size >= most) return undefined
      known = { tenantId: tenant.id, workspaceId, clientId, day, issued: 0 }
      counts.set(key, known)
    }
    within(latestCounts, workspaceId).set(clientId, known)
    return known
  }

  return {
    uses,
    counts,

    /** @returns what the caller adds to; undefined: there was no room for another one */
    findUse(workspace: Workspace, clientId: ClientId, credentialId: CredentialId): Uses | undefined {
      const latest = latestUses.get(workspace.id)?.get(credentialId)
      return latest?.clientId === clientId ? latest : noteUse(workspace, clientId, credentialId)
    },

    findCount(workspace: Workspace, clientId: ClientId, day: string): Count | undefined {
      const latest = latestCounts.get(workspace.id)?.get(clientId)
      return latest?.day === day ? latest : noteCount(workspace, clientId, day)
    },

    /** What could not be written, whatever room there is. */
    addAll(others: {
      readonly uses: ReadonlyMap<string, Uses>
      readonly counts: ReadonlyMap<string, Count>
    }) {
      for (const [key, before] of others.uses) {
        const known = uses.get(key)
        if (known === undefined) uses.set(key, before)
        else {
          known.uses += before.uses
          if (before.lastUsedAt > known.lastUsedAt) known.lastUsedFrom = before.lastUsedFrom
          known.lastUsedAt = Math.max(known.lastUsedAt, before.lastUsedAt)
        }
      }
      for (const [key, before] of others.counts) {
        const known = counts.get(key)
        if (known === undefined) counts.set(key, before)
        else known.issued += before.issued
      }
    },
  }
}

/** Bounded, and in one order everywhere, so that two nodes do not wait for each other's rows. */
export function batches<One>(
  noted: ReadonlyMap<string, One>,
): readonly (readonly (readonly [string, One])[])[] {
  const sorted = [...noted].toSorted(([one], [other]) => (one < other ? -1 : 1))
  return Array.from({ length: Math.ceil(sorted.length / MAX_BATCH) }, (_, index) =>
    sorted.slice(index * MAX_BATCH, (index + 1) * MAX_BATCH),
  )
}

function within<Key, One>(all: Map<WorkspaceId, Map<Key, One>>, workspaceId: WorkspaceId): Map<Key, One> {
  const known = all.get(workspaceId)
  if (known !== undefined) return known
  const fresh = new Map<Key, One>()
  all.set(workspaceId, fresh)
  return fresh
}
