/** What every change of a client that is there has in common. */
import type { ClientId } from '../ids.ts'
import type { Workspace } from '../tenancy/tenant.ts'
import { requireAdministratorLeft, requireWithinCaller } from './rising.ts'
import type { ChangePlan, Context, Shown } from './route.ts'
import { clientOf, findClient } from './shown/client.ts'

/** A change of a client that is there, by somebody who may no less, which leaves somebody to administer. */
export async function changeClient(
  context: Context,
  make: (workspace: Workspace, id: ClientId) => ChangePlan<object>['make'],
  gone = false,
): Promise<Shown> {
  const workspace = await context.workspace()
  const id = clientOf(context)
  return context.change({
    make: make(workspace, id),
    state: (connection) => findClient(connection, workspace, id),
    guard: (connection) => requireWithinCaller(context.caller, connection, workspace, id),
    afterwards: (connection) => requireAdministratorLeft(connection, workspace),
    show: async (connection) =>
      gone ? {} : { status: 200, body: await findClient(connection, workspace, id) },
  })
}
