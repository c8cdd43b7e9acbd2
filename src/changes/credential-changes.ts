/** Changes of a client's credentials. A secret is shown once, to whoever made it, and stored as a bcrypt hash. */
import { clientStore } from '../clients/client-store.ts'
import { credentialListStore, type ListedCredential } from '../clients/credential-list-store.ts'
import type { ClientId, CredentialId } from '../ids.ts'
import { databaseTime } from '../storage/database-time.ts'
import type { TenantConnection } from '../storage/transaction.ts'
import type { Workspace } from '../tenancy/tenant.ts'
import { change, type Changed, type ChangeNeeds } from './change.ts'
import { requirePeriod, requireText } from './input.ts'
import { addSecret, makeSecret, type SecretInput } from './make-secret.ts'
import { ChangeRefusal } from './refusal.ts'

/** Seconds: a week, and a year. */
export const DEFAULT_OVERLAP = 7 * 24 * 60 * 60
const MAX_OVERLAP = 365 * 24 * 60 * 60

export async function createSecret(
  needs: ChangeNeeds,
  workspace: Workspace,
  clientId: ClientId,
  input: SecretInput = {},
): Promise<Changed<{ credentialId: CredentialId; secret: string }>> {
  const made = await makeSecret(needs, workspace, input)
  return change(needs, workspace.tenant.id, async (connection) => {
    const { bcryptHash: _, digest: __, ...credential } = made.credential
    const details = { ...credential, ...(await addSecret(needs, connection, workspace, clientId, made)) }
    return {
      value: { credentialId: made.credential.id, secret: made.secret },
      event: { action: 'secret_created', workspaceId: workspace.id, subject: clientId, details },
    }
  })
}

/**
 * Makes a new secret and gives the old one its end: who uses either is served until then.
 * @param overlap seconds that the old one has
 */
export async function rotateSecret(
  needs: ChangeNeeds,
  workspace: Workspace,
  clientId: ClientId,
  id: CredentialId,
  { overlap = DEFAULT_OVERLAP, ...input }: Omit<SecretInput, 'chosen'> & { readonly overlap?: number } = {},
): Promise<Changed<{ credentialId: CredentialId; secret: string }>> {
  requireOverlap(overlap)
  const made = await makeSecret(needs, workspace, input)
  return change(needs, workspace.tenant.id, async (connection) => {
    const old = await requireLive(connection, workspace, clientId, id)
    const { ended } = await addSecret(needs, connection, workspace, clientId, made)
    const end = (await databaseTime(connection)) + overlap
    const expiresAt = Math.min(end, old.expiresAt === undefined ? Infinity : old.expiresAt.getTime() / 1000)
    await clientStore(connection, workspace.id).updateCredential(clientId, id, {
      label: old.label,
      expiresAt,
    })
    return {
      value: { credentialId: made.credential.id, secret: made.secret },
      event: {
        action: 'secret_rotated',
        workspaceId: workspace.id,
        subject: clientId,
        details: {
          credentialId: made.credential.id,
          replaces: id,
          oldExpiresAt: expiresAt,
          ...(ended && { ended }),
        },
      },
      breaks: [`the secret ${id} ends ${new Date(expiresAt * 1000).toISOString()}`],
    }
  })
}

/** @param patch its `expiresAt` null: without an end */
export async function updateCredential(
  needs: ChangeNeeds,
  workspace: Workspace,
  clientId: ClientId,
  id: CredentialId,
  patch: { readonly label?: string; readonly expiresAt?: number | null },
): Promise<Changed<object>> {
  requireText('label', patch.label ?? '', 0, 200)
  requirePeriod(undefined, patch.expiresAt ?? undefined)
  return change(needs, workspace.tenant.id, async (connection) => {
    const old = await requireLive(connection, workspace, clientId, id)
    const before = { label: old.label, expiresAt: old.expiresAt && old.expiresAt.getTime() / 1000 }
    const after = {
      label: patch.label ?? before.label,
      expiresAt: patch.expiresAt === undefined ? before.expiresAt : (patch.expiresAt ?? undefined),
    }
    requirePeriod(old.notBefore && Math.floor(old.notBefore.getTime() / 1000), after.expiresAt)
    await clientStore(connection, workspace.id).updateCredential(clientId, id, after)
    return {
      value: {},
      event: {
        action: 'credential_changed',
        workspaceId: workspace.id,
        subject: clientId,
        details: { credentialId: id, before, after },
      },
    }
  })
}

export async function revokeCredential(
  needs: ChangeNeeds,
  workspace: Workspace,
  clientId: ClientId,
  id: CredentialId,
): Promise<Changed<object>> {
  return change(needs, workspace.tenant.id, async (connection) => {
    if (!(await clientStore(connection, workspace.id).revokeCredential(clientId, id))) {
      throw unknownCredential()
    }
    return {
      value: {},
      event: {
        action: 'credential_revoked',
        workspaceId: workspace.id,
        subject: clientId,
        details: { credentialId: id },
      },
    }
  })
}

async function requireLive(
  connection: TenantConnection,
  workspace: Workspace,
  clientId: ClientId,
  id: CredentialId,
): Promise<ListedCredential> {
  const store = credentialListStore(connection, workspace.id)
  const [found] = await store.listCredentials({ clientId, id, state: 'live' }, undefined, 1)
  if (found === undefined) throw unknownCredential()
  return found
}

function unknownCredential(): ChangeRefusal {
  return new ChangeRefusal('id', 'unknown_credential', 'id names no live credential of this client')
}

/** @throws ChangeRefusal for what is no number of seconds up to a year */
export function requireOverlap(overlap: number): void {
  if (Number.isInteger(overlap) && overlap >= 0 && overlap <= MAX_OVERLAP) return
  throw new ChangeRefusal(
    'overlap',
    'out_of_bounds',
    `overlap must be a whole number of seconds from 0 to ${MAX_OVERLAP}`,
  )
}
