/**
 * Verifiers that others wrote, and our own kit, each used as its documentation says. All protect the same: one API that
 * knows its audience and where the issuer is. What they know of keys they fetch from the published addresses.
 */
import axios from 'axios'
import { JwtVerifier } from 'aws-jwt-verify'
import { SimpleJwksCache } from 'aws-jwt-verify/jwk'
import type { RequestHandler } from 'express'
import { expressjwt, type GetVerificationKey } from 'express-jwt'
import { auth } from 'express-oauth2-jwt-bearer'
import { createVerifier, type Algorithm as FastJwtAlgorithm } from 'fast-jwt'
import { Hono } from 'hono'
import { jwk } from 'hono/jwk'
import type { JWTPayload as HonoClaims } from 'hono/utils/jwt/types'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import jwt, { type JwtHeader, type SigningKeyCallback } from 'jsonwebtoken'
import jwksRsa from 'jwks-rsa'
import passport from 'passport'
import { ExtractJwt, Strategy as JwtStrategy } from 'passport-jwt'
import type { Algorithm, JwtType } from '../../src/oauth/signing.ts'
import { accessTokenOf, resourceServer } from '../../src/resource-server/resource-server.ts'
import { openExpress, type Claims, type OpenVerifier } from './express-api.ts'

export type Api = {
  readonly issuer: string
  readonly jwksUri: string
  readonly audience: string
  readonly algorithm: Algorithm
  readonly typ: JwtType
}

export type InteroperableVerifier = {
  readonly name: string
  /** Whose versions are named; none for our own. */
  readonly packages: readonly string[]
  readonly open: (api: Api) => OpenVerifier | Promise<OpenVerifier>
}

/** @param where the options that tell it where the issuer is, and with that, which tokens it takes */
function expressOauth2JwtBearer(
  name: string,
  where: (api: Api) => { issuerBaseURL: string } | { issuer: string; jwksUri: string },
): InteroperableVerifier {
  return {
    name,
    packages: ['express-oauth2-jwt-bearer'],
    open: (api) =>
      openExpress(
        auth({ ...where(api), audience: api.audience, strict: api.typ === 'at+jwt' }) as RequestHandler,
        (request) => (request as { auth?: { payload?: unknown } }).auth?.payload,
      ),
  }
}

const expressJwt: InteroperableVerifier = {
  name: 'express-jwt with jwks-rsa',
  packages: ['express-jwt', 'jwks-rsa'],
  open: ({ issuer, jwksUri, audience, algorithm }) =>
    openExpress(
      expressjwt({
        secret: jwksRsa.expressJwtSecret({ jwksUri, cache: true, rateLimit: true }) as GetVerificationKey,
        // Its type is jsonwebtoken's, which does not know EdDSA.
        algorithms: [algorithm as jwt.Algorithm],
        issuer,
        audience,
      }) as RequestHandler,
      (request) => request.auth,
    ),
}

const passportJwt: InteroperableVerifier = {
  name: 'passport-jwt with jwks-rsa',
  packages: ['passport-jwt', 'jwks-rsa'],
  open({ issuer, jwksUri, audience, algorithm }) {
    const authenticator = new passport.Passport()
    authenticator.use(
      new JwtStrategy(
        {
          jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(),
          secretOrKeyProvider: jwksRsa.passportJwtSecret({ jwksUri, cache: true, rateLimit: true }),
          issuer,
          audience,
          algorithms: [algorithm],
        },
        (claims, done) => done(null, claims),
      ),
    )
    const users = new WeakMap<object, unknown>()
    return openExpress(
      (request, response, next) => {
        // The custom callback of its documentation: without it nobody learns why a token was refused.
        authenticator.authenticate('jwt', { session: false }, (error, user, info) => {
          if (user) {
            users.set(request, user)
            next()
          } else {
            const { message } = error ?? info ?? new Error('no user, and no reason')
            next(Object.assign(new Error(message), { status: error ? 500 : 401 }))
          }
        })(request, response, next)
      },
      (request) => users.get(request),
    )
  },
}

