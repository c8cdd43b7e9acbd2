/** Clients (RFC 6749 §2) and their credentials, as values. Every client is confidential: nothing else can exist. */
import type { ClientId, CredentialId, ResourceServerId } from '../ids.ts'
import type { ResourceIdentifier } from '../oauth/resource.ts'
import type { ScopeToken } from '../oauth/scope.ts'
import type { Algorithm, JwtType } from '../oauth/signing.ts'
import type { Digest } from './digest.ts'

/** By their registered names (RFC 7591 §2). */
export const SECRET_METHODS = ['client_secret_basic', 'client_secret_post'] as const
export type SecretMethod = (typeof SECRET_METHODS)[number]

export type Client = {
  readonly id: ClientId
  readonly name: string
  readonly state: 'enabled' | 'disabled'
  readonly tokenEndpointAuthMethod: SecretMethod
  /** Only the registered method; otherwise the two ways of sending a secret are interchangeable. */
  readonly strictAuthMethod: boolean
  readonly grantTypes: readonly string[]
  /** What a token is for when a request names neither resource nor scope. */
  readonly defaultResourceServerId: ResourceServerId | undefined
  /** One token may be for several resource servers. */
  readonly severalResources: boolean
  /** Addresses and subnets that it may ask from; none: from anywhere. */
  readonly allowedNetworks: readonly string[]
}

/** One secret of a client. A client has up to five that live, so that they can be rotated one by one. */
export type Credential = {
  readonly id: CredentialId
  readonly origin: 'generated' | 'chosen'
  /** bcrypt's; until it is used first, one that came from elsewhere may be of PBKDF2 (`hash-forms.ts`). */
  readonly bcryptHash: string
  /** Decides in place of the hash where it is there and its key is known; see `digest.ts`. */
  readonly digest: Digest | undefined
  readonly state: 'live' | 'revoked'
  /** Seconds since 1970; undefined where there is no such bound. */
  readonly notBefore: number | undefined
  readonly expiresAt: number | undefined
  /** It replaces another one, and nobody has used it yet. */
  readonly awaitsUse?: boolean
}

/** As it is made. */
export type NewCredential = Credential & {
  readonly label: string
  readonly createdBy: string
  /** Which one it replaces; that one ends so many seconds after the first use of this one. */
  readonly replacement?: { readonly replaces: CredentialId; readonly overlap: number }
}

/** One scope token that a client may have, with the resource server that owns it. */
export type ScopeGrant = {
  readonly scopeToken: ScopeToken
  /** Belongs to what the client gets when it asks for no scope (RFC 6749 §3.3). */
  readonly byDefault: boolean
  readonly resourceServerId: ResourceServerId
  readonly resource: ResourceIdentifier
  /** How the resource server wants its tokens; undefined: as its workspace does. */
  readonly signingAlgorithm: Algorithm | undefined
  readonly jwtType: JwtType
}

/** A client with all that a request of its needs. */
export type KnownClient = Omit<Client, 'name'> & {
  /** At most so many; undefined: as many as it asks for. */
  readonly tokensPerMinute: number | undefined
  readonly credentials: readonly Credential[]
  readonly grants: readonly ScopeGrant[]
}

export const MAX_LIVE_CREDENTIALS = 5

// The alphabet reads the same form-encoded or not (RFC 6749 §2.3.1; RFC 3986 §2.3 unreserved characters).
export const CLIENT_ID = /^[A-Za-z0-9._~-]{1,128}$/

/** Whether somebody can have it; what a caller presents may be any VSCHAR (RFC 6749 Appendix A.1). */
export function isClientId(text: string): text is ClientId {
  return CLIENT_ID.test(text)
}
