/** What a change of signing keys breaks, for whoever is about to make it. */
import type { KeyStep } from '../keys/life-cycle.ts'
import { databaseTime } from '../storage/database-time.ts'
import type { TenantConnection } from '../storage/transaction.ts'
import { resourceServerStore } from '../tenancy/resource-server-store.ts'
import type { Workspace } from '../tenancy/tenant.ts'

/** What is known of a key that is about to be worthless: whoever revokes it is told before, and the trail afterwards. */
export type KeyDependence = {
  /** Tokens that it signed and that have not ended: so many, or fewer. */
  readonly unexpiredTokens: number
  /** They may go on signing with it, and publishing it. */
  readonly unconfirmedNodes: readonly {
    readonly id: string
    readonly silentFor: number
    readonly mayGoOnFor: number
  }[]
}

export function brokenBy({ unexpiredTokens, unconfirmedNodes }: KeyDependence): readonly string[] {
  return [
    `${unexpiredTokens} tokens or fewer that have not ended are worthless`,
    ...unconfirmedNodes.map(
      ({ id, silentFor, mayGoOnFor }) =>
        `node ${id} has not confirmed what was changed last (silent for ${silentFor} s): it may go on with this key for ${mayGoOnFor} s`,
    ),
  ]
}

const MOST_NAMED = 20

/** Whose caches lack a key that signs at once: those of resource servers that fetched the set before it was in it. */
export async function cachesBrokenBy(
  connection: TenantConnection,
  workspace: Workspace,
  steps: readonly KeyStep[],
): Promise<readonly string[]> {
  const early = steps.flatMap((step) => (step.do === 'publish' && step.activate ? [step.algorithm] : []))
  if (early.length === 0) return []
  const servers = await resourceServerStore(connection, workspace.id).listResourceServers(undefined, 10_000)
  const names = servers
    .filter(({ signingAlgorithm = workspace.signingAlgorithm }) => early.includes(signingAlgorithm))
    .map(({ identifier }) => identifier as string)
  const more = names.length - MOST_NAMED
  const until = new Date(((await databaseTime(connection)) + workspace.jwksMaxAge) * 1000).toISOString()
  return [
    `verifiers that have fetched the keys within ${workspace.jwksMaxAge} s may refuse tokens until ${until}: those of ${
      names.length === 0 ? 'no resource server yet' : names.slice(0, MOST_NAMED).join(', ')
    }${more > 0 ? ` and ${more} more` : ''}`,
  ]
}
