/**
 * Everything that can happen, as one union of values. Code does not call a logger or a counter: it observes, and each
 * sink decides what it keeps. No member has room for a secret, an assertion, a token or a key. Types only.
 */

export type Observation =
  | {
      readonly type: 'token_issued'
      readonly requestId: string
      readonly issuer: string
      readonly clientId: string
      readonly credentialId: string
      readonly grantType: string
      readonly scope: string
      readonly tokenId: string
    }
  | {
      readonly type: 'request_refused'
      readonly requestId: string
      readonly peer: string
      readonly status: number
      /** As the client was told, and the exact check behind it: docs/errors.md lists them. */
      readonly code: string
      readonly reason: string
      /** Where it was addressed to, once that is known. */
      readonly issuer?: string
    }
  /** A fault of ours, or of what we stand on. */
  | { readonly type: 'server_error'; readonly requestId: string; readonly error: unknown }
  | {
      readonly type: 'server_started'
      readonly url: string
      readonly opsUrl: string
      readonly regions: readonly string[]
    }
  | { readonly type: 'server_stopping' }
  | { readonly type: 'server_stopped' }
  /** What an operator should look at, though the server runs. */
  | { readonly type: 'warning'; readonly message: string }

export type Observe = (observation: Observation) => void
