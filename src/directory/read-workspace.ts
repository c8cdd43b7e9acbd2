/** Reads a workspace with its keys and scope from a database, and the feed's number of that moment. */
import { fits } from '../keys/fits.ts'
import type { Keyring, KeyOwner } from '../keys/keyring.ts'
import { keyStore, type SealedKey } from '../keys/key-store.ts'
import { isPublic } from '../keys/life-cycle.ts'
import type { ActiveKey, PublicJwk } from '../keys/signing-key.ts'
import type { Database } from '../storage/transaction.ts'
import type { WorkspaceAddress } from '../tenancy/address.ts'
import type { Region } from '../tenancy/region.ts'
import { resourceServerStore } from '../tenancy/resource-server-store.ts'
import { tenantNames, workspaceStore } from '../tenancy/tenancy-store.ts'
import { feedPosition } from './change-feed-store.ts'
import type { Reading } from './found.ts'
import type { KnownWorkspace } from './known-workspace.ts'

/** @throws Error when its rows or its private keys cannot be used */
export async function readWorkspace(
  database: Database,
  region: Region,
  keyring: Keyring,
  { tenant, workspace: slug }: Pick<WorkspaceAddress, 'tenant' | 'workspace'>,
): Promise<Reading<KnownWorkspace | undefined>> {
  let number = 0
  const value = await database.beforeThenInTenant(
    async (connection) => {
      number = await feedPosition(connection, region).readNumber()
      return tenantNames(connection).findTenantId(region, tenant)
    },
    async (connection): Promise<KnownWorkspace | undefined> => {
      const { tenantId } = connection
      const workspace = await workspaceStore(connection).findWorkspace(slug)
      if (workspace === undefined) return undefined
      const keys = await keyStore(connection, workspace.id).listKeysWithSecrets()
      const owner = { region, tenantId, workspaceId: workspace.id }
      const publicKeys = keys.filter(isPublic).map(({ publicJwk }) => publicJwk)
      const active = keys
        .filter(({ state }) => state === 'active')
        .toSorted((one, other) => (one.activatedAt ?? 0) - (other.activatedAt ?? 0))
      const scopes = await resourceServerStore(connection, workspace.id).listScopes()
      return {
        ...workspace,
        activeKeys: active.flatMap(({ sealed }) =>
          sealed ? [openKey(keyring, sealed, owner, publicKeys)] : [],
        ),
        signingSince: active[0]?.activatedAt,
        publicKeys,
        scope: scopes.map(({ token }) => token),
      }
    },
  )
  return { number, value }
}

function openKey(
  keyring: Keyring,
  sealed: SealedKey,
  owner: KeyOwner,
  published: readonly PublicJwk[],
): ActiveKey {
  const unusable = 'a row of regent.signing_key cannot be used: sealed_private_key'
  let key: ActiveKey
  try {
    key = keyring.open(sealed, owner)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : 'it does not open'
    throw new Error(`${unusable} (${sealed.kid}: ${why})`, { cause })
  }
  if (!fits(key, published)) throw new Error(`${unusable} (${sealed.kid}: it is not of the published key)`)
  return key
}
