/** Which workspaces are due to have their signing keys take turns, and when they are the next time. No setting changes here. */
import { nextRotation } from '../keys/rotation-schedule.ts'
import { databaseTime } from '../storage/database-time.ts'
import { rotationDueStore } from '../tenancy/rotation-due-store.ts'
import { workspaceStore } from '../tenancy/tenancy-store.ts'
import type { Workspace } from '../tenancy/tenant.ts'
import { workspaceSettingsStore } from '../tenancy/workspace-settings-store.ts'
import type { ChangeNeeds } from './change.ts'

/** @param lease seconds for which nobody else takes them */
export async function takeDueWorkspaces(
  { database, region }: ChangeNeeds,
  most: number,
  lease: number,
): Promise<readonly Workspace[]> {
  const due = await database.asOperator((connection) =>
    rotationDueStore(connection, region).updateDue(most, lease),
  )
  const found: Workspace[] = []
  for (const { tenantId, slug } of due) {
    const workspace = await database.inTenant(tenantId, (connection) =>
      workspaceStore(connection).findWorkspace(slug),
    )
    if (workspace !== undefined) found.push(workspace)
  }
  return found
}

export async function scheduleRotation(
  { database }: ChangeNeeds,
  { tenant, id, keyRotation }: Workspace,
): Promise<void> {
  await database.inTenant(tenant.id, async (connection) => {
    const at = nextRotation(keyRotation, await databaseTime(connection))
    await workspaceSettingsStore(connection).updateRotationDue(id, at)
  })
}
