/** Reads the client credentials of a request, RFC 6749 §2.3. Asks nobody: whether they are right is decided elsewhere. */
import type { ClientId } from '../ids.ts'
import { isVschar, readBasic } from '../oauth/basic.ts'
import { OAuthError } from '../oauth/error.ts'
import type { Workspace } from '../tenancy/tenant.ts'
import type { SecretMethod } from './client.ts'
import { authenticationFailed } from './refusal.ts'
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
  if (!isVschar(form.client_id)) throw authenticationFailed('client_id_syntax')
  const clientId = form.client_id as ClientId
  return { method: 'client_secret_post', clientId, ...readUsable(form.client_secret, workspace) }
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
  if (form.form === 'impossible') throw authenticationFailed('secret_syntax')
  if (form.form === 'chosen' && !workspace.chosenSecrets) throw authenticationFailed('secret_form')
  return { secret, form }
}
