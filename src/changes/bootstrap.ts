/**
 * The first operator of a region: the built-in tenant `system` with a client that may do all that operators may. Safe to run
 * twice: what is there stays as it is. When all of their secrets are lost, another client is made, and the trail says so.
 */
import { newRandomId, newTenantId, type ClientId } from '../ids.ts'
import { ADMIN_WORKSPACE, SYSTEM_SCOPES, SYSTEM_TENANT, TENANT_SCOPES } from '../tenancy/administration.ts'
import { tenantNames, workspaceStore } from '../tenancy/tenancy-store.ts'
import type { Workspace } from '../tenancy/tenant.ts'
import { change, type ChangeNeeds } from './change.ts'
import { addAdministrator, createAdministered, type FirstAdministrator } from './create-tenant.ts'
import { makeSecret } from './make-secret.ts'
import { ChangeRefusal } from './refusal.ts'

export type Bootstrapped = { readonly issuer: string } & FirstAdministrator

const SCOPES = { ...SYSTEM_SCOPES, ...TENANT_SCOPES }

/** @returns undefined where there is an operator already */
export async function bootstrap(needs: ChangeNeeds): Promise<Bootstrapped | undefined> {
  if ((await findSystem(needs)) !== undefined) return undefined
  const tenant = { id: newTenantId(), slug: SYSTEM_TENANT, region: needs.region }
  try {
    const { administrator } = await createAdministered(needs, tenant, 'operator' as ClientId, SCOPES)
    const system = await findSystem(needs)
    return system && { issuer: system.issuer, ...administrator }
  } catch (error) {
    // Somebody else made it at the same moment, and has its secret.
    if (error instanceof ChangeRefusal && error.reason === 'name_taken') return undefined
    throw error
  }
}

/** Another operator, beside those that are there. @throws ChangeRefusal where there never was one */
export async function recoverOperator(needs: ChangeNeeds): Promise<Bootstrapped> {
  const system = await findSystem(needs)
  if (system === undefined) {
    throw new ChangeRefusal(
      'region',
      'not_bootstrapped',
      'this region has no operator yet: leave out --recover',
    )
  }
  const clientId = `operator-${newRandomId().slice(0, 8)}` as ClientId
  const made = await makeSecret(needs, system, { label: 'recovered' })
  await change(needs, system.tenant.id, async (connection) => {
    await addAdministrator(needs, connection, system, clientId, SCOPES, made)
    return {
      value: {},
      event: { action: 'operator_recovered', workspaceId: system.id, subject: clientId },
    }
  })
  return { issuer: system.issuer, clientId, secret: made.secret }
}

async function findSystem({ database, region }: ChangeNeeds): Promise<Workspace | undefined> {
  return database.beforeThenInTenant(
    (connection) => tenantNames(connection).findTenantId(region, SYSTEM_TENANT),
    (connection) => workspaceStore(connection).findWorkspace(ADMIN_WORKSPACE),
  )
}
