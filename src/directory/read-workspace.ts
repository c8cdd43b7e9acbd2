/** Reads a workspace with its keys and scope from a database, the feed's number first. */
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
  const { before, tenantId } = await database.beforeTenant(async (connection) => ({
    before: await feedPosition(connection, region).readNumber(),
    tenantId: await tenantNames(connection).findTenantId(region, tenant),
  }))
  if (tenantId === undefined) return { number: before, value: undefined }

  return database.inTenant(tenantId, async (connection) => {
    const number = await feedPosition(connection, region).readNumber()
    const workspace = await workspaceStore(connection).findWorkspace(slug)
    if (workspace === undefined) return { number, value: undefined }
    const keys = keyStore(connection, workspace.id)
    const owner = { region, tenantId, workspaceId: workspace.id }
    const sealed = await keys.listActiveKeys()
    const all = await keys.listKeys()
    const publicKeys = all.filter(isPublic).map(({ publicJwk }) => publicJwk)
    const [signingSince] = all
      .flatMap(({ state, activatedAt }) => (state === 'active' && activatedAt ? [activatedAt] : []))
      .toSorted((a, b) => a - b)
    const scopes = await resourceServerStore(connection, workspace.id).listScopes()
    return {
      number,
      value: {
        ...workspace,
        activeKeys: sealed.map((key) => openKey(keyring, key, owner, publicKeys)),
        signingSince,
        publicKeys,
        scope: scopes.map(({ token }) => token),
      },
    }
  })
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
