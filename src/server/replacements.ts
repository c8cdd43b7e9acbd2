/** Clients that replace their own secrets: makes the change, and reports the first use of the new one to changes/, once at a time. */
import type { ChangeNeeds, ChangeParts } from '../changes/change.ts'
import { confirmReplacement, replaceOwnSecret } from '../changes/replace-own-secret.ts'
import type { CredentialNeeds } from '../endpoints/credentials.ts'
import type { ClientId, CredentialId } from '../ids.ts'
import { OAuthError } from '../oauth/error.ts'
import type { Observe } from '../observe/observation.ts'
import { isUnavailable } from '../storage/transaction.ts'
import type { Region } from '../tenancy/region.ts'
import type { Workspace } from '../tenancy/tenant.ts'
import type { RegionNode } from './region-node.ts'

type Needs = {
  /** Of the regions that are served here. */
  readonly nodes: ReadonlyMap<Region, Pick<RegionNode, 'patient'>>
  readonly changes: ChangeParts
  readonly observe: Observe
}

export function replacements({ nodes, changes, observe }: Needs) {
  const underWay = new Set<string>()
  const needsOf = ({ tenant: { region } }: Workspace, clientId: ClientId): ChangeNeeds => {
    const node = nodes.get(region)
    if (node === undefined) throw new Error(`region ${region} is not served here`)
    return {
      ...changes,
      region,
      database: node.patient,
      actor: `client ${clientId}, itself`,
    }
  }

  const replaceSecret: CredentialNeeds['replaceSecret'] = (
    workspace,
    clientId,
    id,
    wish,
    { peer, requestId },
  ) =>
    replaceOwnSecret(
      { ...needsOf(workspace, clientId), peer, requestId },
      workspace,
      clientId,
      id,
      wish,
    ).catch((cause: unknown) => {
      if (!isUnavailable(cause)) throw cause
      throw new OAuthError('temporarily_unavailable', 'database_unavailable', 'try again in a few seconds', {
        headers: { 'Retry-After': '5' },
        cause,
      })
    })

  return {
    replaceSecret,

    /** Nobody waits for it. What cannot be done now is done at the next use. */
    used(workspace: Workspace, clientId: ClientId, credentialId: CredentialId): void {
      const key = `${workspace.id} ${clientId} ${credentialId}`
      if (underWay.has(key)) return
      underWay.add(key)
      confirmReplacement(needsOf(workspace, clientId), workspace, clientId, credentialId)
        .catch((error: unknown) => {
          if (!isUnavailable(error))
            observe({ type: 'server_error', requestId: 'first use of a secret', error })
        })
        .finally(() => underWay.delete(key))
    },
  }
}
