/** Changes of a client's credentials. A secret is shown once, to whoever made it, and stored as a bcrypt hash. */
import { hash } from 'bcrypt'
import { MAX_LIVE_CREDENTIALS, type NewCredential } from '../clients/client.ts'
import { clientStore } from '../clients/client-store.ts'
import { digestSecret } from '../clients/digest.ts'
import { generateSecret, MAX_SECRET_BYTES, readSecretForm } from '../clients/secret.ts'
import { newCredentialId, type ClientId, type CredentialId } from '../ids.ts'
import type { Workspace } from '../tenancy/tenant.ts'
import { change, requireFree, type Changed, type ChangeNeeds } from './change.ts'
import { unknownClient } from './client-changes.ts'
import { requirePeriod, requireText } from './input.ts'
import { ChangeRefusal } from './refusal.ts'

export type SecretInput = {
  readonly label?: string
  /** Seconds since 1970. */
  readonly notBefore?: number
  readonly expiresAt?: number
  /** A secret that somebody else made: at most one a client, and only where the workspace allows it. */
  readonly chosen?: string
}

export async function createSecret(
  needs: ChangeNeeds,
  workspace: Workspace,
  clientId: ClientId,
  input: SecretInput = {},
): Promise<Changed<{ credentialId: CredentialId; secret: string }>> {
  requireChoosable(workspace, input.chosen)
  requireText('label', input.label ?? '', 0, 200)
  requirePeriod(input.notBefore, input.expiresAt)
  const id = newCredentialId()
  const secret = input.chosen ?? generateSecret(id)
  const owner = {
    region: needs.region,
    tenantId: workspace.tenant.id,
    workspaceId: workspace.id,
    clientId,
    credentialId: id,
  }
  const credential: NewCredential = {
    id,
    origin: input.chosen === undefined ? 'generated' : 'chosen',
    label: input.label ?? '',
    // Before the transaction: it takes a twentieth of a second of a thread, and locks would wait for it.
    bcryptHash: await hash(secret, needs.bcryptCost),
    // A chosen secret may be weak: whether a digest of it may be kept is decided when it is used.
    digest: input.chosen === undefined ? digestSecret(needs.digestKeys[0], owner, secret) : undefined,
    state: 'live',
    notBefore: input.notBefore,
    expiresAt: input.expiresAt,
  }
  return change(needs, workspace.tenant.id, async (connection) => {
    const store = clientStore(connection, workspace.id)
    if (!(await store.lockClient(clientId))) throw unknownClient()
    const slots = await store.listTakenSlots(clientId)
    const free = Array.from({ length: MAX_LIVE_CREDENTIALS }, (_, index) => index + 1).find(
      (slot) => !slots.includes(slot),
    )
    if (free === undefined) {
      throw new ChangeRefusal(
        'credentials',
        'too_many_credentials',
        `a client has at most ${MAX_LIVE_CREDENTIALS} credentials: revoke one first`,
      )
    }
    await requireFree('chosen', store.insertCredential(clientId, free, credential))
    const { bcryptHash: _, digest: __, ...details } = credential
    return {
      value: { credentialId: id, secret },
      event: { action: 'secret_created', workspaceId: workspace.id, subject: clientId, details },
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
      throw new ChangeRefusal('id', 'unknown_credential', 'id names no live credential of this client')
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

function requireChoosable(workspace: Workspace, chosen: string | undefined): void {
  if (chosen === undefined) return
  if (!workspace.chosenSecrets) {
    throw new ChangeRefusal(
      'chosen',
      'chosen_secrets_off',
      'this workspace takes only secrets that Regent generates',
    )
  }
  if (readSecretForm(chosen).form !== 'chosen') {
    throw new ChangeRefusal(
      'chosen',
      'secret_syntax',
      `chosen must be 1 to ${MAX_SECRET_BYTES} printable ASCII characters and not begin like a generated secret`,
    )
  }
}
