/** Resource servers (RFC 6749 §1.1): the APIs that tokens are for. Each owns scope tokens of its workspace. */
import type { ResourceServerId } from '../ids.ts'
import type { ResourceIdentifier } from '../oauth/resource.ts'
import type { Algorithm, JwtType } from '../oauth/signing.ts'
import type { ScopeToken } from '../oauth/scope.ts'

export type ResourceServer = {
  readonly id: ResourceServerId
  /** The `resource` that clients ask for and the audience of its tokens (RFC 8707 §2, RFC 9068 §3). */
  readonly identifier: ResourceIdentifier
  readonly name: string
  /** Undefined: as its workspace does. */
  readonly signingAlgorithm: Algorithm | undefined
  readonly jwtType: JwtType
}

export type OwnedScope = {
  readonly token: ScopeToken
  readonly resourceServerId: ResourceServerId
  readonly description: string
}
