/** The parts of changes that make a secret: shown once, to whoever made it, and stored as a bcrypt hash. */
import { hash } from 'bcrypt'
import { MAX_LIVE_CREDENTIALS, type NewCredential } from '../clients/client.ts'
import { clientStore } from '../clients/client-store.ts'
import { credentialPlacesStore } from '../clients/credential-places-store.ts'
import { digestSecret, type Digest } from '../clients/digest.ts'
import { generateSecret, MAX_SECRET_BYTES, readSecretForm } from '../clients/secret.ts'
import { newCredentialId, type ClientId, type CredentialId } from '../ids.ts'
import { findSealingKey } from '../keys/sealing-key.ts'
import type { TenantConnection } from '../storage/transaction.ts'
import type { Workspace } from '../tenancy/tenant.ts'
import { requireFree, type ChangeNeeds } from './change.ts'
import { requirePeriod, requireText } from './input.ts'
import { ChangeRefusal, unknownClient } from './refusal.ts'

const SLOTS = Array.from({ length: MAX_LIVE_CREDENTIALS }, (_, index) => index + 1)

export type SecretInput = {
  readonly label?: string
  /** Seconds since 1970. */
  readonly notBefore?: number
  readonly expiresAt?: number
  /** A secret that somebody else made: at most one a client, and only where the workspace allows it. */
  readonly chosen?: string
}

export type MadeSecret = { readonly secret: string; readonly credential: NewCredential }

/** Before the transaction of a change: a hash takes a twentieth of a second of a thread, and locks would wait for it. */
export async function makeSecret(
  needs: ChangeNeeds,
  workspace: Workspace,
  input: SecretInput,
): Promise<MadeSecret> {
  requireChoosable(workspace, input.chosen)
  requireText('label', input.label ?? '', 0, 200)
  requirePeriod(input.notBefore, input.expiresAt)
  const id = newCredentialId()
  const secret = input.chosen ?? generateSecret(id)
  const credential: NewCredential = {
    id,
    origin: input.chosen === undefined ? 'generated' : 'chosen',
    label: input.label ?? '',
    bcryptHash: await hash(secret, needs.bcryptCost),
    digest: undefined,
    state: 'live',
    notBefore: input.notBefore,
    expiresAt: input.expiresAt,
    createdBy: needs.actor,
  }
  return { secret, credential }
}

/**
 * The part of a change that makes it. Where the client has five, those that have ended make room: whoever only rotates is never
 * refused.
 * @returns what the audit trail is told besides
 * @throws ChangeRefusal where the client is not there, or has five that have not ended
 */
export async function addSecret(
  needs: ChangeNeeds,
  connection: TenantConnection,
  workspace: Workspace,
  clientId: ClientId,
  made: MadeSecret,
): Promise<{ readonly ended?: readonly CredentialId[] }> {
  const store = clientStore(connection, workspace.id)
  if (!(await store.lockClient(clientId))) throw unknownClient()
  const places = credentialPlacesStore(connection, workspace.id)
  const findFree = async () => {
    const taken = await places.listTakenSlots(clientId)
    return SLOTS.find((slot) => !taken.includes(slot))
  }
  let free = await findFree()
  const ended = free === undefined ? await places.revokeEndedCredentials(clientId) : []
  free ??= await findFree()
  if (free === undefined) {
    throw new ChangeRefusal(
      'credentials',
      'too_many_credentials',
      `a client has at most ${MAX_LIVE_CREDENTIALS} credentials: revoke one first`,
    )
  }
  const digest = await makeDigest(needs, connection, workspace, clientId, made)
  await requireFree('chosen', store.insertCredential(clientId, free, { ...made.credential, digest }))
  return ended.length > 0 ? { ended } : {}
}

/**
 * Under a key that all nodes know: one that does not know it would ask bcrypt, and write the digest anew. A chosen secret may
 * be weak: whether a digest of it may be kept is decided when it is used.
 */
async function makeDigest(
  { region, keyring, digestKeys }: ChangeNeeds,
  connection: TenantConnection,
  { id: workspaceId, tenant }: Workspace,
  clientId: ClientId,
  { secret, credential: { id: credentialId, origin } }: MadeSecret,
): Promise<Digest | undefined> {
  if (origin === 'chosen') return undefined
  const by = await findSealingKey(connection, region, keyring)
  const key = digestKeys.find(({ id }) => id === by)
  return (
    key && digestSecret(key, { region, tenantId: tenant.id, workspaceId, clientId, credentialId }, secret)
  )
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