const jsonwebtoken: InteroperableVerifier = {
  name: 'jsonwebtoken with jwks-rsa',
  packages: ['jsonwebtoken', 'jwks-rsa'],
  open({ issuer, jwksUri, audience, algorithm }) {
    const client = jwksRsa({ jwksUri })
    const findKey = (header: JwtHeader, callback: SigningKeyCallback) => {
      client.getSigningKey(header.kid, (error, key) => callback(error, key?.getPublicKey()))
    }
    return {
      verify: (token) =>
        new Promise((resolve, reject) => {
          const options = { algorithms: [algorithm as jwt.Algorithm], issuer, audience }
          jwt.verify(token, findKey, options, (error, claims) => {
            if (error) reject(error)
            else resolve(claims as Claims)
          })
        }),
    }
  },
}

const awsJwtVerify: InteroperableVerifier = {
  name: 'aws-jwt-verify',
  packages: ['aws-jwt-verify'],
  open({ issuer, jwksUri, audience }) {
    // Its own fetcher takes https only; this is the one of its documentation.
    const fetcher = {
      fetch: async (uri: string) => {
        const { data } = await axios.get<Buffer>(uri, { responseType: 'arraybuffer' })
        return new Uint8Array(data).buffer
      },
    }
    const verifier = JwtVerifier.create(
      { issuer, audience, jwksUri },
      { jwksCache: new SimpleJwksCache({ fetcher }) },
    )
    return { verify: (token) => verifier.verify(token) }
  },
}

const fastJwt: InteroperableVerifier = {
  name: 'fast-jwt with jwks-rsa',
  packages: ['fast-jwt', 'jwks-rsa'],
  open({ issuer, jwksUri, audience, algorithm, typ }) {
    const client = jwksRsa({ jwksUri })
    const verify = createVerifier({
      key: async ({ header }: { header: { kid?: string } }) =>
        (await client.getSigningKey(header.kid)).getPublicKey(),
      algorithms: [algorithm satisfies FastJwtAlgorithm],
      allowedIss: issuer,
      allowedAud: audience,
      checkTyp: typ,
    })
    return { verify: async (token) => (await verify(token)) as Claims }
  },
}

const jose: InteroperableVerifier = {
  name: 'jose',
  packages: ['jose'],
  open({ issuer, jwksUri, audience, typ }) {
    const jwks = createRemoteJWKSet(new URL(jwksUri))
    return { verify: async (token) => (await jwtVerify(token, jwks, { issuer, audience, typ })).payload }
  },
}

function hono(name: string, verification: (api: Api) => { typ?: string }): InteroperableVerifier {
  return {
    name,
    packages: ['hono'],
    open(api) {
      const app = new Hono<{ Variables: { jwtPayload: HonoClaims } }>()
      app.use(
        '/orders',
        jwk({
          jwks_uri: api.jwksUri,
          alg: [api.algorithm],
          verification: { iss: api.issuer, aud: api.audience, ...verification(api) },
        }),
      )
      app.get('/orders', (context) => context.json(context.get('jwtPayload')))
      app.onError((error, context) => {
        const { cause } = error as { cause?: unknown }
        return context.text(cause instanceof Error ? cause.message : error.message, 401)
      })
      return {
        async verify(token) {
          const response = await app.request('/orders', { headers: { Authorization: `Bearer ${token}` } })
          if (response.status !== 200) throw new Error(await response.text())
          return (await response.json()) as Claims
        },
      }
    },
  }
}

const kit: InteroperableVerifier = {
  name: "Regent's own kit",
  packages: [],
  open({ issuer, audience, typ }) {
    const { requireToken } = resourceServer({ issuer, audience, typ })
    return openExpress(requireToken(), accessTokenOf)
  },
}

export const VERIFIERS: readonly InteroperableVerifier[] = [
  kit,
  jose,
  expressOauth2JwtBearer('express-oauth2-jwt-bearer, `issuerBaseURL`', ({ issuer }) => ({
    issuerBaseURL: issuer,
  })),
  expressOauth2JwtBearer(
    'express-oauth2-jwt-bearer, `issuerBaseURL` with `/.well-known/oauth-authorization-server`',
    ({ issuer }) => ({
      issuerBaseURL: `${issuer}/.well-known/oauth-authorization-server`,
    }),
  ),
  expressOauth2JwtBearer('express-oauth2-jwt-bearer, `issuer` and `jwksUri`', ({ issuer, jwksUri }) => ({
    issuer,
    jwksUri,
  })),
  expressJwt,
  passportJwt,
  jsonwebtoken,
  awsJwtVerify,
  fastJwt,
  hono('hono', () => ({})),
  hono('hono, `typ` named', ({ typ }) => ({ typ })),
]
