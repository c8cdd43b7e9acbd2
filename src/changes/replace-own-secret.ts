/**
 * A client replaces its own secret. The new one works at once and dies unused after an hour; its first use gives the old one its
 * end, the overlap from that moment and never sooner, so that the client's other processes go on working meanwhile.
 */
import { MAX_LIVE_CREDENTIALS } from '../clients/client.ts'
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
    const now = await databaseTime(connection)
    const standing = live.filter(({ expiresAt: end }) => end === undefined || end.getTime() > now * 1000)
    if (standing.length >= MAX_LIVE_CREDENTIALS) {
      // Answers that were lost, perhaps: who asks again does not fill the client's places. While there are others, what
      // another process of the client was given at the same time, and has not used yet, stays.
      const [oldest] = standing
        .filter(({ replaces, awaitsUse }) => awaitsUse && replaces === old)
        .toSorted((one, other) => one.createdAt.getTime() - other.createdAt.getTime())
      if (oldest !== undefined) await store.revokeCredential(clientId, oldest.id)
    }
    const expiresAt = now + DIES_UNUSED
    const replacement = { replaces: old, overlap }
    const { ended } = await addSecret(needs, connection, workspace, clientId, {
      ...made,
      credential: { ...made.credential, expiresAt, replacement },
    })
    return {
      value: { credentialId: made.credential.id, secret: made.secret, expiresAt },
      event: {
        action: 'secret_replaced',
        workspaceId: workspace.id,
        subject: clientId,
        details: { credentialId: made.credential.id, replaces: old, overlap, ...(ended && { ended }) },
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
