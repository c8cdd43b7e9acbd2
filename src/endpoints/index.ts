/** The endpoints of a workspace. A new one is a file beside this one and a line in this list. */
import { credentialsEndpoint, type CredentialNeeds } from './credentials.ts'
import { jwksEndpoint } from './jwks.ts'
import { metadataEndpoints } from './metadata.ts'
import { tokenEndpoint, type TokenNeeds } from './token.ts'
import type { WorkspaceEndpoint } from './workspace-endpoint.ts'

export function workspaceEndpoints(needs: TokenNeeds & CredentialNeeds): readonly WorkspaceEndpoint[] {
  return [tokenEndpoint(needs), credentialsEndpoint(needs), jwksEndpoint, ...metadataEndpoints(needs.grants)]
}
