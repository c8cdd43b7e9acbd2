/** The endpoints of a workspace. A new one is a file beside this one and a line in this list. */
import { jwksEndpoint } from './jwks.ts'
import { metadataEndpoints } from './metadata.ts'
import { tokenEndpoint, type TokenNeeds } from './token.ts'
import type { WorkspaceEndpoint } from './workspace-endpoint.ts'

export function workspaceEndpoints(needs: TokenNeeds): readonly WorkspaceEndpoint[] {
  return [tokenEndpoint(needs), jwksEndpoint, ...metadataEndpoints(needs.grants)]
}
