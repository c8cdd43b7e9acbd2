/**
 * Finds and authenticates the client of a request. A yes comes from memory; a no only from the primary, and it takes the
 * same time whatever it is about: a reading, a turn of its client id, and the end of the interval that it falls into. That
 * alone would not do: where work takes longer than an interval, what had less of it to do would be told by its time. Failing
 * often is answered with 429, which locks nobody out: a right secret that is quick to check passes whatever the counters say.
 */
import { attemptKey } from '../clients/attempt-key.ts'
import type { AttemptLimits } from '../clients/attempt-limits.ts'
import type { Authenticate, NewDigest } from '../clients/authenticate.ts'
import { isClientId, type KnownClient } from '../clients/client.ts'
import type { Presented } from '../clients/credentials.ts'
import { authenticationFailed, tooManyAttempts } from '../clients/refusal.ts'
import type { Directory } from '../directory/directory.ts'
import type { Found } from '../directory/found.ts'
import type { ClientId, CredentialId } from '../ids.ts'
import type { Workspace } from '../tenancy/tenant.ts'

export type AuthenticationNeeds = {
  readonly authenticate: Authenticate
  readonly limits: AttemptLimits
  readonly noteDigest: (digest: NewDigest) => void
  /** The credential was right: it is in use. */
  readonly noteUse: (
    workspace: Workspace,
    clientId: ClientId,
    credentialId: CredentialId,
    peer: string,
  ) => void
  /** A credential that replaces another one was used, maybe for the first time. */
  readonly noteReplacement: (workspace: Workspace, clientId: ClientId, credentialId: CredentialId) => void
  /** Milliseconds of a clock that nobody sets. */
  readonly monotonic: () => number
  /** Failing answers leave at multiples of so many milliseconds after their request came; 0: at once. */
  readonly failureInterval: number
}

export type Authenticated = { readonly client: KnownClient; readonly credentialId: CredentialId }

export type ClientAuthenticator = (
  presented: Presented,
  workspace: Workspace,
  directory: Directory,
  peer: string,
) => Promise<Authenticated>

export function clientAuthenticator(needs: AuthenticationNeeds): ClientAuthenticator {
  const { authenticate, limits, noteDigest, noteUse, noteReplacement, monotonic, failureInterval } = needs

  return async (presented, workspace, directory, peer) => {
    const arrived = monotonic()
    const { clientId } = presented
    const { tenant, id } = workspace
    const asked = { presented, workspace, peer }
    // Nobody can have an id outside the grammar: the database is not asked for it, and who asks need not wait for it.
    const possible = isClientId(clientId)
    let found: Found<KnownClient> = possible
      ? await directory.findClient(workspace, clientId)
      : { value: undefined, asOf: arrived, fromPrimary: true }
    let attempt = await authenticate({ ...asked, unsure: !found.fromPrimary }, found.value)

    if (attempt.outcome === 'failed' && possible) {
      const confirmed = await directory.confirmClient(workspace, clientId, arrived, found)
      if (confirmed !== found) {
        attempt = await authenticate({ ...asked, previous: attempt.compared }, confirmed.value)
      }
      found = confirmed
    }
    const key = attemptKey(tenant.region, tenant.id, id, clientId, peer)
    if (attempt.outcome === 'failed') {
      await endOfInterval(arrived)
      const own = found.value?.credentials ?? []
      if (limits.failed(key, (credentialId) => own.some((candidate) => candidate.id === credentialId))) {
        throw tooManyAttempts(limits.retryAfter(key))
      }
      throw authenticationFailed(attempt.reason)
    }
    directory.lookAhead(workspace, attempt.client.id, found)
    limits.succeeded(key, attempt.credentialId)
    noteUse(workspace, attempt.client.id, attempt.credentialId, peer)
    if (attempt.awaitsUse === true) noteReplacement(workspace, attempt.client.id, attempt.credentialId)
    if (attempt.newDigest !== undefined) noteDigest(attempt.newDigest)
    return attempt
  }

  async function endOfInterval(arrived: number): Promise<void> {
    if (failureInterval === 0) return
    const rest = failureInterval - ((monotonic() - arrived) % failureInterval)
    await new Promise((resolve) => setTimeout(resolve, rest))
  }
}
