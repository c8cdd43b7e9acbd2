/** Makes a resource server with the scope tokens that it owns. */
import { newResourceServerId, type ResourceServerId } from '../ids.ts'
import { isResourceIdentifier } from '../oauth/resource.ts'
import { isScopeToken } from '../oauth/scope.ts'
import type { Algorithm, JwtType } from '../oauth/signing.ts'
import type { TenantConnection } from '../storage/transaction.ts'
import { resourceServerStore } from '../tenancy/resource-server-store.ts'
import type { OwnedScope, ResourceServer } from '../tenancy/resource-server.ts'
import type { Workspace } from '../tenancy/tenant.ts'
import { tombstoneStore } from '../tenancy/tombstone-store.ts'
import { change, requireFree, taken, type Changed, type ChangeNeeds } from './change.ts'
import { BEGIN, takeKeySteps } from './key-changes.ts'
import { requireText } from './input.ts'
import { requireQuota } from './quota.ts'
import { ChangeRefusal } from './refusal.ts'

export type ResourceServerInput = {
  readonly identifier: string
  readonly name: string
  /** Scope token -> what it allows, in words. */
  readonly scopes: Readonly<Record<string, string>>
  /** Default: as the workspace does. */
  readonly signingAlgorithm?: Algorithm
  readonly jwtType?: JwtType
}

/** They say who somebody is, or ask for refresh tokens: no machine's token can have them (OpenID Connect Core §3, §11). */
export const FOREIGN_SCOPES: ReadonlySet<string> = new Set(['openid', 'offline_access'])

export async function createResourceServer(
  needs: ChangeNeeds,
  workspace: Workspace,
  { identifier, name, scopes, signingAlgorithm, jwtType = 'at+jwt' }: ResourceServerInput,
): Promise<Changed<{ resourceServer: ResourceServer }>> {
  if (!isResourceIdentifier(identifier)) {
    throw new ChangeRefusal(
      'identifier',
      'identifier_syntax',
      'identifier must be an absolute URI without a fragment',
    )
  }
  requireText('name', name, 1, 200)
  const resourceServer: ResourceServer = {
    id: newResourceServerId(),
    identifier,
    name,
    signingAlgorithm,
    jwtType,
  }
  const owned = requireOwnable(resourceServer.id, scopes)
  return change(needs, workspace.tenant.id, async (connection) => {
    await addResourceServer(needs, connection, workspace, resourceServer, owned)
    if (signingAlgorithm !== undefined) await takeKeySteps(needs, connection, workspace, BEGIN)
    return {
      value: { resourceServer },
      event: {
        action: 'resource_server_created',
        workspaceId: workspace.id,
        subject: identifier,
        details: { name, scopes: Object.keys(scopes), signingAlgorithm, jwtType },
      },
    }
  })
}

/** The part of a change that makes it, with the scopes that it owns. */
export async function addResourceServer(
  { region }: ChangeNeeds,
  connection: TenantConnection,
  { id: workspaceId }: Workspace,
  resourceServer: ResourceServer,
  owned: readonly OwnedScope[],
): Promise<void> {
  const store = resourceServerStore(connection, workspaceId)
  const { identifier } = resourceServer
  await requireFree('identifier', store.insertResourceServer(resourceServer))
  if (await tombstoneStore(connection, region, workspaceId).isBuried('resource_server', identifier))
    throw taken('identifier')
  for (const scope of owned) await requireFree('scopes', store.insertScope(scope))
  await requireQuota(connection, 'resourceServers')
  await requireQuota(connection, 'scopes')
}

/** @throws ChangeRefusal for what cannot be a scope token of a resource server */
export function requireOwnable(
  resourceServerId: ResourceServerId,
  scopes: Readonly<Record<string, string>>,
): readonly OwnedScope[] {
  return Object.entries(scopes).map(([token, description]): OwnedScope => {
    if (!isScopeToken(token) || FOREIGN_SCOPES.has(token)) {
      throw new ChangeRefusal(
        'scopes',
        'scope_syntax',
        'a scope token is printable ASCII without space, quote and backslash, and neither openid nor offline_access',
      )
    }
    requireText('scopes', token, 1, 200)
    requireText('scopes', description, 0, 1000)
    return { token, resourceServerId, description }
  })
}
