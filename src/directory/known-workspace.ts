/** A workspace with all that its requests need: one value, read at one moment, replaced as a whole. */
import type { ActiveKey, PublicJwk } from '../keys/signing-key.ts'
import type { Scope } from '../oauth/scope.ts'
import type { Algorithm } from '../oauth/signing.ts'
import type { Workspace } from '../tenancy/tenant.ts'

export type KnownWorkspace = Workspace & {
  /** Ready to sign, the longest active first: one of each algorithm in use. */
  readonly activeKeys: readonly ActiveKey[]
  /** When the oldest of them began to sign, in seconds since 1970 by the database's clock. */
  readonly signingSince: number | undefined
  /** What the JWK set holds. */
  readonly publicKeys: readonly PublicJwk[]
  /** Every scope token that its resource servers own. */
  readonly scope: Scope
}

/** @param algorithm as the resource server chose; while no key of it may sign yet, another one is answered */
export function requireActiveKey(workspace: KnownWorkspace, algorithm: Algorithm): ActiveKey {
  const { activeKeys, signingAlgorithm, issuer } = workspace
  // A newly chosen algorithm waits for its key's lead: until then verifiers know the keys that signed before.
  const key =
    activeKeys.find((candidate) => candidate.algorithm === algorithm) ??
    activeKeys.find((candidate) => candidate.algorithm === signingAlgorithm) ??
    activeKeys[0]
  if (key === undefined) throw new Error(`${issuer} has no active key`)
  return key
}
