/** Rows of tenants and workspaces. Reads and writes, nothing else; what may be written is decided in `changes/`. */
import type { Issuer, TenantId, WorkspaceId } from '../ids.ts'
import type { NamelessConnection, TenantConnection } from '../storage/transaction.ts'
import { sql } from 'kysely'
import { z } from 'zod'
import { ALGORITHMS } from '../oauth/signing.ts'
import { numericDate, readRow } from '../storage/row.ts'
import { REGIONS, type Region } from './region.ts'
import { isTenantSlug, isWorkspaceSlug, type TenantSlug, type WorkspaceSlug } from './slug.ts'
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

export function workspaceStore({ db, tenantId }: TenantConnection) {
  return {
    async findWorkspace(slug: WorkspaceSlug): Promise<Workspace | undefined> {
      const row = await db
        .selectFrom('workspace')
        .innerJoin('tenant', 'tenant.tenant_id', 'workspace.tenant_id')
        .select(['tenant.slug as tenant_slug', 'tenant.region'])
        .select('tenant.tokens_per_minute as tenant_tokens_per_minute')
        .select(['workspace_id', 'workspace.slug', 'issuer', 'access_token_lifetime', 'jwks_max_age'])
        .select(['signing_lead', 'signing_algorithm', 'chosen_secrets', 'chosen_digests', 'rehash'])
        .select(['imported_bcrypt_cost', 'imported_iterations'])
        .select([
          'audience_parameter',
          'workspace.tokens_per_minute',
          'self_rotation',
          'key_rotation',
          'built_in',
        ])
        .select(['workspace.state', 'tenant.state as tenant_state', 'tenant.gone_at'])
        .where('workspace.tenant_id', '=', tenantId)
        .where('workspace.slug', '=', slug)
        .where('workspace.state', '<>', 'deleted')
        .executeTakeFirst()
      return row && readWorkspace(tenantId, row)
    },

    async findTenant(): Promise<Tenant | undefined> {
      const row = await db
        .selectFrom('tenant')
        .select(['tenant_id', 'slug', 'region', 'tokens_per_minute', 'state', 'gone_at'])
        .where('tenant_id', '=', tenantId)
        .executeTakeFirst()
      return (
        row && {
          id: row.tenant_id,
          slug: row.slug as TenantSlug,
          region: row.region as Region,
          tokensPerMinute: row.tokens_per_minute ?? undefined,
          suspended: row.state !== 'live',
          goneAt: numericDate(row.gone_at),
        }
      )
    },

    /** By name. @param after a name; undefined: from the first */
    async listWorkspaces(
      after?: string,
      most = 1000,
      state?: 'enabled' | 'disabled',
    ): Promise<readonly { id: WorkspaceId; slug: WorkspaceSlug; issuer: Issuer }[]> {
      const rows = await db
        .selectFrom('workspace')
        .select(['workspace_id', 'slug', 'issuer'])
        .where('tenant_id', '=', tenantId)
        .where('state', '<>', 'deleted')
        .$if(state !== undefined, (query) => query.where('state', '=', state ?? 'enabled'))
        .$if(after !== undefined, (query) => query.where('slug', '>', after ?? ''))
        .orderBy('slug')
        .limit(most)
        .execute()
      return rows.map((row) => ({
        id: row.workspace_id,
        slug: row.slug as WorkspaceSlug,
        issuer: row.issuer,
      }))
    },

    /** Of these names those that a workspace has, or had. */
    async listTakenSlugs(slugs: readonly string[]): Promise<readonly string[]> {
      const rows = await db
        .selectFrom('workspace')
        .select('slug')
        .where('tenant_id', '=', tenantId)
        .where('slug', '=', sql<string>`any(${slugs}::text[])`)
        .execute()
      return rows.map(({ slug }) => slug)
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
          chosen_digests: workspace.chosenDigests,
          rehash: workspace.rehash,
          tokens_per_minute: workspace.tokensPerMinute ?? null,
          self_rotation: workspace.selfRotation,
          key_rotation: workspace.keyRotation ?? null,
          built_in: workspace.builtIn ?? false,
        })
        .execute()
    },
  }
}

const LIMIT = z.int().positive().nullable()

const WORKSPACE = z.object({
  tenant_slug: z.string().refine(isTenantSlug),
  region: z.enum(REGIONS),
  tenant_tokens_per_minute: LIMIT,
  workspace_id: z.uuid(),
  slug: z.string().refine(isWorkspaceSlug),
  issuer: z.url().max(512),
  access_token_lifetime: z.int().min(60).max(86_400),
  jwks_max_age: z.int().min(60).max(86_400),
  signing_lead: z.int().nonnegative(),
  signing_algorithm: z.enum(ALGORITHMS),
  chosen_secrets: z.boolean(),
  chosen_digests: z.boolean(),
  rehash: z.boolean(),
  // Bounded: what is read here is work that anybody can ask for.
  imported_bcrypt_cost: z.int().min(0).max(15),
  imported_iterations: z.int().min(0).max(600_000),
  audience_parameter: z.boolean(),
  tokens_per_minute: LIMIT,
  self_rotation: z.boolean(),
  key_rotation: z.string().max(100).nullable(),
  built_in: z.boolean(),
  state: z.enum(['enabled', 'disabled']),
  tenant_state: z.enum(['live', 'suspended', 'deleted']),
  gone_at: z.date().nullable(),
})

function readWorkspace(tenantId: TenantId, workspaceRow: unknown): Workspace {
  const row = readRow('workspace', WORKSPACE, workspaceRow)
  return {
    tenant: {
      id: tenantId,
      slug: row.tenant_slug,
      region: row.region,
      tokensPerMinute: row.tenant_tokens_per_minute ?? undefined,
      suspended: row.tenant_state !== 'live',
      goneAt: numericDate(row.gone_at),
    },
    id: row.workspace_id as WorkspaceId,
    slug: row.slug,
    issuer: row.issuer as Issuer,
    accessTokenLifetime: row.access_token_lifetime,
    jwksMaxAge: row.jwks_max_age,
    signingLead: row.signing_lead,
    signingAlgorithm: row.signing_algorithm,
    chosenSecrets: row.chosen_secrets,
    chosenDigests: row.chosen_digests,
    rehash: row.rehash,
    hashWork: { bcryptCost: row.imported_bcrypt_cost, iterations: row.imported_iterations },
    audienceParameter: row.audience_parameter,
    tokensPerMinute: row.tokens_per_minute ?? undefined,
    selfRotation: row.self_rotation,
    keyRotation: row.key_rotation ?? undefined,
    builtIn: row.built_in,
    disabled: row.state === 'disabled',
  }
}
