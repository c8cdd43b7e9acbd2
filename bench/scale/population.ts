/**
 * Who there is, by number: everything of a tenant, a workspace or a client follows from its number alone, its secret too, so
 * that nobody has to keep a million of them. Whoever plants rows and whoever asks for tokens find the same names. Pure.
 *
 * Clients lie in workspaces in runs: neighbours by number are neighbours in a workspace.
 */
import { hash } from 'node:crypto'
import { generateSecret } from '../../src/clients/secret.ts'
import type { ClientId, CredentialId, ResourceServerId, TenantId, WorkspaceId } from '../../src/ids.ts'
import type { Origin } from '../../src/tenancy/origin.ts'
import { issuerFor } from '../../src/tenancy/origin.ts'
import type { TenantSlug, WorkspaceSlug } from '../../src/tenancy/slug.ts'
import type { Tenant } from '../../src/tenancy/tenant.ts'

export type Size = { readonly tenants: number; readonly clients: number }
export type Population = ReturnType<typeof population>

export const WORKSPACES_A_TENANT = 3
export const ORIGIN: Origin = { scheme: 'http', baseDomain: 'localhost', port: 80 }

export function population({ tenants, clients }: Size) {
  const workspaces = tenants * WORKSPACES_A_TENANT

  const workspace = (number: number) => {
    const owner = tenantOf(Math.floor(number / WORKSPACES_A_TENANT))
    const slug = `w${(number % WORKSPACES_A_TENANT) + 1}` as WorkspaceSlug
    return {
      tenant: owner,
      id: uuid(`workspace ${number}`) as WorkspaceId,
      slug,
      issuer: issuerFor(ORIGIN, { region: 'none', tenant: owner.slug, workspace: slug }),
      resourceServerId: uuid(`resource server ${number}`) as ResourceServerId,
    }
  }

  return {
    tenants,
    workspaces,
    clients,
    tenant: tenantOf,
    workspace,
    /** The number of the workspace that a client is in. */
    workspaceOf: (client: number) => Math.floor((client * workspaces) / clients),
    client(number: number) {
      const credentialId = bytes(`credential ${number}`).toString('base64url', 0, 12) as CredentialId
      return {
        id: padded('service-', number) as ClientId,
        credentialId,
        secret: generateSecret(credentialId, bytes(`secret ${number}`)),
      }
    },
  }
}

function tenantOf(number: number): Tenant {
  return {
    id: uuid(`tenant ${number}`) as TenantId,
    slug: padded('t', number) as TenantSlug,
    region: 'none',
  }
}

function bytes(name: string): Buffer {
  return hash('sha256', `bench:scale ${name}`, 'buffer')
}

/** Of version 4 by its form (RFC 9562 §5.4), so that whoever reads the rows takes it for one. */
function uuid(name: string): string {
  const all = bytes(name)
  all[6] = ((all[6] ?? 0) & 0x0f) | 0x40
  all[8] = ((all[8] ?? 0) & 0x3f) | 0x80
  const hex = all.toString('hex', 0, 16)
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

function padded(prefix: string, number: number): string {
  return prefix + String(number).padStart(7, '0')
}
