/** What a plan compares and shows of each thing: its values as JSON has them, in one order. Pure. */
import type { StoredCredential } from '../../clients/credential-batch-store.ts'
import type { ResourceServer } from '../../tenancy/resource-server.ts'
import type { Workspace } from '../../tenancy/tenant.ts'
import type { Values } from './step.ts'
import type { WantedClient, WorkspaceSettings } from './wanted.ts'

export function workspaceValues({
  disabled,
  ...workspace
}: WorkspaceSettings & { disabled: boolean }): Values {
  return {
    state: disabled ? 'disabled' : 'enabled',
    accessTokenLifetime: workspace.accessTokenLifetime,
    jwksMaxAge: workspace.jwksMaxAge,
    signingLead: workspace.signingLead,
    signingAlgorithm: workspace.signingAlgorithm,
    chosenSecrets: workspace.chosenSecrets,
    chosenDigests: workspace.chosenDigests,
    audienceParameter: workspace.audienceParameter,
    rehash: workspace.rehash,
    selfRotation: workspace.selfRotation,
    keyRotation: workspace.keyRotation ?? null,
    tokensPerMinute: workspace.tokensPerMinute ?? null,
  }
}

/** As `workspaceValues` takes it. */
export function settingsOf(workspace: Workspace): WorkspaceSettings & { disabled: boolean } {
  return {
    ...workspace,
    keyRotation: workspace.keyRotation,
    tokensPerMinute: workspace.tokensPerMinute,
    disabled: workspace.disabled === true,
  }
}

export function serverValues({ name, signingAlgorithm, jwtType }: Omit<ResourceServer, 'id'>): Values {
  return { name, signingAlgorithm: signingAlgorithm ?? null, jwtType }
}

export function clientValues(client: Omit<WantedClient, 'credentials'>): Values {
  return {
    name: client.name,
    state: client.state,
    tokenEndpointAuthMethod: client.tokenEndpointAuthMethod,
    strictAuthMethod: client.strictAuthMethod,
    grantTypes: client.grantTypes,
    defaultResourceServer: client.defaultResourceServer ?? null,
    severalResources: client.severalResources,
    allowedNetworks: client.allowedNetworks,
    tokensPerMinute: client.tokensPerMinute ?? null,
    // The order means nothing (RFC 6749 §3.3).
    scopes: client.scopes.toSorted(),
    optionalScopes: client.optionalScopes.toSorted(),
  }
}

export function credentialValues({
  label,
  origin,
  notBefore,
  expiresAt,
}: Pick<StoredCredential, 'label' | 'origin' | 'notBefore' | 'expiresAt'>): Values {
  return { label, origin, notBefore: moment(notBefore), expiresAt: moment(expiresAt) }
}

/** @param seconds since 1970 */
export function moment(seconds: number | undefined): string | null {
  return seconds === undefined ? null : new Date(seconds * 1000).toISOString()
}
