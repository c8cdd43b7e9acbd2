/**
 * Who asks for tokens: tenants of the same names in two regions, their workspaces of the same names, and in each of them
 * clients of the same ids, with the same chosen secret where the workspace takes one. Whatever is mixed up shows in a
 * token: issuers, keys, lifetimes and one of the two audiences differ.
 */
import type { ChangeNeeds } from '../../../src/changes/change.ts'
import { createClient } from '../../../src/changes/client-changes.ts'
import { createResourceServer } from '../../../src/changes/create-resource-server.ts'
import { createTenant } from '../../../src/changes/create-tenant.ts'
import { createWorkspace } from '../../../src/changes/create-workspace.ts'
import { createSecret } from '../../../src/changes/credential-changes.ts'
import { grantScopes } from '../../../src/changes/scope-changes.ts'
import type { ClientId } from '../../../src/ids.ts'
import type { Region } from '../../../src/tenancy/region.ts'
import type { Workspace } from '../../../src/tenancy/tenant.ts'

export const EVERYWHERE = 'https://orders.example'
export const CHOSEN = 'correct horse battery staple'

/** What a token must say of it. */
export type Party = {
  readonly region: Region
  readonly workspace: Workspace
  readonly host: string
  readonly path: string
  /** The audience that no other workspace has. */
  readonly own: string
}

export type Caller = {
  readonly party: Party
  readonly clientId: ClientId
  readonly secret: string
  readonly credentialId: string
}

export type Population = { readonly parties: readonly Party[]; readonly callers: readonly Caller[] }

type Size = {
  /** In each region. */
  readonly tenants: number
  readonly workspaces: number
  readonly clients: number
}

const AT_ONCE = 4

export async function createPopulation(
  needs: (region: Region) => ChangeNeeds,
  regions: readonly Region[],
  { tenants, workspaces, clients }: Size,
): Promise<Population> {
  const parties: Party[] = []
  const callers: Caller[] = []
  const names = regions.flatMap((region) =>
    Array.from({ length: tenants }, (_, tenant) => ({ region, tenant })),
  )
  await inParallel(names, async ({ region, tenant: number }) => {
    const change = needs(region)
    const { tenant } = await createTenant(change, { slug: `tenant-${number}` })
    for (let count = 0; count < workspaces; count++) {
      const settings = {
        chosenSecrets: count % 2 === 0,
        accessTokenLifetime: 300 + number * 4 + count + (region === 'none' ? 0 : 150),
      }
      const { workspace } = await createWorkspace(change, tenant, { slug: `workspace-${count}`, settings })
      const party = await createParty(change, workspace)
      parties.push(party)
      for (let client = 0; client < clients; client++) {
        callers.push(
          await createCaller(change, party, `robot-${client}` as ClientId, workspace.chosenSecrets),
        )
      }
    }
  })
  return { parties, callers }
}

async function createParty(change: ChangeNeeds, workspace: Workspace): Promise<Party> {
  const { host, hostname, pathname: path } = new URL(workspace.issuer)
  const own = `https://${hostname}${path}/api`
  const scopes = { read: 'read orders', write: 'change orders' }
  await createResourceServer(change, workspace, { identifier: EVERYWHERE, name: 'Orders', scopes })
  await createResourceServer(change, workspace, { identifier: own, name: 'Own', scopes: { own: 'use it' } })
  return { region: change.region, workspace, host, path, own }
}

export async function createCaller(
  change: ChangeNeeds,
  party: Party,
  clientId: ClientId,
  chosen: boolean,
): Promise<Caller> {
  const { workspace } = party
  await createClient(change, workspace, { id: clientId, name: 'A robot' })
  await grantScopes(change, workspace, clientId, ['read', 'write', 'own'])
  const made = await createSecret(change, workspace, clientId, chosen ? { chosen: CHOSEN } : {})
  return { party, clientId, secret: made.secret, credentialId: made.credentialId }
}

export async function inParallel<T>(list: readonly T[], work: (item: T) => Promise<void>, atOnce = AT_ONCE) {
  const rest = [...list]
  const worker = async () => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}
