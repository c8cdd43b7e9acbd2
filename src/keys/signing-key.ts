/** Signing keys of one workspace, as values: `published -> active -> retired -> gone`, or `revoked` at any time. */
import type { KeyObject } from 'node:crypto'
import type { Kid, WorkspaceId } from '../ids.ts'
import type { Algorithm } from '../oauth/signing.ts'

export const KEY_STATES = ['published', 'active', 'retired', 'gone', 'revoked'] as const
export type KeyState = (typeof KEY_STATES)[number]

/** RFC 7517 §4, public parameters only. */
export type PublicJwk = {
  readonly kty: string
  readonly kid: Kid
  readonly use: 'sig'
  readonly alg: Algorithm
  readonly [parameter: string]: unknown
}

/** Times are seconds since 1970 by the database's clock, life spans seconds. */
export type SigningKey = {
  readonly kid: Kid
  readonly algorithm: Algorithm
  readonly state: KeyState
  readonly publicJwk: PublicJwk
  /** Not before every verifier can have it. */
  readonly maySignAt: number
  /** Undefined: it has never signed. */
  readonly activatedAt: number | undefined
  readonly retiredAt: number | undefined
  /** The greatest values in force while a token of this key could be made or its JWKS be cached. */
  readonly maxTokenLifetime: number
  readonly maxJwksAge: number
  readonly maxStale: number
}

/** A key that can sign. Its parts are one immutable object, so that no kid ever stands over another's signature. */
export type ActiveKey = {
  readonly kid: Kid
  readonly algorithm: Algorithm
  readonly workspaceId: WorkspaceId
  readonly privateKey: KeyObject
}
