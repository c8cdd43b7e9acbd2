/** Writes what may change of a workspace; its name and issuer may not. Reads are in tenancy-store.ts. */
import { sql } from 'kysely'
import type { WorkspaceId } from '../ids.ts'
import type { TenantConnection } from '../storage/transaction.ts'
import type { Workspace } from './tenant.ts'

export function workspaceSettingsStore({ db, tenantId }: TenantConnection) {
  return {
    /** @param dueAt of the next rotation, in seconds since 1970; left out: as it is */
    async updateWorkspace(
      { id, ...workspace }: Workspace,
      dueAt?: { readonly at: number | undefined },
    ): Promise<void> {
      await db
        .updateTable('workspace')
        .set({
          access_token_lifetime: workspace.accessTokenLifetime,
          jwks_max_age: workspace.jwksMaxAge,
          signing_lead: workspace.signingLead,
          signing_algorithm: workspace.signingAlgorithm,
          chosen_secrets: workspace.chosenSecrets,
          chosen_digests: workspace.chosenDigests,
          rehash: workspace.rehash,
          audience_parameter: workspace.audienceParameter,
          self_rotation: workspace.selfRotation,
          key_rotation: workspace.keyRotation ?? null,
          tokens_per_minute: workspace.tokensPerMinute ?? null,
          ...(dueAt && { rotation_due_at: dueAt.at === undefined ? null : new Date(dueAt.at * 1000) }),
        })
        .where('tenant_id', '=', tenantId)
        .where('workspace_id', '=', id)
        .execute()
    },

    /** Never lowers it. */
    async raiseHashWork(
      id: WorkspaceId,
      { bcryptCost, iterations }: NonNullable<Workspace['hashWork']>,
    ): Promise<void> {
      await db
        .updateTable('workspace')
        .set({
          imported_bcrypt_cost: sql<number>`greatest(imported_bcrypt_cost, ${bcryptCost})`,
          imported_iterations: sql<number>`greatest(imported_iterations, ${iterations})`,
        })
        .where('tenant_id', '=', tenantId)
        .where('workspace_id', '=', id)
        .execute()
    },

    /** @param at seconds since 1970; undefined: never */
    async updateRotationDue(id: WorkspaceId, at: number | undefined): Promise<void> {
      await db
        .updateTable('workspace')
        .set({ rotation_due_at: at === undefined ? null : new Date(at * 1000) })
        .where('tenant_id', '=', tenantId)
        .where('workspace_id', '=', id)
        .execute()
    },

    async updateWorkspaceState(id: WorkspaceId, state: 'enabled' | 'disabled' | 'deleted'): Promise<void> {
      await db
        .updateTable('workspace')
        .set({ state, deleted_at: state === 'deleted' ? sql<Date>`now()` : null })
        .where('tenant_id', '=', tenantId)
        .where('workspace_id', '=', id)
        .execute()
    },

    /** Of what it had, nothing is left. @returns false: somebody else has said so */
    async updateEmptied(id: WorkspaceId): Promise<boolean> {
      const { numUpdatedRows } = await db
        .updateTable('workspace')
        .set({ emptied_at: sql<Date>`now()` })
        .where('tenant_id', '=', tenantId)
        .where('workspace_id', '=', id)
        .where('emptied_at', 'is', null)
        .executeTakeFirst()
      return numUpdatedRows === 1n
    },

    /** @param tokensPerMinute undefined: as many as are asked for */
    async updateWorkspaceLimit(id: WorkspaceId, tokensPerMinute: number | undefined): Promise<boolean> {
      const { numUpdatedRows } = await db
        .updateTable('workspace')
        .set({ tokens_per_minute: tokensPerMinute ?? null })
        .where('tenant_id', '=', tenantId)
        .where('workspace_id', '=', id)
        .executeTakeFirst()
      return numUpdatedRows === 1n
    },
  }
}
