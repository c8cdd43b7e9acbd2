/**
 * Authorization server metadata, RFC 8414 §2, and the same for OpenID-style discovery. They differ in two members
 * that strict OpenID parsers insist on, though nobody logs in here.
 */
import { SECRET_METHODS } from '../clients/client.ts'
import type { Grant } from '../grants/grant.ts'
import { ALGORITHMS } from '../oauth/signing.ts'
import { DOCUMENT_METHODS, documentReply } from './document.ts'
import type { WorkspaceEndpoint } from './workspace-endpoint.ts'

const OPENID_MEMBERS = {
  subject_types_supported: ['public'],
  // OpenID Connect Discovery §3 demands RS256 in this list. No ID token is ever issued, but some verifiers of access
  // tokens take it for the list of algorithms that they may accept.
  id_token_signing_alg_values_supported: [
    'RS256',
    ...ALGORITHMS.filter((algorithm) => algorithm !== 'RS256'),
  ],
}

/** Each under its path; RFC 8414 §3's inserted form leads to the first one. */
export function metadataEndpoints(grants: readonly Grant[]): readonly WorkspaceEndpoint[] {
  return [
    metadataEndpoint('/.well-known/oauth-authorization-server', grants, {}),
    metadataEndpoint('/.well-known/openid-configuration', grants, OPENID_MEMBERS),
  ]
}

function metadataEndpoint(path: string, grants: readonly Grant[], more: object): WorkspaceEndpoint {
  return {
    path,
    methods: DOCUMENT_METHODS,
    async answer(question, workspace) {
      const { issuer } = workspace
      return documentReply(question, workspace, () => ({
        issuer,
        token_endpoint: `${issuer}/oauth2/token`,
        jwks_uri: `${issuer}/.well-known/jwks.json`,
        scopes_supported: workspace.scope,
        // §2 demands the member, §3.2 forbids an empty array: parsers insist on the first and mind the second not.
        response_types_supported: [],
        // Stated, since their defaults would promise grants and methods that do not exist here.
        grant_types_supported: grants.map(({ type }) => type),
        token_endpoint_auth_methods_supported: SECRET_METHODS,
        ...more,
      }))
    },
  }
}
