/**
 * Plants tenants, workspaces and clients into the database of a site, through the changes by which everybody makes them.
 * Its bcrypt cost is the planter's: what a node compares with costs what it cost to make.
 */
import { createClient } from '../../src/changes/client-changes.ts'
import { createResourceServer } from '../../src/changes/create-resource-server.ts'
import { createTenant } from '../../src/changes/create-tenant.ts'
import { createWorkspace, type WorkspaceInput } from '../../src/changes/create-workspace.ts'
import { createSecret } from '../../src/changes/credential-changes.ts'
import { grantScopes } from '../../src/changes/scope-changes.ts'
import type { ClientId, CredentialId } from '../../src/ids.ts'
import { keyring } from '../../src/keys/keyring.ts'
import { deriveKeys } from '../../src/sealing/derive.ts'
import { parseMasterKeys } from '../../src/sealing/master-keys.ts'
import { sealing } from '../../src/sealing/seal.ts'
import { openPostgres } from '../../src/storage/open-postgres.ts'
import { database } from '../../src/storage/transaction.ts'
import { parseOrigin } from '../../src/tenancy/origin.ts'
import type { Tenant } from '../../src/tenancy/tenant.ts'
import { noteSecret } from '../support/noted-secrets.ts'
import { LIMITS } from '../support/world.ts'
import { SITE_MASTER_KEYS, type Site } from './site.ts'

export type PlantedWorkspace = { readonly issuer: string; readonly host: string; readonly path: string }

export type PlantedClient = {
  readonly at: PlantedWorkspace
  readonly id: string
  readonly secret: string
  readonly credentialId: CredentialId
}

export type Planting = Awaited<ReturnType<typeof openPlanting>>

/** @param bcryptCost of the secrets, imported and generated */
export async function openPlanting(site: Site, bcryptCost: number) {
  const origin = parseOrigin(site.origin)
  const masterKeys = parseMasterKeys(SITE_MASTER_KEYS)
  if (origin === undefined || typeof masterKeys === 'string') throw new Error('nothing can be planted')
  const pool = await openPostgres({
    url: site.databaseUrl,
    variable: 'DATABASE_URL',
    connections: 4,
    connectTimeout: 10_000,
  })
  const needs = {
    region: 'eu',
    database: database(pool, LIMITS),
    origin,
    keyring: keyring(sealing(masterKeys)),
    bcryptCost,
    digestKeys: deriveKeys(masterKeys, 'credential digest'),
    maxStale: 3600,
    actor: 'figures',
  } as const

  return {
    tenant: async (slug: string): Promise<Tenant> => (await createTenant(needs, { slug })).tenant,

    /** One that has one resource server with one scope. */
    async workspace(tenant: Tenant, slug: string, settings: WorkspaceInput['settings'] = {}) {
      const { workspace } = await createWorkspace(needs, tenant, { slug, settings })
      await createResourceServer(needs, workspace, {
        identifier: `https://orders.${tenant.slug}.example`,
        name: 'Orders',
        scopes: { read: 'read orders' },
      })
      const { host, pathname: path } = new URL(workspace.issuer)
      const at = { issuer: workspace.issuer, host, path }

      return {
        ...at,
        /** @param chosen a secret that is imported; else one is generated */
        async client(id: string, chosen?: string): Promise<PlantedClient> {
          await createClient(needs, workspace, { id, name: id })
          await grantScopes(needs, workspace, id as ClientId, ['read'])
          const made = await createSecret(needs, workspace, id as ClientId, { ...(chosen && { chosen }) })
          noteSecret('client secret', made.secret)
          return { at, id, secret: made.secret, credentialId: made.credentialId }
        },
      }
    },

    close: () => pool.end(),
  }
}
