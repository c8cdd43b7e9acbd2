/**
 * A client replaces its own secret: it proves itself with the one that it has, as at the token endpoint, and gets another one,
 * shown once. Where its workspace allows that. A bearer token is no proof here: who has stolen one would stay for good.
 */
import { CREDENTIAL_PARAMETERS, readCredentials } from '../clients/credentials.ts'
import { ChangeRefusal } from '../changes/refusal.ts'
import type { ReplacedSecret } from '../changes/replace-own-secret.ts'
import type { ClientId, CredentialId } from '../ids.ts'
import { OAuthError } from '../oauth/error.ts'
import { readForm, requireForm } from '../oauth/form.ts'
import type { Workspace } from '../tenancy/tenant.ts'
import { jsonReply } from './answer.ts'
import type { ClientAuthenticator } from './authenticate-client.ts'
import { requireCleanQuery } from './clean-query.ts'
import type { WorkspaceEndpoint, WorkspaceQuestion } from './workspace-endpoint.ts'

export type CredentialNeeds = {
  readonly authenticateClient: ClientAuthenticator
  /** @throws ChangeRefusal where the client has five, or what it asks for is out of bounds */
  readonly replaceSecret: (
    workspace: Workspace,
    clientId: ClientId,
    credentialId: CredentialId,
    wish: { readonly overlap?: number; readonly label?: string },
    question: Pick<WorkspaceQuestion, 'peer' | 'requestId'>,
  ) => Promise<ReplacedSecret>
}

const SECONDS = /^(?:0|[1-9][0-9]{0,8})$/

export function credentialsEndpoint({
  authenticateClient,
  replaceSecret,
}: CredentialNeeds): WorkspaceEndpoint {
  return {
    path: '/oauth2/credentials',
    methods: ['POST'],

    async answer(question, workspace, directory) {
      requireCleanQuery(question.query)
      requireForm(question.headers('content-type'), question.headers('content-encoding'))
      const form = readForm(question.body, ['overlap', 'label', ...CREDENTIAL_PARAMETERS], [])
      const presented = readCredentials(question.headers('authorization'), form, workspace)
      directory.requireFresh()
      const { client, credentialId } = await authenticateClient(
        presented,
        workspace,
        directory,
        question.peer,
      )
      if (!workspace.selfRotation) throw notAllowed()
      const overlap = form.overlap === undefined ? undefined : readSeconds(form.overlap)
      const { secret, expiresAt, ...made } = await replaceSecret(
        workspace,
        client.id,
        credentialId,
        { ...(overlap !== undefined && { overlap }), ...(form.label !== undefined && { label: form.label }) },
        question,
      ).catch(explain)
      return jsonReply(201, {
        client_id: client.id,
        client_secret: secret,
        credential_id: made.credentialId,
        replaces: credentialId,
        // Unless it is used before, it ends then; NumericDate, as RFC 7591 §3.2.1 has client_secret_expires_at.
        unused_until: expiresAt,
      })
    },
  }
}

function readSeconds(text: string): number {
  if (SECONDS.test(text)) return Number(text)
  throw new OAuthError('invalid_request', 'overlap_syntax', 'overlap must be a whole number of seconds')
}

/** A change that is refused is the client's to mend. */
function explain(cause: unknown): never {
  if (!(cause instanceof ChangeRefusal)) throw cause
  throw new OAuthError('invalid_request', 'replacement_refused', cause.message, { cause })
}

function notAllowed(): OAuthError {
  return new OAuthError(
    'unauthorized_client',
    'self_rotation_off',
    'this workspace does not let clients replace their own secrets: ask whoever administers it',
  )
}
