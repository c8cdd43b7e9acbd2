/**
 * A resource server chooses how its tokens are signed. The first key of an algorithm waits for its lead; until it may
 * sign, tokens go on being signed by a key that verifiers know.
 */
import type { Algorithm, JwtType } from '../oauth/signing.ts'
import { resourceServerStore } from '../tenancy/resource-server-store.ts'
import type { ResourceServer } from '../tenancy/resource-server.ts'
import type { Workspace } from '../tenancy/tenant.ts'
import { change, type Changed, type ChangeNeeds } from './change.ts'
import { MAINTAIN, takeKeySteps } from './key-changes.ts'
import { requireText } from './input.ts'
import { ChangeRefusal } from './refusal.ts'

/**
 * @param algorithm undefined: as the workspace does
 * @param name its new one, where it is to be changed as well
 */
export async function chooseSigning(
  needs: ChangeNeeds,
  workspace: Workspace,
  { id, identifier }: ResourceServer,
  algorithm: Algorithm | undefined,
  jwtType: JwtType,
  name?: string,
): Promise<Changed<object>> {
  if (name !== undefined) requireText('name', name, 1, 200)
  return change(needs, workspace.tenant.id, async (connection) => {
    const store = resourceServerStore(connection, workspace.id)
    if (name !== undefined) await store.updateName(id, name)
    if (!(await store.updateSigning(id, algorithm, jwtType))) {
      throw new ChangeRefusal(
        'id',
        'unknown_resource_server',
        'id names no resource server of this workspace',
      )
    }
    const steps = await takeKeySteps(needs, connection, workspace, MAINTAIN)
    return {
      value: {},
      event: {
        action: 'signing_chosen',
        workspaceId: workspace.id,
        subject: identifier,
        details: { algorithm, jwtType, steps, ...(name !== undefined && { name }) },
      },
    }
  })
}
