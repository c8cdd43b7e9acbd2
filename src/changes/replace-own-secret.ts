/**
 * A client replaces its own secret. The new one works at once and dies unused after an hour; its first use gives the old one its
 * end, the overlap from that moment and never sooner, so that the client's other processes go on working meanwhile.
 */
import { clientStore } from '../clients/client-store.ts'
import { credentialListStore } from '../clients/credential-list-store.ts'
import type { ClientId, CredentialId } from '../ids.ts'
import { databaseTime } from '../storage/database-time.ts'
import type { Workspace } from '../tenancy/tenant.ts'
import { change, type Changed, type ChangeNeeds } from './change.ts'
import { DEFAULT_OVERLAP, requireOverlap } from './credential-changes.ts'
import { addSecret, makeSecret } from './make-secret.ts'
import { ChangeRefusal } from './refusal.ts'

/** Seconds. */
const DIES_UNUSED = 60 * 60

export type ReplacedSecret = {
  readonly credentialId: CredentialId
  readonly secret: string
  /** Seconds since 1970: unless it is used before. */
  readonly expiresAt: number
}

/** @param old that the client proved itself with. @param overlap seconds that it has from the first use of the new one */
export async function replaceOwnSecret(
  needs: ChangeNeeds,
  workspace: Workspace,
  clientId: ClientId,
  old: CredentialId,
  { overlap = DEFAULT_OVERLAP, label }: { readonly overlap?: number; readonly label?: string } = {},
): Promise<Changed<ReplacedSecret>> {
  requireOverlap(overlap)
  const made = await makeSecret(needs, workspace, { ...(label !== undefined && { label }) })
  return change(needs, workspace.tenant.id, async (connection) => {
    const store = clientStore(connection, workspace.id)
    const live = await credentialListStore(connection, workspace.id).listCredentials(
      { clientId, state: 'live' },
      undefined,
      10,
    )
    if (!live.some(({ id }) => id === old))
      throw new ChangeRefusal('id', 'unknown_credential', 'id names no live credential of this client')
    // Its answer was lost, perhaps: who asks again does not fill the client's places.
    for (const { id, replaces, awaitsUse } of live)
      if (awaitsUse && replaces === old) await store.revokeCredential(clientId, id)
    const expiresAt = (await databaseTime(connection)) + DIES_UNUSED
    const replacement = { replaces: old, overlap }
    await addSecret(needs, connection, workspace, clientId, {
      ...made,
      credential: { ...made.credential, expiresAt, replacement },
    })
    return {
      value: { credentialId: made.credential.id, secret: made.secret, expiresAt },
      event: {
        action: 'secret_replaced',
        workspaceId: workspace.id,
        subject: clientId,
        details: { credentialId: made.credential.id, replaces: old, overlap },
      },
    }
  })
}

/** The new secret was used: it stays, and the old one gets its end. Safe to be reported more than once. */
export async function confirmReplacement(
  needs: ChangeNeeds,
  workspace: Workspace,
  clientId: ClientId,
  id: CredentialId,
): Promise<void> {
  await change(needs, workspace.tenant.id, async (connection) => {
    const replaced = await clientStore(connection, workspace.id).confirmReplacement(clientId, id)
    if (replaced === undefined) throw new AlreadyConfirmed()
    return {
      value: {},
      event: {
        action: 'replacement_used',
        workspaceId: workspace.id,
        subject: clientId,
        details: { credentialId: id, replaces: replaced.replaces, overlap: replaced.overlap },
      },
    }
  }).catch((error: unknown) => {
    if (!(error instanceof AlreadyConfirmed)) throw error
  })
}

/** Undoes a transaction in which there was nothing to do. */
class AlreadyConfirmed extends Error {}
