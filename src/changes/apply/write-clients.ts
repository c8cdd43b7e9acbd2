/** Writes the steps of a plan that are about the clients of one workspace: hundreds of them with a statement. */
import { clientBatchStore, type GrantRow, type LimitedClient } from '../../clients/client-batch-store.ts'
import { credentialBatchStore } from '../../clients/credential-batch-store.ts'
import type { ResourceServerId, WorkspaceId } from '../../ids.ts'
import type { ResourceIdentifier } from '../../oauth/resource.ts'
import type { TenantConnection } from '../../storage/transaction.ts'
import type { Region } from '../../tenancy/region.ts'
import { tombstoneStore } from '../../tenancy/tombstone-store.ts'
import { raiseHashWork } from '../hash-work.ts'
import type { Step } from './step.ts'
import type { WantedClient } from './wanted.ts'

const BATCH = 250

type Writing = {
  readonly connection: TenantConnection
  readonly region: Region
  readonly workspaceId: WorkspaceId
  readonly servers: ReadonlyMap<ResourceIdentifier, ResourceServerId>
  /** Who made a secret. */
  readonly actor: string
  /** So many steps were taken. */
  readonly onWritten: (steps: number) => void
}

/** @param steps of one workspace */
export async function writeClients(writing: Writing, steps: readonly Step[]): Promise<void> {
  const { connection, workspaceId, region, onWritten } = writing
  const clients = steps.filter((step) => step.kind === 'client')
  const credentials = steps.filter((step) => step.kind === 'credential')
  const store = clientBatchStore(connection, workspaceId)
  const secrets = credentialBatchStore(connection, workspaceId)
  const made = clients.flatMap(({ of }) => (of.do === 'create' ? [of] : []))
  const changed = clients.flatMap(({ of }) => (of.do === 'update' ? [of] : []))
  const ended = clients.flatMap(({ of }) => (of.do === 'delete' ? [of.present.id] : []))

  await inBatches(made, async (batch) => {
    await store.insertClients(batch.map(({ wanted }) => rowOf(wanted, writing)))
    await upsertAll(batch.flatMap(({ wanted }) => grantsOf(wanted)))
    onWritten(batch.length)
  })
  await inBatches(changed, async (batch) => {
    await store.updateClients(batch.map(({ wanted }) => rowOf(wanted, writing)))
    await upsertAll(batch.flatMap(({ wanted }) => grantsOf(wanted)))
    const gone = batch.flatMap(({ wanted, present }) => {
      const kept = new Set([...wanted.scopes, ...wanted.optionalScopes])
      return grantsOf(present).filter(({ token }) => !kept.has(token))
    })
    if (gone.length > 0) await store.deleteGrants(gone)
    onWritten(batch.length)
  })
  await inBatches(ended, async (batch) => {
    await store.deleteClients(batch)
    await tombstoneStore(connection, region, workspaceId).insertTombstones('client', batch)
    onWritten(batch.length)
  })

  const revoked = credentials.flatMap(({ of }) => (of.do === 'delete' ? [of.present] : []))
  await inBatches(revoked, async (batch) => {
    await secrets.revokeCredentials(batch.map(({ clientId, id }) => ({ clientId, id })))
    onWritten(batch.length)
  })
  const renamed = credentials.flatMap(({ of }) => (of.do === 'update' ? [of] : []))
  await inBatches(renamed, async (batch) => {
    await secrets.updateCredentials(
      batch.map(({ present: { clientId, id }, label, expiresAt }) => ({ clientId, id, label, expiresAt })),
    )
    onWritten(batch.length)
  })
  const imported = credentials.flatMap(({ client, of }) =>
    of.do === 'create' ? [{ clientId: client, ...of }] : [],
  )
  await raiseHashWork(
    connection,
    workspaceId,
    imported.map(({ hash }) => hash),
  )
  await inBatches(imported, async (batch) => {
    await secrets.insertCredentials(
      batch.map(({ clientId, id, slot, hash, wanted }) => ({
        clientId,
        id,
        slot,
        origin: wanted.origin,
        label: wanted.label ?? '',
        bcryptHash: hash,
        digest: undefined,
        state: 'live',
        notBefore: wanted.notBefore,
        expiresAt: wanted.expiresAt ?? undefined,
        createdBy: writing.actor,
      })),
    )
    onWritten(batch.length)
  })

  async function upsertAll(grants: readonly GrantRow[]): Promise<void> {
    await inBatches(grants, (batch) => store.upsertGrants(batch), 2000)
  }
}

export async function inBatches<Item>(
  items: readonly Item[],
  write: (batch: readonly Item[]) => Promise<void>,
  size = BATCH,
): Promise<void> {
  for (let from = 0; from < items.length; from += size) await write(items.slice(from, from + size))
}

function grantsOf({
  id,
  scopes,
  optionalScopes,
}: Pick<WantedClient, 'id' | 'scopes' | 'optionalScopes'>): readonly GrantRow[] {
  return [
    ...scopes.map((token) => ({ clientId: id, token, byDefault: true })),
    ...optionalScopes.map((token) => ({ clientId: id, token, byDefault: false })),
  ]
}

function rowOf(client: WantedClient, { servers }: Writing): LimitedClient {
  const { defaultResourceServer: server } = client
  const { scopes: _, optionalScopes: __, credentials: ___, ...row } = client
  return { ...row, defaultResourceServerId: server && servers.get(server) }
}
