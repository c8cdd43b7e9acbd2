/** One step of a plan: what is made, changed or ended, or stays though nobody wrote it down. Types, and how values are compared. */
import type { StoredCredential } from '../../clients/credential-batch-store.ts'
import type { ClientId, CredentialId } from '../../ids.ts'
import type { ResourceIdentifier } from '../../oauth/resource.ts'
import type { OwnedScope, ResourceServer } from '../../tenancy/resource-server.ts'
import type { WorkspaceSlug } from '../../tenancy/slug.ts'
import type { Workspace } from '../../tenancy/tenant.ts'
import type {
  PresentClient,
  WantedClient,
  WantedCredential,
  WantedResourceServer,
  WantedScope,
  WantedWorkspace,
} from './wanted.ts'

/** What may be shown of something: never a hash. Values that JSON has. */
export type Values = Readonly<Record<string, unknown>>

type Shown = {
  readonly workspace: WorkspaceSlug
  readonly name: string
  /** Of an update only what differs. */
  readonly before?: Values
  readonly after?: Values
  /** Why nothing is done. */
  readonly note?: string
}
type Make = { readonly do: 'create' }
type Change = { readonly do: 'update' }
/** `keep`: it would be ended, were this asked for. */
type End = { readonly do: 'delete' | 'keep' }

export type Step = Shown &
  (
    | { readonly kind: 'workspace'; readonly of: Making<WantedWorkspace, Workspace> }
    | { readonly kind: 'resource_server'; readonly of: Making<WantedResourceServer, ResourceServer> }
    | {
        readonly kind: 'scope'
        readonly owner: ResourceIdentifier
        readonly of: Making<WantedScope, OwnedScope>
      }
    | { readonly kind: 'client'; readonly of: Making<WantedClient, PresentClient> }
    | { readonly kind: 'credential'; readonly client: ClientId; readonly of: CredentialMaking }
  )

type Making<Wanted, Present> =
  | (Make & { readonly wanted: Wanted })
  | (Change & { readonly wanted: Wanted; readonly present: Present })
  | (End & { readonly present: Present })

type CredentialMaking =
  | (Make & {
      readonly id: CredentialId
      readonly slot: number
      readonly hash: string
      readonly wanted: WantedCredential
    })
  | (Change & {
      readonly present: StoredCredential
      readonly label: string
      readonly expiresAt: number | undefined
    })
  | (End & { readonly present: StoredCredential })
  /** It is not here, or was revoked; nothing can be done about it. */
  | { readonly do: 'missing' }

/** Why a plan cannot be carried out. */
export type PlanFault = {
  /** Into what was wanted: names and indices. */
  readonly path: readonly (string | number)[]
  readonly reason: string
  readonly detail: string
}

/** Undefined: nothing is to be done. */
export type Planned = Step | { readonly fault: PlanFault } | undefined

/** @returns undefined where they are the same; else of each what differs */
export function difference(
  before: Values,
  after: Values,
): { readonly before: Values; readonly after: Values } | undefined {
  const names = Object.keys(after).filter(
    (name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]),
  )
  if (names.length === 0) return undefined
  const only = (values: Values) => Object.fromEntries(names.map((name) => [name, values[name] ?? null]))
  return { before: only(before), after: only(after) }
}
