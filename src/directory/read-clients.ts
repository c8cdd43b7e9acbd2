/** Reads clients of a workspace from a database, and the feed's number of that moment. */
import type { KnownClient } from '../clients/client.ts'
import { knownClientStore } from '../clients/known-client-store.ts'
import { neighbourStore } from '../clients/neighbour-store.ts'
import type { ClientId } from '../ids.ts'
import type { Database } from '../storage/transaction.ts'
import type { Region } from '../tenancy/region.ts'
import type { Workspace } from '../tenancy/tenant.ts'
import { feedPosition } from './change-feed-store.ts'
import type { Reading } from './found.ts'

/** @param aheadOf clients in use behind this id are read as well where they are wanted; undefined: none is */
export async function readClients(
  database: Database,
  region: Region,
  { tenant, id: workspaceId }: Workspace,
  ids: readonly ClientId[],
  aheadOf: ClientId | undefined,
  isWanted: (id: ClientId) => boolean,
): Promise<Reading<ReadonlyMap<ClientId, KnownClient | Error>>> {
  return database.inTenant(tenant.id, async (connection) => {
    const number = await feedPosition(connection, region).readNumber()
    const near =
      aheadOf === undefined ? [] : await neighbourStore(connection, workspaceId).listNeighboursInUse(aheadOf)
    const all = new Set([...ids, ...near.filter(isWanted)])
    return { number, value: await knownClientStore(connection, workspaceId).findClients([...all]) }
  })
}
