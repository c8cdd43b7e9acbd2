/** What a tenant should be, as somebody wrote it down, and what it is: the two sides of a plan. Types only. */
import type { Client } from '../../clients/client.ts'
import type { StoredCredential } from '../../clients/credential-batch-store.ts'
import type { ClientId, CredentialId } from '../../ids.ts'
import type { ResourceIdentifier } from '../../oauth/resource.ts'
import type { ScopeToken } from '../../oauth/scope.ts'
import type { WorkspaceSlug } from '../../tenancy/slug.ts'
import type { OwnedScope, ResourceServer } from '../../tenancy/resource-server.ts'
import type { Workspace } from '../../tenancy/tenant.ts'

export type WorkspaceSettings = Required<
  Omit<Workspace, 'tenant' | 'id' | 'slug' | 'issuer' | 'builtIn' | 'disabled' | 'hashWork'>
>

export type WantedWorkspace = {
  readonly slug: WorkspaceSlug
  readonly disabled: boolean
  readonly settings: WorkspaceSettings
  readonly resourceServers: readonly WantedResourceServer[]
  readonly clients: readonly WantedClient[]
}

export type WantedResourceServer = Omit<ResourceServer, 'id'> & {
  readonly scopes: readonly WantedScope[]
}
export type WantedScope = Pick<OwnedScope, 'token' | 'description'>

export type WantedClient = Omit<Client, 'defaultResourceServerId'> & {
  readonly defaultResourceServer: ResourceIdentifier | undefined
  readonly tokensPerMinute: number | undefined
  /** What it gets when it asks for none, and what it gets only when it asks for it. */
  readonly scopes: readonly ScopeToken[]
  readonly optionalScopes: readonly ScopeToken[]
  /** Undefined: nobody looks at them. */
  readonly credentials: readonly WantedCredential[] | undefined
}

export type WantedCredential = {
  /** Undefined: of a hash, whatever it will be called. */
  readonly id: CredentialId | undefined
  /** Undefined: a reference to one that is there. */
  readonly hash: string | undefined
  readonly origin: 'generated' | 'chosen'
  /** Undefined: as it is. */
  readonly label: string | undefined
  /** Seconds since 1970, as is the end; of a hash only. */
  readonly notBefore: number | undefined
  /** Null: it has no end; undefined: as it is. */
  readonly expiresAt: number | null | undefined
}

export type PresentWorkspace = {
  readonly workspace: Workspace
  readonly resourceServers: ReadonlyMap<ResourceIdentifier, ResourceServer>
  /** By token: its owner stands in it. */
  readonly scopes: ReadonlyMap<ScopeToken, OwnedScope>
  readonly clients: ReadonlyMap<ClientId, PresentClient>
}

export type PresentClient = Omit<WantedClient, 'credentials'> & {
  /** Revoked ones too: what was ended is not begun again. */
  readonly credentials: readonly StoredCredential[]
}

/** Of a workspace that should be: names in it that were given out once, and are not given out again. */
export type Buried = {
  readonly clients: ReadonlySet<string>
  readonly resourceServers: ReadonlySet<string>
}

export type PresentTenant = {
  readonly workspaces: ReadonlyMap<WorkspaceSlug, PresentWorkspace>
  /** Of the workspaces that should be: names that one has, or had. */
  readonly takenSlugs: ReadonlySet<string>
  readonly buried: ReadonlyMap<WorkspaceSlug, Buried>
}

export const NOTHING_BURIED: Buried = { clients: new Set(), resourceServers: new Set() }
