/** Makes a workspace: its issuer, for ever, and its first keys, one that signs at once and the next one. */
import { newWorkspaceId } from '../ids.ts'
import type { TenantConnection } from '../storage/transaction.ts'
import { nextRotation, scheduleFault } from '../keys/rotation-schedule.ts'
import { databaseTime } from '../storage/database-time.ts'
import { ADMIN_WORKSPACE } from '../tenancy/administration.ts'
import { issuerFor } from '../tenancy/origin.ts'
import { isWorkspaceSlug, type WorkspaceSlug } from '../tenancy/slug.ts'
import { workspaceStore } from '../tenancy/tenancy-store.ts'
import type { Tenant, Workspace } from '../tenancy/tenant.ts'
import { workspaceSettingsStore } from '../tenancy/workspace-settings-store.ts'
import { change, requireFree, taken, type Changed, type ChangeNeeds } from './change.ts'
import { BEGIN, takeKeySteps } from './key-changes.ts'
import { requireQuota } from './quota.ts'
import { ChangeRefusal } from './refusal.ts'

export type WorkspaceInput = {
  readonly slug: string
  readonly settings?: Partial<
    Omit<Workspace, 'tenant' | 'id' | 'slug' | 'issuer' | 'builtIn' | 'disabled' | 'hashWork'>
  >
}

/** Of a workspace that is made without saying more. */
export const WORKSPACE_DEFAULTS = {
  accessTokenLifetime: 600,
  jwksMaxAge: 900,
  signingLead: 24 * 60 * 60,
  signingAlgorithm: 'ES256',
  chosenSecrets: false,
  chosenDigests: true,
  rehash: true,
  audienceParameter: false,
  selfRotation: false,
} as const

export async function createWorkspace(
  needs: ChangeNeeds,
  tenant: Tenant,
  { slug, settings }: WorkspaceInput,
): Promise<Changed<{ workspace: Workspace }>> {
  if (!isWorkspaceSlug(slug)) {
    throw new ChangeRefusal(
      'slug',
      'slug_syntax',
      'slug must be 1 to 63 of a-z, 0-9 and inner hyphens, and not begin with xn--',
    )
  }
  if (slug === ADMIN_WORKSPACE) throw taken('slug')
  const workspace = newWorkspace(needs, tenant, slug, settings)
  requireSettings(workspace)
  return change(needs, tenant.id, async (connection) => {
    await addWorkspace(needs, connection, workspace)
    return {
      value: { workspace },
      event: {
        action: 'workspace_created',
        workspaceId: workspace.id,
        subject: slug,
        details: { issuer: workspace.issuer },
      },
    }
  })
}

export function newWorkspace(
  { origin }: ChangeNeeds,
  tenant: Tenant,
  slug: WorkspaceSlug,
  settings: WorkspaceInput['settings'] = {},
): Workspace {
  const issuer = issuerFor(origin, { region: tenant.region, tenant: tenant.slug, workspace: slug })
  return { tenant, id: newWorkspaceId(), slug, issuer, ...WORKSPACE_DEFAULTS, ...settings }
}

/** The part of a change that makes it. */
export async function addWorkspace(
  needs: ChangeNeeds,
  connection: TenantConnection,
  workspace: Workspace,
): Promise<void> {
  await requireFree('slug', workspaceStore(connection).insertWorkspace(workspace))
  if (workspace.keyRotation !== undefined) {
    const at = nextRotation(workspace.keyRotation, await databaseTime(connection))
    await workspaceSettingsStore(connection).updateRotationDue(workspace.id, at)
  }
  await takeKeySteps(needs, connection, workspace, BEGIN)
  await requireQuota(connection, 'workspaces')
}

export function requireSettings({
  accessTokenLifetime,
  jwksMaxAge,
  signingLead,
  keyRotation,
}: Workspace): void {
  const fault = scheduleFault(keyRotation)
  if (fault !== undefined) throw new ChangeRefusal('keyRotation', 'schedule_syntax', `keyRotation ${fault}`)
  const bounds: readonly [string, number, number, number][] = [
    ['accessTokenLifetime', accessTokenLifetime, 60, 86_400],
    ['jwksMaxAge', jwksMaxAge, 60, 86_400],
    // Twice: a verifier may have fetched just before the key was published, and fetch just after the age has passed.
    ['signingLead', signingLead, 2 * jwksMaxAge, 2_592_000],
  ]
  for (const [field, value, least, most] of bounds) {
    if (!Number.isInteger(value) || value < least || value > most) {
      throw new ChangeRefusal(
        field,
        'out_of_bounds',
        `${field} must be a whole number of seconds from ${least} to ${most}`,
      )
    }
  }
}
