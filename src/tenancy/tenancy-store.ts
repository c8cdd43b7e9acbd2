/** Rows of tenants and workspaces. Reads and writes, nothing else; what may be written is decided in `changes/`. */
import type { Issuer, TenantId, WorkspaceId } from '../ids.ts'
import type { NamelessConnection, OperatorConnection, TenantConnection } from '../storage/transaction.ts'
import { sql } from 'kysely'
import type { Algorithm } from '../oauth/signing.ts'
import type { Region } from './region.ts'
import type { TenantSlug, WorkspaceSlug } from './slug.ts'
import type { Tenant, Workspace } from './tenant.ts'

/** What is asked before the tenant is known: an id for a name, and nothing else. */
export function tenantNames({ db }: NamelessConnection) {
  return {
    async findTenantId(region: Region, slug: TenantSlug): Promise<TenantId | undefined> {
      const { rows } = await sql<{
        id: TenantId | null
      }>`select regent.find_tenant(${region}, ${slug}) as id`.execute(db)
      return rows[0]?.id ?? undefined
    },
  }
}

export function tenantRegistry({ db }: OperatorConnection) {
  return {
    async insertTenant({ id, slug, region }: Tenant): Promise<void> {
      await db.insertInto('tenant').values({ tenant_id: id, slug, region }).execute()
    },

    /** @param tokensPerMinute undefined: as many as are asked for */
    async updateTenantLimit({ id, region }: Tenant, tokensPerMinute: number | undefined): Promise<boolean> {
      const { numUpdatedRows } = await db
        .updateTable('tenant')
        .set({ tokens_per_minute: tokensPerMinute ?? null })
        .where('tenant_id', '=', id)
        .where('region', '=', region)
        .executeTakeFirst()
      return numUpdatedRows === 1n
    },
  }
}

export function workspaceStore({ db, tenantId }: TenantConnection) {
  return {
    async findWorkspace(slug: WorkspaceSlug): Promise<Workspace | undefined> {
      const row = await db
        .selectFrom('workspace')
        .innerJoin('tenant', 'tenant.tenant_id', 'workspace.tenant_id')
        .select(['tenant.slug as tenant_slug', 'tenant.region'])
        .selectAll('workspace')
        .where('workspace.tenant_id', '=', tenantId)
        .where('workspace.slug', '=', slug)
        .executeTakeFirst()
      return (
        row && {
          tenant: { id: tenantId, slug: row.tenant_slug as TenantSlug, region: row.region as Region },
          id: row.workspace_id,
          slug: row.slug as WorkspaceSlug,
          issuer: row.issuer,
          accessTokenLifetime: row.access_token_lifetime,
          jwksMaxAge: row.jwks_max_age,
          signingLead: row.signing_lead,
          signingAlgorithm: row.signing_algorithm as Algorithm,
          chosenSecrets: row.chosen_secrets,
          audienceParameter: row.audience_parameter,
        }
      )
    },

    async findTenant(): Promise<Tenant | undefined> {
      const row = await db
        .selectFrom('tenant')
        .selectAll()
        .where('tenant_id', '=', tenantId)
        .executeTakeFirst()
      return row && { id: row.tenant_id, slug: row.slug as TenantSlug, region: row.region as Region }
    },

    async listWorkspaces(): Promise<readonly { id: WorkspaceId; slug: WorkspaceSlug; issuer: Issuer }[]> {
      const rows = await db
        .selectFrom('workspace')
        .select(['workspace_id', 'slug', 'issuer'])
        .where('tenant_id', '=', tenantId)
        .orderBy('slug')
        .execute()
      return rows.map((row) => ({
        id: row.workspace_id,
        slug: row.slug as WorkspaceSlug,
        issuer: row.issuer,
      }))
    },

    async insertWorkspace(workspace: Workspace): Promise<void> {
      await db
        .insertInto('workspace')
        .values({
          tenant_id: tenantId,
          workspace_id: workspace.id,
          slug: workspace.slug,
          issuer: workspace.issuer,
          access_token_lifetime: workspace.accessTokenLifetime,
          jwks_max_age: workspace.jwksMaxAge,
          signing_lead: workspace.signingLead,
          signing_algorithm: workspace.signingAlgorithm,
          chosen_secrets: workspace.chosenSecrets,
          audience_parameter: workspace.audienceParameter,
        })
        .execute()
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
