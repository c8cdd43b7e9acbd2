/**
 * What a node knows of a region: where an address leads, and what a workspace holds. Today every question is asked of
 * the database; what it has told will be remembered here, keyed by region, tenant and workspace and never by less.
 * Whoever asks gets values; nobody above this floor meets a store. Writes nothing.
 */
import { clientStore } from '../clients/client-store.ts'
import type { KnownClient } from '../clients/client.ts'
import type { ClientId } from '../ids.ts'
import { keyStore } from '../keys/key-store.ts'
import type { Keyring } from '../keys/keyring.ts'
import { isPublic } from '../keys/life-cycle.ts'
import type { ActiveKey, PublicJwk } from '../keys/signing-key.ts'
import type { Scope } from '../oauth/scope.ts'
import type { Algorithm } from '../oauth/signing.ts'
import { isUnavailable, type Database } from '../storage/transaction.ts'
import { OAuthError } from '../oauth/error.ts'
import type { WorkspaceAddress } from '../tenancy/address.ts'
import type { Region } from '../tenancy/region.ts'
import { resourceServerStore } from '../tenancy/resource-server-store.ts'
import { tenantNames, workspaceStore } from '../tenancy/tenancy-store.ts'
import type { Workspace } from '../tenancy/tenant.ts'

export type Directory = {
  /** @returns undefined when nothing of that name is in this region */
  locate(address: WorkspaceAddress): Promise<Workspace | undefined>
  findClient(workspace: Workspace, id: ClientId): Promise<KnownClient | undefined>
  /** @param algorithm as the resource server chose; while no key of it may sign yet, another one is answered */
  requireActiveKey(workspace: Workspace, algorithm: Algorithm): Promise<ActiveKey>
  listPublicKeys(workspace: Workspace): Promise<readonly PublicJwk[]>
  listScope(workspace: Workspace): Promise<Scope>
}

type Needs = { readonly region: Region; readonly database: Database; readonly keyring: Keyring }

/** @throws OAuthError 503 `temporarily_unavailable` from each method while the database cannot be asked */
export function directory({ region, database, keyring }: Needs): Directory {
  return {
    locate: ({ tenant, workspace }) =>
      asked(async () => {
        const id = await database.beforeTenant((connection) =>
          tenantNames(connection).findTenantId(region, tenant),
        )
        if (id === undefined) return undefined
        return database.inTenant(id, (connection) => workspaceStore(connection).findWorkspace(workspace))
      }),

    findClient: (workspace, id) =>
      asked(() =>
        database.inTenant(workspace.tenant.id, (connection) =>
          clientStore(connection, workspace.id).findClient(id),
        ),
      ),

    requireActiveKey: (workspace, algorithm) =>
      asked(async () => {
        const active = await database.inTenant(workspace.tenant.id, (connection) =>
          keyStore(connection, workspace.id).listActiveKeys(),
        )
        // A newly chosen algorithm waits for its key's lead: until then verifiers know the keys that signed before.
        const sealed =
          active.find((key) => key.algorithm === algorithm) ??
          active.find((key) => key.algorithm === workspace.signingAlgorithm) ??
          active[0]
        if (sealed === undefined) throw new Error(`${workspace.issuer} has no active key`)
        return keyring.open(sealed, { region, tenantId: workspace.tenant.id, workspaceId: workspace.id })
      }),

    listPublicKeys: (workspace) =>
      asked(async () => {
        const keys = await database.inTenant(workspace.tenant.id, (connection) =>
          keyStore(connection, workspace.id).listKeys(),
        )
        return keys.filter(isPublic).map(({ publicJwk }) => publicJwk)
      }),

    listScope: (workspace) =>
      asked(async () => {
        const scopes = await database.inTenant(workspace.tenant.id, (connection) =>
          resourceServerStore(connection, workspace.id).listScopes(),
        )
        return scopes.map(({ token }) => token)
      }),
  }
}

/** What the database cannot be asked is not denied: the client may ask again (503), and is never told it is wrong. */
async function asked<T>(question: () => Promise<T>): Promise<T> {
  try {
    return await question()
  } catch (cause) {
    if (!isUnavailable(cause)) throw cause
    throw new OAuthError('temporarily_unavailable', 'database_unavailable', 'try again in a few seconds', {
      headers: { 'Retry-After': '5' },
      cause,
    })
  }
}
