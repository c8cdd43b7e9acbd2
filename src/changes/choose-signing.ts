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
import { ChangeRefusal } from './refusal.ts'

/** @param algorithm undefined: as the workspace does */
export async function chooseSigning(
  needs: ChangeNeeds,
  workspace: Workspace,
  { id, identifier }: ResourceServer,
  algorithm: Algorithm | undefined,
  jwtType: JwtType,
): Promise<Changed<object>> {
  return change(needs, workspace.tenant.id, async (connection) => {
    if (!(await resourceServerStore(connection, workspace.id).updateSigning(id, algorithm, jwtType))) {
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
        details: { algorithm, jwtType, steps },
      },
    }
  })
}
