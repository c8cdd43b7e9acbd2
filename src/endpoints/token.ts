/**
 * Token endpoint, RFC 6749 §3.2. Read it from top to bottom: this is the life of a token request, in the order in
 * which it may be refused. Nothing about scopes or resources can be learned before the client is authenticated.
 */
import type { KnownClient } from '../clients/client.ts'
import { CREDENTIAL_PARAMETERS, readCredentials } from '../clients/credentials.ts'
import type { Clock } from '../clock.ts'
import { requireActiveKey } from '../directory/known-workspace.ts'
import type { Grant } from '../grants/grant.ts'
import { OAuthError } from '../oauth/error.ts'
import { readForm, requireForm } from '../oauth/form.ts'
import { parseResource, type ResourceIdentifier } from '../oauth/resource.ts'
import { parseScope, printScope, type Scope } from '../oauth/scope.ts'
import type { Observe } from '../observe/observation.ts'
import { inSpan } from '../observe/tracing.ts'
import type { IssuedToken } from '../records/issuance-batch.ts'
import type { RefusedRequest } from '../records/refusal-log.ts'
import type { Region } from '../tenancy/region.ts'
import type { Workspace } from '../tenancy/tenant.ts'
import { issueAccessToken } from '../tokens/issue-access-token.ts'
import { jsonReply } from './answer.ts'
import type { ClientAuthenticator } from './authenticate-client.ts'
import { requireCleanQuery } from './clean-query.ts'
import { requireOneSigning, requireWithin } from './within.ts'
import type { WorkspaceEndpoint } from './workspace-endpoint.ts'

export type TokenNeeds = {
  readonly clock: Clock
  readonly grants: readonly Grant[]
  readonly authenticateClient: ClientAuthenticator
  /** @throws OAuthError 503 while this node should not issue tokens for the region, by its clock */
  readonly requireRightClock: (region: Region) => void
  /** Counts a token of this client. @returns headers that tell of its limits. @throws OAuthError 429 */
  readonly countIssuance: (workspace: Workspace, client: KnownClient) => Readonly<Record<string, string>>
  /** Writes down who got it. @returns what the answer waits for, where it must. Rejects with an OAuthError 503 */
  readonly recordIssuance: (token: IssuedToken) => Promise<void> | undefined
  /** Writes down that a client which had proved itself did not get one. */
  readonly recordRefusal: (refused: RefusedRequest) => void
  readonly observe: Observe
}

export function tokenEndpoint(needs: TokenNeeds): WorkspaceEndpoint {
  const {
    clock,
    grants,
    authenticateClient,
    requireRightClock,
    countIssuance,
    recordIssuance,
    recordRefusal,
    observe,
  } = needs
  return {
    path: '/oauth2/token',
    methods: ['POST'],
    frequent: true,

    async answer(question, workspace, directory) {
      requireCleanQuery(question.query)
      requireForm(question.headers('content-type'), question.headers('content-encoding'))
      const form = readForm(
        question.body,
        ['grant_type', 'scope', ...CREDENTIAL_PARAMETERS],
        ['resource', 'audience'],
      )
      const grant = requireGrant(grants, form.grant_type)

      const presented = readCredentials(question.headers('authorization'), form, workspace)
      const longestLife = directory.requireFresh()
      requireRightClock(workspace.tenant.region)
      const { client, credentialId } = await authenticateClient(
        presented,
        workspace,
        directory,
        question.peer,
      )
      let resources: readonly ResourceIdentifier[] = []
      let scope: Scope | undefined
      try {
        const limits = countIssuance(workspace, client)
        requireGrantAllowed(client, grant)

        resources = readResources(form, workspace)
        scope = form.scope === undefined ? undefined : parseScope(form.scope)
        const authorization = await grant.authorize({ client, scope, resources })
        requireWithin(client, authorization)

        const { algorithm, jwtType } = requireOneSigning(client, authorization, workspace)
        const key = requireActiveKey(workspace, algorithm)
        const token = await issueAccessToken(clock, workspace, key, {
          clientId: client.id,
          credentialId,
          jwtType,
          longestLife,
          ...authorization,
        })
        const printedScope = printScope(authorization.scope)
        const recorded = recordIssuance({
          workspace,
          clientId: client.id,
          credentialId,
          scope: printedScope,
          resources: authorization.resources,
          tokenId: token.tokenId,
          peer: question.peer,
          requestId: question.requestId,
        })
        // No token leaves without its row, where the log is durable.
        if (recorded !== undefined) await inSpan('commit of the row', () => recorded)
        observe({
          type: 'token_issued',
          requestId: question.requestId,
          issuer: workspace.issuer,
          clientId: client.id,
          credentialId,
          grantType: grant.type,
          scope: printedScope,
          tokenId: token.tokenId,
        })
        const body = {
          access_token: token.value,
          token_type: 'Bearer',
          expires_in: token.expiresIn,
          // §5.1: required where it differs from what was asked for; sent always, so that nobody must guess.
          scope: printedScope,
        }
        return jsonReply(200, body, limits)
      } catch (error) {
        const reason = error instanceof OAuthError ? error.reason : 'server_error'
        // Names that the workspace has, and the client: whatever else a caller sends, nobody keeps.
        const asked = {
          scope: (scope ?? []).filter((token) => workspace.scope.includes(token)),
          resources: resources.filter((one) => client.grants.some(({ resource }) => resource === one)),
          reason,
          peer: question.peer,
          requestId: question.requestId,
        }
        recordRefusal({ workspace, clientId: client.id, credentialId, ...asked })
        throw error
      }
    },
  }
}

function requireGrant(grants: readonly Grant[], type: string | undefined): Grant {
  if (type === undefined) {
    throw new OAuthError('invalid_request', 'grant_type_missing', 'the parameter grant_type is missing')
  }
  const grant = grants.find((candidate) => candidate.type === type)
  if (grant === undefined) {
    const known = grants.map((candidate) => candidate.type).join(', ')
    throw new OAuthError(
      'unsupported_grant_type',
      'grant_type_unknown',
      `grant_type must be one of: ${known}`,
    )
  }
  return grant
}

function requireGrantAllowed(client: KnownClient, grant: Grant): void {
  if (!client.grantTypes.includes(grant.type)) {
    throw new OAuthError(
      'unauthorized_client',
      'grant_not_allowed',
      'this client may not use this grant_type',
    )
  }
}

/** RFC 8707 §2; where a workspace says so, `audience` stands in for it, as other products' clients send it. */
function readResources(
  form: { readonly resource: readonly string[]; readonly audience: readonly string[] },
  workspace: Workspace,
) {
  const asked = form.resource.length === 0 && workspace.audienceParameter ? form.audience : form.resource
  return [...new Set(asked.map(parseResource))]
}
