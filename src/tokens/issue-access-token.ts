/**
 * Issues access tokens, RFC 9068: the one place that puts their claims together. What is issued was authorized, and
 * checked against what the client may have, by the time this runs.
 */
import type { Clock } from '../clock.ts'
import type { ClientId, CredentialId } from '../ids.ts'
import { newRandomId } from '../ids.ts'
import { signJwt } from '../keys/sign.ts'
import type { ActiveKey } from '../keys/signing-key.ts'
import type { ResourceIdentifier } from '../oauth/resource.ts'
import { printScope, type Scope } from '../oauth/scope.ts'
import type { JwtType } from '../oauth/signing.ts'
import type { Workspace } from '../tenancy/tenant.ts'

export type AccessTokenGrant = {
  readonly clientId: ClientId
  readonly credentialId: CredentialId
  readonly subject: string
  /** Never empty: a token for everything is never made. */
  readonly resources: readonly ResourceIdentifier[]
  readonly scope: Scope
  readonly jwtType: JwtType
  /** Seconds; shorter than the workspace's own setting while the node works from old memory. */
  readonly longestLife: number
}

export type AccessToken = {
  readonly value: string
  /** Seconds from now. */
  readonly expiresIn: number
  readonly tokenId: string
}

export async function issueAccessToken(
  clock: Clock,
  workspace: Workspace,
  key: ActiveKey,
  { clientId, credentialId, subject, resources, scope, jwtType, longestLife }: AccessTokenGrant,
): Promise<AccessToken> {
  const issuedAt = clock.now()
  const expiresIn = Math.min(workspace.accessTokenLifetime, longestLife)
  const tokenId = newRandomId()
  const { tenant } = workspace
  const value = await signJwt({ purpose: 'access_token', type: jwtType }, workspace.id, key, {
    // §2.2: required. No nbf: verifiers check it without leeway, and iat says the same.
    iss: workspace.issuer,
    sub: subject,
    // §3: what the token is for. RFC 7519 §4.1.3: one audience may stand as a string.
    aud: resources.length === 1 ? resources[0] : resources,
    client_id: clientId,
    scope: printScope(scope),
    iat: issuedAt,
    exp: issuedAt + expiresIn,
    jti: tokenId,
    // Ours: tenant and workspace, which mean something only beside iss; the credential that asked.
    tid: tenant.slug,
    aid: workspace.slug,
    cred: credentialId,
    ...(tenant.region !== 'none' && { region: tenant.region }),
  })
  return { value, expiresIn, tokenId }
}
