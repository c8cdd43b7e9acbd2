/**
 * Makes a tenant what somebody wrote down: plans and applies in one transaction of the tenant, so that all of it is done or none,
 * and one entry of the feed tells nodes. What is as it should be is not written, and not told.
 */
import { createHash } from 'node:crypto'
import { slices } from '../../clock.ts'
import type { TenantConnection } from '../../storage/transaction.ts'
import type { Region } from '../../tenancy/region.ts'
import type { Tenant } from '../../tenancy/tenant.ts'
import type { ChangeEvent } from '../change-event.ts'
import { changeIfAny, type ChangeNeeds, type MaybeChanged } from '../change.ts'
import { requireQuota } from '../quota.ts'
import { planTenant } from './plan.ts'
import { readPresent } from './read-present.ts'
import type { PlanFault, Step } from './step.ts'
import { eventOf } from './tell-steps.ts'
import type { PresentTenant, WantedWorkspace } from './wanted.ts'
import { writeSteps } from './write-steps.ts'

export type Counts = Readonly<Record<Step['of']['do'], number>>

export type Plan = {
  readonly steps: readonly Step[]
  readonly counts: Counts
  /** At most a hundred; with any, nothing can be done. */
  readonly faults: readonly PlanFault[]
  /** The same steps have the same one. */
  readonly tag: string
  readonly present: PresentTenant
}

/** Milliseconds: of ten thousands of rows, and of those who wait meanwhile. */
const DEADLINE = 300_000
const MOST_FAULTS = 100

/** To be asked in the transaction that carries it out. */
export async function makePlan(
  region: Region,
  connection: TenantConnection,
  wanted: readonly WantedWorkspace[],
  prune: boolean,
): Promise<Plan> {
  const present = await readPresent(connection, region, wanted)
  const breathe = slices()
  const digest = createHash('sha256')
  const counts = { create: 0, update: 0, delete: 0, keep: 0, missing: 0 }
  const steps: Step[] = []
  const faults: PlanFault[] = []
  for (const planned of planTenant(wanted, present, prune)) {
    await breathe()
    if (planned === undefined) continue
    if ('fault' in planned) {
      if (faults.length < MOST_FAULTS) faults.push(planned.fault)
      continue
    }
    const { kind, workspace, name, before, after, of } = planned
    const whose = planned.kind === 'credential' ? planned.client : ''
    digest.update(JSON.stringify([kind, of.do, workspace, whose, name, before, after]))
    counts[of.do] += 1
    steps.push(planned)
  }
  return { steps, counts, faults, tag: digest.digest('base64url').slice(0, 27), present }
}

export function changesOf({ create, update, delete: ended }: Counts): number {
  return create + update + ended
}

/**
 * @param planned the plan that was made in this change's transaction, which has no faults
 * @param onWritten so many of the steps were written since the last time
 */
export async function applyPlan(
  needs: ChangeNeeds,
  tenant: Tenant,
  planned: () => Plan,
  onWritten: (steps: number) => void,
): Promise<MaybeChanged<{ readonly counts: Counts }>> {
  return changeIfAny(
    needs,
    tenant.id,
    async (connection) => {
      const { steps, counts, faults, present } = planned()
      if (faults.length > 0) throw new Error('a plan with faults is not carried out')
      const value = { counts }
      const summary = { action: 'document_applied', subject: tenant.slug, details: { ...counts } } as const
      if (changesOf(counts) === 0) return { value, event: summary, unchanged: true }
      const writing = steps.filter(({ of }) => of.do !== 'keep' && of.do !== 'missing')
      const written = await writeSteps(needs, connection, tenant, present, writing, onWritten)
      for (const of of ['workspaces', 'resourceServers', 'scopes', 'clients'] as const)
        await requireQuota(connection, of)
      const events: ChangeEvent[] = []
      for (const step of writing) {
        const workspace = written.get(step.workspace)
        const event = workspace && eventOf(step, workspace.id)
        if (event !== undefined) events.push(event)
      }
      // Of one workspace, memory keeps what it knows of the others.
      const [only, ...others] = written.values()
      const event = only && others.length === 0 ? { ...summary, workspaceId: only.id } : summary
      return { value, event, events }
    },
    DEADLINE,
  )
}
