/**
 * Nobody rises by administering. In the built-in workspace, whose clients administer the tenant: who lacks a scope cannot give
 * it, nor touch a client that has it, nor take the last client away that could still let somebody in.
 */
import { administratorStore } from '../clients/credential-list-store.ts'
import { clientListStore } from '../clients/client-list-store.ts'
import type { ClientId } from '../ids.ts'
import type { TenantConnection } from '../storage/transaction.ts'
import type { Workspace } from '../tenancy/tenant.ts'
import type { Caller } from './caller.ts'
import { Problem } from './problem.ts'
import type { Connection } from './route.ts'

/** @throws Problem 403 for scopes of administration that the caller lacks */
export function requireMayGrant({ scope }: Caller, { builtIn }: Workspace, scopes: readonly string[]): void {
  const lacking = builtIn === true ? scopes.filter((one) => !scope.has(one)) : []
  if (lacking.length === 0) return
  throw new Problem(
    403,
    'beyond_caller',
    `your token lacks ${lacking.join(' ')}: who lacks a scope cannot grant it`,
  )
}

/** To be asked in the change's transaction. @throws Problem 403 for a client that may more than the caller */
export async function requireWithinCaller(
  { scope }: Caller,
  connection: Connection,
  workspace: Workspace,
  id: ClientId,
): Promise<void> {
  if (workspace.builtIn !== true) return
  const [client] = await clientListStore(connection as TenantConnection, workspace.id).listClients(
    { id },
    undefined,
    1,
  )
  const beyond = client?.scopes.filter((one) => !scope.has(one.scope)) ?? []
  if (beyond.length === 0) return
  const names = beyond.map((one) => one.scope).join(' ')
  throw new Problem(403, 'beyond_caller', `this client may more than your token: ${names}`)
}

/** To be asked when all has changed. @throws Problem 409 when nobody could let anybody in any more */
export async function requireAdministratorLeft(connection: Connection, workspace: Workspace): Promise<void> {
  if (workspace.builtIn !== true) return
  const store = administratorStore(connection as TenantConnection, workspace.id)
  if ((await store.countLiveAdministrators()) > 0) return
  throw new Problem(
    409,
    'last_administrator',
    'this would leave the tenant without a secret that can make clients and secrets, and has no end: make another one first, or ask the operator',
  )
}
