/**
 * Client authentication, RFC 6749 §2.3: reads the credentials of a request and decides whether they are right. Takes
 * values only: the endpoint finds the client in between.
 *
 * What a failing attempt costs is decided by the form of what was presented and by the workspace, never by the client
 * that was found or not; the client's state is looked at after the hash; and the answer is the same bytes.
 */
import { randomBytes } from 'node:crypto'
import { compare, hash } from 'bcrypt'
import type { Clock } from '../clock.ts'
import type { ClientId, CredentialId } from '../ids.ts'
import { isVschar, readBasic } from '../oauth/basic.ts'
import { OAuthError } from '../oauth/error.ts'
import type { Workspace } from '../tenancy/tenant.ts'
import type { Credential, KnownClient, SecretMethod } from './client.ts'
import { readSecretForm, type SecretForm } from './secret.ts'

/** The parameters of a form that authenticate a client. */
export const CREDENTIAL_PARAMETERS = [
  'client_id',
  'client_secret',
  'client_assertion',
  'client_assertion_type',
] as const
export type CredentialForm = Readonly<Partial<Record<(typeof CREDENTIAL_PARAMETERS)[number], string>>>

export type Presented = {
  readonly method: SecretMethod
  readonly clientId: ClientId
  readonly secret: string
  readonly form: SecretForm & { readonly form: 'generated' | 'chosen' }
}

export type Authenticated = { readonly client: KnownClient; readonly credentialId: CredentialId }

/**
 * Exactly one method, well-formed, in a form that some client of this workspace can have. Asks nobody.
 * @param authorizations every value of the Authorization header
 */
export function readCredentials(
  authorizations: readonly string[],
  form: CredentialForm,
  workspace: Workspace,
): Presented {
  const [authorization] = authorizations
  const assertion = form.client_assertion !== undefined || form.client_assertion_type !== undefined
  // §2.3: "The client MUST NOT use more than one authentication method in each request."
  const methods = authorizations.length + Number(form.client_secret !== undefined) + Number(assertion)
  if (methods > 1) {
    throw new OAuthError(
      'invalid_request',
      'several_credentials',
      'send one kind of client credentials, once: Authorization: Basic, or client_id and client_secret in the body',
    )
  }
  if (assertion) {
    throw new OAuthError(
      'invalid_client',
      'assertion_unsupported',
      'client assertions are not accepted: use a secret',
    )
  }
  if (authorization !== undefined) {
    const { clientId, secret } = readBasic(authorization)
    if (form.client_id !== undefined && form.client_id !== clientId) {
      throw new OAuthError(
        'invalid_request',
        'client_id_mismatch',
        'client_id in the body differs from the one in Authorization',
      )
    }
    return { method: 'client_secret_basic', clientId: clientId as ClientId, ...readUsable(secret, workspace) }
  }
  // §2.2: "The client identifier is not a secret; it [...] MUST NOT be used alone for client authentication."
  if (form.client_secret === undefined || form.client_id === undefined) {
    throw new OAuthError(
      'invalid_client',
      'credentials_missing',
      'client credentials are missing: send Authorization: Basic, or client_id and client_secret in the body',
    )
  }
  if (!isVschar(form.client_id)) throw refused('client_id_syntax')
  const clientId = form.client_id as ClientId
  return { method: 'client_secret_post', clientId, ...readUsable(form.client_secret, workspace) }
}

/** @param bcryptCost that new hashes are made with; what nobody has is compared with a hash of the same cost */
export function clientAuthentication({ clock, bcryptCost }: { clock: Clock; bcryptCost: number }) {
  const nobodysHash = hash(randomBytes(32).toString('base64url'), bcryptCost)

  /** @param client whom the workspace has under the presented id, if anybody */
  return async function authenticate(
    presented: Presented,
    client: KnownClient | undefined,
  ): Promise<Authenticated> {
    const credential = client?.credentials.find((candidate) => isMeant(candidate, presented.form))
    const right = await compare(presented.secret, credential?.bcryptHash ?? (await nobodysHash))
    if (client === undefined) throw refused('unknown_client')
    if (credential === undefined) throw refused('unknown_credential')
    if (!right) throw refused('wrong_secret')
    requireUsable(credential, clock.now())
    if (client.state !== 'enabled') throw refused('client_disabled')
    if (client.strictAuthMethod && client.tokenEndpointAuthMethod !== presented.method) {
      throw refused('method_not_registered')
    }
    return { client, credentialId: credential.id }
  }
}

function isMeant(candidate: Credential, form: Presented['form']): boolean {
  return form.form === 'generated'
    ? candidate.origin === 'generated' && candidate.id === form.credentialId
    : candidate.origin === 'chosen' && candidate.state === 'live'
}

function requireUsable({ state, notBefore, expiresAt }: Credential, now: number): void {
  if (state !== 'live') throw refused('credential_revoked')
  if (notBefore !== undefined && now < notBefore) throw refused('credential_not_yet_valid')
  if (expiresAt !== undefined && now >= expiresAt) throw refused('credential_expired')
}

function readUsable(secret: string, workspace: Workspace): Pick<Presented, 'secret' | 'form'> {
  const form = readSecretForm(secret)
  if (form.form === 'damaged') {
    throw new OAuthError(
      'invalid_client',
      'secret_damaged',
      'client_secret was cut short or mistyped: its checksum does not match',
    )
  }
  if (form.form === 'impossible') throw refused('secret_syntax')
  if (form.form === 'chosen' && !workspace.chosenSecrets) throw refused('secret_form')
  return { secret, form }
}

/** One answer for all that only the right client may know. */
function refused(reason: RefusedReason): OAuthError {
  return new OAuthError(
    'invalid_client',
    reason,
    'client authentication failed: check client_id and client_secret, and that host and path name the workspace of this client',
  )
}

type RefusedReason =
  | 'client_id_syntax'
  | 'client_disabled'
  | 'credential_expired'
  | 'credential_not_yet_valid'
  | 'credential_revoked'
  | 'method_not_registered'
  | 'secret_form'
  | 'secret_syntax'
  | 'unknown_client'
  | 'unknown_credential'
  | 'wrong_secret'
