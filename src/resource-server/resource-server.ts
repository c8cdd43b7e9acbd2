/**
 * The kit with which an API verifies Regent's access tokens: an Express middleware that answers as RFC 6750 §3
 * says, and the verification of RFC 9068 §4 beneath it. It needs the issuer's published documents and nothing else
 * of Regent. It does not know what a scope token allows: that is the API's own business.
 */
import type { IncomingMessage } from 'node:http'
import type { RequestHandler } from 'express'
import { accessTokenVerifier, type AccessTokenClaims } from './access-token.ts'
import { readBearerToken } from './bearer.ts'
import { sendRefusal } from './challenge.ts'
import { readOptions, type ResourceServerOptions } from './options.ts'
import { Refusal } from './refusal.ts'
import { remoteKeys } from './remote-keys.ts'
import { requireScope, requireScopeTokens } from './scope.ts'

export type { AccessTokenClaims } from './access-token.ts'
export type { ResourceServerOptions } from './options.ts'
export { Refusal, type RefusalCode } from './refusal.ts'

export type ResourceServer = {
  /** Protects a route: only a valid token that grants all these scope tokens passes. */
  requireToken: (...scopeTokens: string[]) => RequestHandler
  /** Verifies a token that came some other way; rejects with a `Refusal`. */
  verify: (token: string) => Promise<AccessTokenClaims>
}

const verifiedClaims = new WeakMap<IncomingMessage, AccessTokenClaims>()

/** Nothing is fetched before the first token comes. Throws a TypeError that names the option at fault. */
export function resourceServer(options: ResourceServerOptions): ResourceServer {
  const { issuer, audience, clockSkew, algorithms, typ, fetch, refetchInterval, realm } = readOptions(options)
  const keys = remoteKeys({ issuer, fetch, refetchInterval })
  const verify = accessTokenVerifier({ issuer, audience, clockSkew, algorithms, typ, keys })

  return {
    verify,

    requireToken(...scopeTokens) {
      requireScopeTokens(scopeTokens)
      return async (request, response, next) => {
        try {
          const claims = await verify(readBearerToken(request))
          requireScope(claims, scopeTokens)
          verifiedClaims.set(request, claims)
        } catch (error) {
          if (error instanceof Refusal) {
            sendRefusal(response, error, realm)
          } else {
            next(error)
          }
          return
        }
        next()
      }
    },
  }
}

/** The verified claims of a request that passed `requireToken`. */
export function accessTokenOf(request: IncomingMessage): AccessTokenClaims {
  const claims = verifiedClaims.get(request)
  if (claims === undefined) {
    throw new TypeError('accessTokenOf: this route is not protected with requireToken')
  }
  return claims
}
