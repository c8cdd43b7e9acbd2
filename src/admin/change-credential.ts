/** What every change of a credential that lives has in common. */
import type { ClientId, CredentialId } from '../ids.ts'
import type { Workspace } from '../tenancy/tenant.ts'
import { requireAdministratorLeft, requireWithinCaller } from './rising.ts'
import type { ChangePlan, Context, Shown } from './route.ts'
import { clientOf } from './shown/client.ts'
import { credentialOf, findCredential, liveCredentialState, showCredential } from './shown/credential.ts'

export async function changeCredential(
  context: Context,
  make: (workspace: Workspace, clientId: ClientId, id: CredentialId) => ChangePlan<object>['make'],
  gone = false,
): Promise<Shown> {
  const workspace = await context.workspace()
  const [clientId, id] = [clientOf(context), credentialOf(context)]
  return context.change({
    make: make(workspace, clientId, id),
    state: (connection) => liveCredentialState(connection, workspace, clientId, id),
    guard: (connection) => requireWithinCaller(context.caller, connection, workspace, clientId),
    afterwards: (connection) => requireAdministratorLeft(connection, workspace),
    show: async (connection) =>
      gone
        ? {}
        : { status: 200, body: showCredential(await findCredential(connection, workspace, clientId, id)) },
  })
}
